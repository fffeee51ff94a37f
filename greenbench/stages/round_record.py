"""What the stages of one round left behind, and the proofs and warnings that follow from it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from greenbench.stages import (
    adapters,
    architecture,
    batch_sizes,
    drafting,
    engines,
    exit_log,
    healing,
    inference,
    key_value_cache,
    layers,
    precision,
    pruning,
    training_log,
    weights,
)
from greenbench.stages.batching_proofs import BatchShapes
from greenbench.stages.compiled_engine import CompiledEngine
from greenbench.stages.ranks.proof import processes_proof

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel

    from greenbench.options import Options
    from greenbench.stages.compiled_training import CompiledTraining
    from greenbench.stages.data import Batches
    from greenbench.stages.early_exit import RowExits
    from greenbench.stages.engines import Engine
    from greenbench.stages.healing import Healing
    from greenbench.stages.layers import Depth
    from greenbench.stages.loading import Loading
    from greenbench.stages.objectives.interface import AnsweredBatch, Objective
    from greenbench.stages.pruning import PrunedModel
    from greenbench.stages.tally import Tally
    from greenbench.stages.training_log import TrainingLog
    from greenbench.types import Applied


class InferenceProbe:
    """Context in which every forward pass of inference is read: one pass must not speak for all.

    What the passes attend with is read in the first one alone: no knob depends on it, and counting
    calls costs time.
    """

    def __init__(self, net: PreTrainedModel, depth: Depth, engine: Engine | None = None) -> None:
        """Probe ``net``, whose layers are those of ``depth``, and the engine in its place."""
        self.net = net
        self.engine = engine
        if engine is not None:
            engine.watch(depth)
        self._hooked = engine is None or engine.name != "compile"
        self.depth = depth
        self.held = weights.held(net)
        """What held the weights of each linear layer before the first pass."""
        self.precision = precision.PrecisionProbe(net)
        self._attention = inference.AttentionProbe(net)
        if not self._hooked:
            self._attention.__exit__()
        self.cache = key_value_cache.CacheWatch(net)
        self._layers = layers.LayerWatch(net, depth)
        self._hooks = contextlib.ExitStack()

    @property
    def attention(self) -> Mapping[str, object]:
        """The attention of the first pass; see ``inference.AttentionProbe``."""
        if isinstance(self.engine, CompiledEngine):
            return self.engine.attention
        return self._attention.evidence

    @property
    def precisions(self) -> Tally[str]:
        """The precisions of linear layers, wherever they ran."""
        engine = self.engine
        return engine.precisions if engine and engine.passes else self.precision.seen

    def __enter__(self) -> Self:
        """Set the hooks; a compiled model reads itself, and hooks would break its graphs."""
        if not self._hooked:
            return self
        self._hooks.enter_context(self._layers)
        self._hooks.enter_context(self.precision)
        self._hooks.enter_context(self.cache)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the hooks."""
        self._hooks.close()


