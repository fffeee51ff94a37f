"""One cell on one screen: five stages, their energy windows, and the score outside every window.

Stage windows are opened here and nowhere else. What the stages do stands in ``greenbench.stages``;
this module runs any object that offers the same calls, which is how the suite tests itself without
torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from greenbench.machine.memory import peak_memory_bytes, reset_peak_memory
from greenbench.machine.watch import MachineObservation
from greenbench.types import PREFILL, Applied, Cell, Facts, Judged, Round, Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from greenbench.machine.energy import Meter

NO_PEAK = (
    "peak memory is unknown: /proc/self/clear_refs cannot be written here, "
    "and the process's own peak is not the cell's"
)
REPEATABLE = ("data", "inference")
"""Stages that can run again without changing what they worked on."""

Progress: TypeAlias = Callable[[str], None]
Kernel: TypeAlias = Callable[[float], int]
"""Works for about so many seconds and returns the floating-point operations that it did."""
WindowOf: TypeAlias = "Callable[[str], AbstractContextManager[None]]"
"""Opens the window of a stage."""
Opaque: TypeAlias = Any
"""What stages hand to each other and to the task; the pipeline only passes it on."""


class TaskData(Protocol):
    """The cell's data: loaded, split and judged outside the windows."""

    @property
    def train(self) -> Sequence[Opaque]:
        """Training examples."""

    @property
    def valid(self) -> Sequence[Opaque]:
        """Validation examples, for what a stage picks after training."""

    @property
    def test(self) -> Sequence[Opaque]:
        """Test examples."""

    @property
    def facts(self) -> Facts:
        """Source, revision, checksum and sizes, as they go into the results file."""

    @property
    def deciding(self) -> Sequence[Opaque]:
        """Validation examples whose outputs the judging needs; empty if it needs none."""

    def judge(self, outputs: Opaque, deciding: Opaque) -> Judged:
        """Score the outputs for the test examples; ``deciding`` are those for the deciding ones."""


class ModelHandle(Protocol):
    """Where the cell's model comes from; its weights are loaded in the architecture window."""

    @property
    def source(self) -> str:
        """Its name, as the results file has it."""

    @property
    def facts(self) -> Facts:
        """Source, revision and checksum, as they go into the results file."""

    @property
    def folder(self) -> object:
        """Its local folder; fetched if it is not here."""


class SystemStage(Protocol):
    """A context around the other stages, in which the device settings hold."""

    def reserve(self) -> None: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102
    def __enter__(self) -> object: ...  # noqa: D105
    def __exit__(self, *error: object) -> bool | None: ...  # noqa: D105
    def proofs(self, machine: Facts) -> tuple[Applied, ...]: ...  # noqa: D102
    @property
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102


class Stages(Protocol):
    """The calls that the pipeline makes to the optimisation switches."""

    @property
    def finetunes(self) -> bool: ...  # noqa: D102
    @property
    def compiles(self) -> bool: ...  # noqa: D102
    @property
    def shortens(self) -> bool: ...  # noqa: D102
    @property
    def heals(self) -> bool: ...  # noqa: D102
    @property
    def converts(self) -> bool: ...  # noqa: D102
    def check(self) -> None: ...  # noqa: D102
    def quiet(self) -> AbstractContextManager[None]: ...  # noqa: D102
    def reset(self, seed: int) -> None: ...  # noqa: D102
    def synchronize(self) -> None: ...  # noqa: D102
    def data(  # noqa: D102
        self, train: Opaque, test: Opaque, model: Opaque, seed: int, *, valid: Opaque
    ) -> Opaque: ...
    def architecture(self, model: Opaque) -> Opaque: ...  # noqa: D102
    def compilation(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def training(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def shortening(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def healing(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def conversion(self, net: Opaque) -> Opaque: ...  # noqa: D102
    def inference(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def answers(self, net: Opaque, batches: Opaque, examples: Opaque) -> Opaque: ...  # noqa: D102
    def applied(self) -> tuple[Applied, ...]: ...  # noqa: D102
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102
    def work(self, net: Opaque, batches: Opaque) -> dict[str, int | None]: ...  # noqa: D102
    def yardstick(self) -> Kernel: ...  # noqa: D102
    def memory_yardstick(self) -> Kernel: ...  # noqa: D102


@runtime_checkable
class ReadsAndWrites(Protocol):
    """Stages whose models may write texts: inference reads all of a prompt, and then writes."""

    @property
    def writes(self) -> bool: ...  # noqa: D102
    def prefill(self, net: Opaque, batches: Opaque) -> None: ...  # noqa: D102


class ReusableStage(Protocol):
    """How the pipeline gets what a stage makes: it runs, or what it made before is taken over."""

    def prepare(self, seed: int) -> None:
        """Get ready for a round, before the timer."""

    def run(self, work: Callable[..., Opaque], window: WindowOf, *inputs: Opaque) -> Opaque:
        """Return what ``work`` makes of ``inputs``; what is measured is in the stage's window."""

    def finish(self, one_round: Round) -> Round:
        """Return the round with what is known of the stage, after the timer."""


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
        self.progress(stage)
        return self.energy.window(stage, synchronize=self.toggles.synchronize)


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
