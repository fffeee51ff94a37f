"""Taking transformer layers out before training, and the proof that neither stage ran them.

Training and inference are both shorter by these layers (Sajjad et al. 2023, arXiv:2004.03844, who
drop the top ones of a pretrained encoder and fine-tune the rest). Layers are counted from 0, by
their positions in the loaded model.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.stages import data, layer_rules, layers
from greenbench.stages.layers import Depth, LayerRequest
from greenbench.stages.stack import stack_of
from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedConfig, PreTrainedModel

    from greenbench.options import ArchitectureOptions, Options
    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import TaskExample
    from greenbench.stages.ranks.pool import Ranks


def request(options: ArchitectureOptions) -> LayerRequest:
    """Return what is to be left out before training."""
    return LayerRequest(options.prune_layers, options.prune_choice, layer_rules.PRUNING)


def calibration(options: Options, valid: Sequence[TaskExample]) -> Sequence[TaskExample]:
    """Return the validation examples by which layers are picked, before training or after it.

    Raises UsageError if some are needed and there are none.
    """
    pruned = layers.calibration(request(options.architecture), valid)
    return pruned or layers.calibration(layers.skipping(options.inference), valid)


def prune(
    net: PreTrainedModel, options: ArchitectureOptions, batches: Batches | None, ranks: Ranks
) -> PrunedModel:
    """Take out layers of the loaded model as ``options`` say, on all ``ranks``; return which.

    Raises UsageError if so many or such layers cannot be left out.
    """
    asked = request(options)
    config = copy.deepcopy(net.config) if asked.leaves_out else None
    examples = () if batches is None else data.calibration_batches(batches)
    depth = layers.picked(net, asked, examples, ranks.rank.device)
    if depth.gone:
        ranks.together("leave_out", depth.gone, lambda: layers.leave_out(net, depth.gone))
    return PrunedModel(loaded=depth, config=config)


def note_layers(pruned: PrunedModel | None, model: PreTrainedModel) -> None:
    """Note which layers of the loaded model the trained one has, before some are skipped."""
    if pruned is not None:
        numbers = pruned.loaded.numbers
        layers_now = stack_of(model).layers
        pruned.answering = tuple(numbers.get(layer) for layer in layers_now)


@dataclass(slots=True, kw_only=True)
class PrunedModel:
    """The layers of a model as they were loaded, and which of them later stages had."""

    loaded: Depth
    """With the layers that were taken out."""
    config: PreTrainedConfig | None = None
    """The configuration of the loaded model."""
    trained: Tally[int] = field(default_factory=lambda: Tally("passes"))
    """For every pass of training the layers of the loaded model that ran, as bits."""
    answering: tuple[int | None, ...] = ()
    """For each layer of the trained model its number in the loaded one; None if it is another."""

    def answered(self, depth: Depth) -> set[int]:
        """Return the layers of the loaded model that ran in some pass of inference."""
        ran = 0
        for bits in depth.passes.counts:
            ran |= bits
        numbers = set()
        for position, number in enumerate(self.answering):
            if number is not None and ran >> position & 1:
                numbers.add(number)
        return numbers

    @property
    def absent(self) -> tuple[int, ...]:
        """The layers that ran in no pass of training and that the trained model does not have.

        A layer that is skipped at inference is one that it has: another knob leaves it out.
        """
        absent = []
        for number in range(self.loaded.total):
            ran = any(bits >> number & 1 for bits in self.trained.counts)
            if not ran and number not in self.answering:
                absent.append(number)
        return tuple(absent)


def proofs(
    model: PrunedModel, options: ArchitectureOptions, depth: Depth
) -> tuple[Applied, Applied]:
    """Compare the layers that ran in training and at inference with those that were to stay.

    ``depth`` has the layers that ran at inference.
    """
    loaded = model.loaded
    influence = loaded.influence or (0.0,) * loaded.total
    asked = request(options)
    expected = asked.layers(loaded.kinds, lambda: influence)
    note = _difference(model, expected, depth)
    choice_proof = _choice_proof(model, asked.choice, note)
    if asked.fraction and not expected:
        rounded = f"{asked.fraction} of {loaded.total} layers rounds to none"
        note = f"{rounded}: nothing was taken out"
    trained, answered = model.trained.total, depth.passes.total
    share = len(model.absent) / loaded.total
    kept = layers.without(model.absent, loaded.total)
    fraction_proof = Applied(
        stage="architecture",
        knob="prune_layers",
        asked=asked.fraction,
        got=round(share, 3),
        how=f"hooks on the loaded layers: {trained} passes of training, {answered} of inference",
        note=note,
        evidence={"layers": loaded.total, "kept": kept},
    )
    return fraction_proof, choice_proof


def _choice_proof(model: PrunedModel, asked: str, note: str) -> Applied:
    got = None
    evidence = {}
    if model.absent:
        got = layers.listed(model.absent)
    if model.loaded.influence:
        evidence["block_influence"] = list(model.loaded.influence)
    return Applied(
        stage="architecture",
        knob="prune_choice",
        asked=asked,
        got=got,
        how="numbers of the loaded model's layers that ran in no pass, counted from 0",
        note=note,
        evidence=evidence,
    )


def _difference(model: PrunedModel, expected: tuple[int, ...], depth: Depth) -> str:
    """Say in which passes other layers ran than were to stay; empty if in none."""
    differences = []
    for bits in model.trained.counts:
        missing = model.loaded.missing_of(bits)
        if missing != expected:
            share = model.trained.share(bits)
            differences.append(f"layers taken out in training{share}: {layers.listed(missing)}")
    back = model.answered(depth) & set(expected)
    if back:
        listed = layers.listed(sorted(back))
        differences.append(f"layers that ran at inference nevertheless: {listed}")
    if not differences and model.absent != expected:
        differences.append(f"layers taken out: {layers.listed(model.absent)}")
    if differences:
        text = "; ".join(differences)
        return f"{text}; requested: {layers.listed(expected)}"
    if len(set(model.loaded.influence)) == 1:
        return "block influence is the same for all layers: it picked none"
    return ""