@dataclass(slots=True)
class RoundRecord:
    """One round of a cell, as far as it has come."""

    options: Options
    device: torch.device
    config: PreTrainedConfig | None = None
    """The configuration of the model that is trained."""
    pruned: PrunedModel | None = None
    """The layers of the loaded model, and those that were taken out before training."""
    batches: Batches | None = None
    compiled: CompiledTraining | None = None
    """The passes of training; None if they are not compiled."""
    log: TrainingLog | None = None
    """None if nothing was trained."""
    depth: Depth | None = None
    """None if no layers were left out."""
    engine: Engine | None = None
    """What answers in place of the model; None if nothing does."""
    healing: Healing | None = None
    """None if the model was not trained again."""
    probe: InferenceProbe | None = None
    drafter: PreTrainedModel | None = None
    """The model that guesses what the other one writes; None if there is none."""
    exits: RowExits | None = None
    """None if every row went through all layers."""
    answering: Objective | None = None
    """The objective that answered; a data stage that is repeated makes another one."""
    loading: Loading | None = None
    """What read the answered batches, for the same reason."""
    uncounted: str = ""
    """Why the operations could not be counted."""

    @property
    def objective(self) -> Objective | None:
        """The objective of the batches; None before there are any."""
        if self.batches is None:
            return None
        return self.batches.objective

    def answerer(self, net: nn.Module) -> nn.Module:
        """Return what answers: an engine, or the model itself."""
        return net if self.engine is None else cast("nn.Module", self.engine)

    @property
    def steps(self) -> int:
        """Optimizer steps of training, made or skipped."""
        return 0 if self.log is None else self.log.attempts

    def applied(self) -> tuple[Applied, ...]:
        """Return the proofs that stages and live model give; the system stage has its own."""
        trained = training_log.proofs(self.log, self.options.training)
        several = processes_proof(self.log, self.options.system.processes)
        return (*self._data_proofs(), *trained, several, *self._inference_proofs())

    def _data_proofs(self) -> tuple[Applied, ...]:
        if self.batches is None:
            return ()
        per_step = None if self.log is None else self.log.batch_sizes
        answered = () if self.answering is None else self.answering.answered
        sizes = batch_sizes.proofs(self.options, per_step, answered)
        shapes = _shapes(self.batches, self.log, answered).proofs(self.options.data)
        loaded = (self.loading or self.batches.loading).proofs()
        return (*self.batches.tokenizer_proofs, *sizes, *shapes, *loaded)

    def _inference_proofs(self) -> tuple[Applied, ...]:
        """Return the proofs that the answering model gives; none before it answered."""
        if self.probe is None:
            return ()
        options = self.options
        depth = self.probe.depth
        formats = self._weight_proofs(self.probe, _trained_rows(self, depth))
        which_layers = layers.proofs(depth, options.inference)
        seen, evidence = self.probe.precisions, self.probe.attention
        computed = inference.precision_proof(options.inference.precision, seen, evidence)
        pruned = (*_adapter_proofs(self, self.probe.net), *self._pruning_proofs(depth))
        ran = engines.proof(options.inference.engine, self.engine, depth.passes.total)
        own = _own_proofs(self, self.probe)
        return (*formats, self._attention_proof(), *pruned, *which_layers, computed, ran, *own)

    def _weight_proofs(
        self, probe: InferenceProbe, rows: Mapping[str, torch.Tensor]
    ) -> tuple[Applied, ...]:
        """Return the proofs of the weights of what answered; ``rows`` are trained ones."""
        options = self.options.architecture
        if self.engine is not None and self.engine.passes:
            return self.engine.weight_proofs(options, rows)
        return architecture.proofs(probe.net, options, self.device, rows, probe.held)

    def _pruning_proofs(self, depth: Depth) -> tuple[Applied, ...]:
        if self.pruned is None:
            return ()
        if self.log is not None:
            self.pruned.trained = self.log.layers_ran
        return pruning.proofs(self.pruned, self.options.architecture, depth)

    def _attention_proof(self) -> Applied:
        probed = {}
        if self.log is not None:
            probed["training"] = self.log.attention
        if self.probe is not None:
            probed["inference"] = dict(self.probe.attention)
        return inference.attention_proof(self.options.architecture.attention, probed)

    def warnings(self) -> tuple[str, ...]:
        """Return what a reader should know of device, options and round, each sentence once."""
        options = self.options
        warnings: list[str] = []
        warnings += training_log.doubts(options.training, self.device, self.log)
        warnings += healing.doubts(self.healing)
        warnings += precision.doubts(options.inference.precision, self.device)
        warnings += architecture.doubts(options.architecture, self.device)
        if self.batches is not None:
            warnings += self.batches.doubts
            warnings += self.batches.objective.doubts()
        if self.uncounted:
            warnings.append(self.uncounted)
        return tuple(dict.fromkeys(warnings))


def _adapter_proofs(record: RoundRecord, net: PreTrainedModel) -> tuple[Applied, ...]:
    log = record.log
    chosen = record.options.architecture
    if log is None:
        return adapters.proofs(None, chosen, {}, 0, net)
    return adapters.proofs(log.adapters, chosen, log.moved, log.steps, net)


def _own_proofs(record: RoundRecord, probe: InferenceProbe) -> tuple[Applied, ...]:
    """Return the proofs of healing, of rows that left early, of the cache and of guesses."""
    options = record.options.inference
    healed = healing.proof(record.healing, options.healing, record.steps)
    left = None if record.exits is None else record.exits.log
    cached = probe.cache.proof(options.cache)
    writes = probe.net.can_generate()
    guessed = drafting.proof(options.draft, probe.cache, writes=writes)
    return (healed, *exit_log.proofs(left, options), cached, guessed)


def _trained_rows(record: RoundRecord, depth: Depth) -> dict[str, torch.Tensor]:
    """Return rows of the matrices as the latest training left them, by their present names."""
    if record.healing is not None:
        return record.healing.log.rows
    return {} if record.log is None else layers.renumbered(record.log.rows, depth)


def _shapes(
    batches: Batches, log: TrainingLog | None, answered: Sequence[AnsweredBatch]
) -> BatchShapes:
    return BatchShapes(
        rows=batches.questions,
        objective=batches.objective,
        widest=batches.widest,
        log=log,
        answered=answered,
    )
