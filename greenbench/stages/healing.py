"""Healing: a model that lost layers is trained for some more steps, so that the others fit again.

Papers that leave out a quarter of the layers do so: Gromov et al. 2024 (arXiv:2403.17887) with
low-rank adapters, Men et al. 2024 (ShortGPT, arXiv:2403.03853) by replacing what was left out. Here
all weights that training changed are trained, with training's options and a part of the profile's
learning rate, which rises and falls anew over these steps. They are measured as training.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from torch.utils.data import DataLoader

from greenbench.errors import UnavailableError
from greenbench.stages import layers, training
from greenbench.stages.ranks.report import TrainingJob
from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch.utils.data import Sampler
    from transformers import PreTrainedModel

    from greenbench.options import Options
    from greenbench.stages.batching import ShuffledBatches, SortedSteps
    from greenbench.stages.data import Batches
    from greenbench.stages.layers import Depth
    from greenbench.stages.ranks.pool import Ranks
    from greenbench.stages.ranks.rank import Rank
    from greenbench.stages.training_log import TrainingLog
    from greenbench.types import TaskSize

RATE = 0.5
"""Part of the profile's learning rate; docs/knobs.md shows what others did. The whole of it undoes
more in a few steps than these mend."""


@dataclass(frozen=True, slots=True)
class Healing:
    """What healing was observed to do."""

    log: TrainingLog
    depth: Depth
    """Its passes are those of healing."""


class FurtherBatches:
    """Batch sampler of further steps: new permutations of the same examples, cut short."""

    def __init__(self, batches: ShuffledBatches | SortedSteps, micro_batches: int) -> None:
        """Hand out so many micro-batches of the size of those that ``batches`` hands out."""
        self._batches = batches.further()
        self._micro_batches = micro_batches
        # Accelerate reads these two of a batch sampler.
        self.batch_size = batches.batch_size
        self.drop_last = True

    def __len__(self) -> int:
        """Micro-batches."""
        return self._micro_batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each micro-batch, epoch after epoch."""
        epochs = itertools.repeat(self._batches)
        endless = itertools.chain.from_iterable(epochs)
        return itertools.islice(endless, self._micro_batches)


def check(options: Options, ranks: Ranks) -> None:
    """Raise UnavailableError if several devices train: the layers are left out on one of them."""
    if options.inference.healing and ranks.rank.count > 1:
        raise UnavailableError(
            f"inference.healing: {options.inference.healing} was requested on {ranks.devices}, and "
            "a shortened model is trained on one device alone; name one, or leave healing out"
        )


def steps_for(share: float, trained: int) -> int:
    """Return the optimizer steps of healing: ``share`` of those of training, at least one."""
    return max(1, round(share * trained))


def job(batches: Batches, options: Options, size: TaskSize, trained: int) -> TrainingJob:
    """Return the training of a shortened model; ``trained`` are the optimizer steps of training.

    The order of the examples depends on the seed alone, not on whether this process trained before.
    """
    steps = steps_for(options.inference.healing, trained)
    micro_batches = steps * options.training.accumulation_steps
    sampler = FurtherBatches(
        cast("ShuffledBatches | SortedSteps", batches.train.batch_sampler), micro_batches
    )
    loader = DataLoader(
        batches.train.dataset,
        batch_sampler=cast("Sampler[list[int]]", sampler),
        collate_fn=batches.train.collate_fn,
    )
    to_the_end = replace(options.training, target_score=None)
    once = replace(size, epochs=1, learning_rate=RATE * size.learning_rate)
    return TrainingJob(loader, batches.objective, to_the_end, once, None)


def heal(net: PreTrainedModel, training_job: TrainingJob, depth: Depth, rank: Rank) -> Healing:
    """Train ``net``, whose layers are those of ``depth``, and return what was observed."""
    watched = replace(depth, passes=Tally("passes"))
    with layers.LayerWatch(net, watched):
        log = training.train(net, training_job, rank)
    return Healing(log, watched)


def proof(healing: Healing | None, asked: float, trained: int) -> Applied:
    """Compare what was trained after layers were left out with the share that was requested."""
    how = "the stage did not run"
    got, note, evidence = 0.0, "", {}
    if healing is not None:
        log = healing.log
        how = "optimizer steps after layers were left out, and those of training, counted"
        got = round(log.attempts / trained, 3) if trained and log.changed_tensors else 0.0
        note = _difference(healing)
        evidence = _evidence(healing)
    elif asked:
        note = "the shortened model was not trained"
    return Applied(
        stage="inference",
        knob="healing",
        asked=asked,
        got=got,
        how=how,
        note=note,
        evidence=evidence,
    )


def _difference(healing: Healing) -> str:
    log, depth = healing.log, healing.depth
    if not log.changed_tensors:
        return "the stage ran, and no weight changed"
    if log.attempts != log.planned:
        return f"{log.attempts} of {log.planned} optimizer steps were made"
    for ran in depth.passes.counts:
        missing = depth.missing_of(ran)
        if missing != depth.gone:
            share = depth.passes.share(ran)
            left_out = f"layers {layers.listed(missing)}; requested: {layers.listed(depth.gone)}"
            return f"the model was trained{share} without {left_out}"
    return ""


def _evidence(healing: Healing) -> dict[str, object]:
    log = healing.log
    evidence: dict[str, object] = {}
    evidence["steps"] = log.steps
    evidence["steps_skipped"] = log.skipped
    evidence["tensors_changed"] = log.changed_tensors
    evidence["loss_first"] = float(log.losses[0])
    evidence["loss_last"] = float(log.losses[-1])
    evidence["precision"] = log.precision
    evidence["layers"] = healing.depth.ran
    return evidence


def doubts(healing: Healing | None) -> tuple[str, ...]:
    """Warn if the loss of healing ended beyond all numbers."""
    if healing is None or math.isfinite(float(healing.log.losses[-1])):
        return ()
    return ("the loss of healing is not finite: the shortened model diverged",)
