"""One cell, told in one screen: five stages, their energy windows, and the score outside every window.

Stage windows are opened here and nowhere else. What the stages do stands in ``greenbench.stages``; this module would run
any object that offers the same calls, which is how the suite tests itself without torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from greenbench.machine.memory import peak_memory_bytes, reset_peak_memory
from greenbench.machine.watch import MachineObservation
from greenbench.types import Applied, Cell, Judged, Round, Window

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from greenbench.machine.energy import Meter

NO_PEAK = "peak memory is unknown: /proc/self/clear_refs cannot be written here, and the process's own peak is not the cell's"

Progress = Callable[[str], None]
Kernel = Callable[[], int]
"""Does about a second of fixed work and returns the floating-point operations that it took."""
REPEATABLE = ("data", "inference")
"""Stages that can be run again without changing what they worked on."""


class Dataset(Protocol):
    """The cell's data: loaded and split outside the windows, judged outside the windows."""

    @property
    def train(self) -> Sequence[Any]:
        """Training examples."""

    @property
    def valid(self) -> Sequence[Any]:
        """Validation examples, for what a stage picks after training."""

    @property
    def test(self) -> Sequence[Any]:
        """Test examples."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Source, revision, checksum and sizes, as they go into the results file."""

    @property
    def deciding(self) -> Sequence[Any]:
        """Validation examples that the judging needs outputs for; empty where it needs none."""

    def judge(self, outputs: Any, deciding: Any) -> Judged:
        """Score the outputs for the test examples, by those for the deciding ones, and say what not to believe."""


class Stages(Protocol):
    """What the pipeline asks of the optimisation switches."""

    @property
    def finetunes(self) -> bool: ...  # noqa: D102
    @property
    def shortens(self) -> bool: ...  # noqa: D102
    @property
    def converts(self) -> bool: ...  # noqa: D102
    def check(self) -> None: ...  # noqa: D102
    def quiet(self) -> AbstractContextManager[None]: ...  # noqa: D102
    def reset(self, seed: int) -> None: ...  # noqa: D102
    def synchronize(self) -> None: ...  # noqa: D102
    def data(self, train: Any, test: Any, model: Any, seed: int, *, valid: Any) -> Any: ...  # noqa: D102
    def architecture(self, model: Any) -> Any: ...  # noqa: D102
    def training(self, net: Any, batches: Any) -> Any: ...  # noqa: D102
    def shortening(self, net: Any, batches: Any) -> Any: ...  # noqa: D102
    def conversion(self, net: Any) -> Any: ...  # noqa: D102
    def inference(self, net: Any, batches: Any) -> Any: ...  # noqa: D102
    def answers(self, net: Any, batches: Any, examples: Any) -> Any: ...  # noqa: D102
    def applied(self) -> tuple[Applied, ...]: ...  # noqa: D102
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102
    def work(self, net: Any, batches: Any) -> dict[str, int | None]: ...  # noqa: D102
    def yardstick(self) -> Kernel: ...  # noqa: D102


