"""One cell on one screen: five stages, their energy windows, and the score outside every window.

Stage windows are opened here and nowhere else. What the stages do stands in ``greenbench.stages``;
this module runs any object that offers the same calls, which is how the suite tests itself without
torch.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from greenbench.machine.memory import peak_memory_bytes, reset_peak_memory
from greenbench.machine.watch import MachineObservation
from greenbench.protocols import (
    Kernel,
    ModelHandle,
    Opaque,
    ReadsAndWrites,
    ReusableStage,
    Stages,
    SystemStage,
    TaskData,
    WindowOf,
    WithoutTorch,
)
from greenbench.types import PREFILL, Applied, Cell, Judged, Round, Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from greenbench.machine.energy import Meter

NO_PEAK = (
    "peak memory is unknown: /proc/self/clear_refs cannot be written here, "
    "and the process's own peak is not the cell's"
)
REPEATABLE = ("data", "inference")
"""Stages that can run again without changing what they worked on."""

__all__ = (
    "NO_PEAK",
    "REPEATABLE",
    "FreshStage",
    "Kernel",
    "ModelHandle",
    "Opaque",
    "Pipeline",
    "Progress",
    "ReadsAndWrites",
    "ReusableStage",
    "Stages",
    "SystemStage",
    "TaskData",
    "WindowOf",
    "WithoutTorch",
)

Progress: TypeAlias = Callable[[str], None]


class FreshStage:
    """Runs in each round."""

    def __init__(self, stage: str) -> None:
        """Run in the windows of ``stage``."""
        self._stage = stage

    def prepare(self, seed: int) -> None:
        """Do nothing: the stages are reset."""

    def run(self, work: Callable[..., Opaque], window: WindowOf, *inputs: Opaque) -> Opaque:
        """Work in a window."""
        with window(self._stage):
            return work(*inputs)

    def finish(self, one_round: Round) -> Round:
        """Return the round as it is."""
        return one_round


class Pipeline:
    """Runs one cell; all its rounds share one: ``prepare``, ``run`` (timed), ``finish``."""

    def __init__(
        self,
        cell: Cell,
        dataset: TaskData,
        model: ModelHandle,
        toggles: Stages,
        energy: Meter,
        power: SystemStage,
    ) -> None:
        """Keep the handles; nothing is loaded yet."""
        self.cell, self.dataset, self.model = cell, dataset, model
        self.toggles, self.energy, self.power = toggles, energy, power
        self.progress: Progress = lambda _stage: None
        self.data_stage: ReusableStage = FreshStage("data")
        self.training: ReusableStage = FreshStage("training")
        self.seed = cell.seed
        self._batches = self._net = self._outputs = None
        self._peak_is_ours, self._observation = False, MachineObservation()

    def prepare(self, seed: int) -> None:
        """Before the timer: load the data, find the model, and make the process as new."""
        self.seed = seed
        self._batches = self._net = self._outputs = None
        with self.toggles.quiet():
            _ = self.dataset.facts, self.model.folder
            self.toggles.check()
            self.toggles.reset(seed)
            self.data_stage.prepare(seed)
            self.training.prepare(seed)
        self.power.reserve()
        self.energy.take()
        self._peak_is_ours = reset_peak_memory()

    def run_kernel(self, warmed_up: Callable[[], Kernel], seconds: float) -> tuple[int, Window]:
        """Run a reference kernel outside every round; return what it counts and its window."""
        self.power.reserve()  # until the cell ends: nobody caps the device between its rounds
        self.progress("reference kernel")
        self.energy.take()  # what a failed cell left behind
        kernel = warmed_up()
        with self.energy.window("yardstick", synchronize=self.toggles.synchronize):
            amount = kernel(seconds)
        return amount, self.energy.take()[0]

    def batches(self) -> Opaque:
        """Run the data stage for the present round, in no window, and return what it makes."""
        data = self.dataset
        return self.toggles.data(data.train, data.test, self.model, self.seed, valid=data.valid)

    def run(self) -> None:
        """Run the five stages, each in its window; the system stage is a context around them."""
        stages = self.toggles
        with stages.quiet(), self.power:
            self.energy.watch.begin()  # again: with the device settings of the system stage
            batches = self.data_stage.run(self.batches, self._window)
            net = _untrained(stages, self.model, batches, self._window)
            if stages.finetunes:
                net = self.training.run(stages.training, self._window, net, batches)
            net = _adapted(stages, net, batches, self._window)
            with self._window("inference"):
                outputs = stages.inference(net, batches)
            self._observation = self.energy.watch.end()
        self._batches, self._net, self._outputs = batches, net, outputs

    def finish(self, whole: Window, windows: tuple[Window, ...]) -> Round:
        """After the timer: read proofs of the timed run, repeat what was too short, and score."""
        work = self.toggles.work(self._net, self._batches)
        peak = work["peak_memory_bytes"] = _peak(work) if self._peak_is_ours else None
        read_proofs = partial(_applied, self.toggles, self.power, self._observation)
        applied = read_proofs()
        doubts = (*self._observation.doubts, *self.toggles.doubts(), *_unknown(peak))
        repeats, failures = self._repeat(windows)
        if any(window.stage in REPEATABLE for window in repeats):
            applied = _in_repeats_too(applied, read_proofs())
        judged = self._judge()
        one_round = Round(
            seed=self.seed,
            whole=whole,
            windows=windows,
            repeats=repeats,
            judged=judged,
            outputs_sha256=hashlib.sha256(repr(self._outputs).encode()).hexdigest(),
            work=work,
            machine=self._observation.record,
            applied=applied,
            doubts=(*doubts, *self.power.doubts, *failures, *judged.doubts),
        )
        return self.training.finish(self.data_stage.finish(one_round))

    def _judge(self) -> Judged:
        """Score the outputs; those for the deciding examples are made here, outside of the work."""
        self.progress("scoring")
        with self.toggles.quiet():
            examples, stages = self.dataset.deciding, self.toggles
            deciding = stages.answers(self._net, self._batches, examples) if examples else ()
            return self.dataset.judge(self._outputs, deciding)

    def _repeat(self, windows: Sequence[Window]) -> tuple[tuple[Window, ...], tuple[str, ...]]:
        """Run short stages again; each pass makes its tokenizer and caches anew, as the first."""
        passes: dict[str, Callable[[], Opaque]] = {
            "data": self.batches,
            "inference": lambda: self.toggles.inference(self._net, self._batches),
        }
        short = [w.stage for w in windows if w.seconds < self.energy.shortest_s]
        again = {stage: passes[stage] for stage in short if stage in REPEATABLE}
        again |= _prefill(self.toggles, self._net, self._batches)
        return _measured_longer(again, self._repeated)

    def _repeated(self, stage: str, one_pass: Callable[[], Opaque]) -> Window:
        self.progress(f"repeating {stage}")
        with self.toggles.quiet(), self.power:
            return self.energy.repeated(stage, one_pass, self.toggles.synchronize)

    def _window(self, stage: str) -> AbstractContextManager[None]:
        return _window(self, stage)


def _window(pipeline: Pipeline, stage: str) -> AbstractContextManager[None]:
    """Open the window of a stage; there is none of a stage that does nothing."""
    stages = pipeline.toggles
    if isinstance(stages, WithoutTorch) and stage in stages.absent:
        return contextlib.nullcontext()
    pipeline.progress(stage)
    return pipeline.energy.window(stage, synchronize=stages.synchronize)


def _untrained(stages: Stages, model: ModelHandle, batches: Opaque, window: WindowOf) -> Opaque:
    """Return the model as training begins with it: loaded, and its passes compiled."""
    with window("architecture"):
        net = stages.architecture(model)
    if stages.compiles:
        with window("architecture"):
            net = stages.compilation(net, batches)
    return net


def _adapted(stages: Stages, net: Opaque, batches: Opaque, window: WindowOf) -> Opaque:
    """Return the trained model as inference runs it: shortened, trained further and converted."""
    if stages.shortens:
        with window("architecture"):
            net = stages.shortening(net, batches)
    if stages.heals:
        with window("training"):
            net = stages.healing(net, batches)
    if stages.converts:
        with window("architecture"):
            net = stages.conversion(net)
    return net


def _prefill(stages: Stages, net: Opaque, batches: Opaque) -> dict[str, Callable[[], Opaque]]:
    """Return the pass over prompts alone, if the model writes.

    Within inference it alternates with the writing, too fast for a window.
    """
    passes: dict[str, Callable[[], Opaque]] = {}
    if isinstance(stages, ReadsAndWrites) and stages.writes:
        passes[PREFILL] = partial(stages.prefill, net, batches)
    return passes


def _peak(work: dict[str, int | None]) -> int | None:
    """Return the peak of this process and of those that trained beside it, each its own."""
    own, others = peak_memory_bytes(), work.get("peak_memory_other_ranks_bytes", 0)
    return None if own is None or others is None else own + others


def _unknown(peak: int | None) -> tuple[str, ...]:
    return (NO_PEAK,) if peak is None else ()


def _applied(
    stages: Stages, power: SystemStage, observation: MachineObservation
) -> tuple[Applied, ...]:
    return (*stages.applied(), *power.proofs(observation.record))


def _in_repeats_too(timed: Sequence[Applied], repeated: Sequence[Applied]) -> tuple[Applied, ...]:
    """Return the proofs of the timed run; one that does not hold in the repeats says so.

    A short stage's joules are those of its repeats.
    """
    proofs = []
    for proof, again in zip(timed, repeated, strict=True):
        if proof.holds and (again.note or again.got != proof.got):
            reason = again.note or f"read back {again.got}"
            note = f"when a short stage was repeated: {reason}"
            proofs.append(replace(proof, note=note))
        else:
            proofs.append(proof)
    return tuple(proofs)


def _measured_longer(
    passes: Mapping[str, Callable[[], Opaque]],
    measure: Callable[[str, Callable[[], Opaque]], Window],
) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """Measure each pass until the counters resolve it; return the windows, and a warning.

    There is a warning for a stage that cannot run again: the round itself is measured already.
    """
    windows: list[Window] = []
    for stage, one_pass in passes.items():
        try:
            windows.append(measure(stage, one_pass))
        except Exception as error:  # noqa: BLE001  whatever a stage raises the second time
            reason = f"{type(error).__name__}: {error}"
            return tuple(windows), (
                f"{stage} could not be repeated to be measured longer: {reason}",
            )
    return tuple(windows), ()