class Pipeline:
    """Runs one cell; one object serves all its rounds: ``prepare``, ``run`` (the timed part), ``finish``."""

    def __init__(
        self, cell: Cell, dataset: Dataset, model: Any, toggles: Stages, energy: Meter, power: Any
    ) -> None:
        """Hold the handles; nothing is loaded yet."""
        self.cell, self.dataset, self.model = cell, dataset, model
        self.toggles, self.energy, self.power = toggles, energy, power
        self.progress: Progress = lambda _stage: None
        self.seed = cell.seed
        self._batches = self._net = self._outputs = None
        self._peak_is_ours = False
        self._observation = MachineObservation()

    def prepare(self, seed: int) -> None:
        """Before the timer: find data and model, make the process as new."""
        self.seed = seed
        self._batches = self._net = self._outputs = None
        with self.toggles.quiet():
            _ = self.dataset.facts, self.model.folder
            self.toggles.check()
            self.toggles.reset(seed)
        self.power.reserve()
        self.energy.take()
        self._peak_is_ours = reset_peak_memory()

    def gauge(self) -> tuple[int, Window]:
        """Run the fixed kernel outside every round; return its floating-point operations and its window."""
        self.power.reserve()  # held until the cell ends: nobody caps the device between its rounds
        self.progress("yardstick")
        self.energy.take()  # what a failed cell left behind
        kernel = self.toggles.yardstick()
        with self.energy.window("yardstick", synchronize=self.toggles.synchronize):
            operations = kernel()
        (window,) = self.energy.take()
        return operations, window

    def run(self) -> None:
        """Run the five stages, each in its window. The system stage is a circumstance around the others."""
        stages, data = self.toggles, self.dataset
        with stages.quiet(), self.power:
            self.energy.watch.begin()  # again: what counts is the machine as the system stage has it
            with self._window("data"):
                batches = stages.data(
                    data.train, data.test, self.model, self.seed, valid=data.valid
                )
            with self._window("architecture"):
                net = stages.architecture(self.model)
            if stages.finetunes:
                with self._window("training"):
                    net = stages.training(net, batches)
            if stages.shortens:
                with self._window("architecture"):
                    net = stages.shortening(net, batches)
            if stages.converts:
                with self._window("architecture"):
                    net = stages.conversion(net)
            with self._window("inference"):
                outputs = stages.inference(net, batches)
            self._observation = self.energy.watch.end()
        self._batches, self._net, self._outputs = batches, net, outputs

    def finish(self, whole: Window, windows: tuple[Window, ...]) -> Round:
        """After the timer: repeat what was too short to measure, score, and put together what the round showed."""
        peak = peak_memory_bytes() if self._peak_is_ours else None
        work = {**self.toggles.work(self._net, self._batches), "peak_memory_bytes": peak}
        applied = (*self.toggles.applied(), *self.power.proofs(self._observation.record))
        told = (
            *self._observation.doubts,
            *self.toggles.doubts(),
            *([] if peak is not None else [NO_PEAK]),
        )
        repeats, unrepeated = self._repeat(
            [w for w in windows if w.seconds < self.energy.shortest_s]
        )
        self.progress("scoring")
        with self.toggles.quiet():
            judged = self.dataset.judge(self._outputs, self._decided())
        return Round(
            seed=self.seed,
            whole=whole,
            windows=windows,
            repeats=repeats,
            quality=judged.quality,
            failures=judged.failures,
            correct=judged.correct,
            outputs_sha256=hashlib.sha256(repr(self._outputs).encode()).hexdigest(),
            references=judged.references,
            outcomes=judged.outcomes,
            degenerate=judged.degenerate,
            work=work,
            machine=self._observation.record,
            applied=applied,
            doubts=(*told, *self.power.doubts, *unrepeated, *judged.doubts),
        )

    def _decided(self) -> Any:
        """Return the outputs for the examples that the judging decides by: no part of the cell's work."""
        examples = self.dataset.deciding
        return self.toggles.answers(self._net, self._batches, examples) if examples else ()

    def _repeat(self, short: Sequence[Window]) -> tuple[tuple[Window, ...], tuple[str, ...]]:
        """Run short stages again until the counters resolve them, under the same circumstances, each pass as the first.

        Every pass makes its tokenizer and its key/value caches anew, so that none is served from what an earlier one left.
        A stage that cannot be run again costs no round that is measured already: it is told.
        """
        stages, data = self.toggles, self.dataset
        passes: dict[str, Callable[[], Any]] = {
            "data": lambda: stages.data(
                data.train, data.test, self.model, self.seed, valid=data.valid
            ),
            "inference": lambda: stages.inference(self._net, self._batches),
        }
        repeatable = [w.stage for w in short if w.stage in REPEATABLE]
        done: list[Window] = []
        for stage in repeatable:
            try:
                with stages.quiet(), self.power:
                    done.append(self._repeated(stage, passes[stage]))
            except Exception as error:  # noqa: BLE001  whatever a stage raises the second time: its round is whole
                return tuple(done), (
                    f"{stage} could not be repeated to be measured longer: {type(error).__name__}: {error}",
                )
        return tuple(done), ()

    def _repeated(self, stage: str, one_pass: Callable[[], Any]) -> Window:
        self.progress(f"repeating {stage}")
        return self.energy.repeated(stage, one_pass, self.toggles.synchronize)

    def _window(self, stage: str) -> AbstractContextManager[None]:
        self.progress(stage)
        return self.energy.window(stage, synchronize=self.toggles.synchronize)
