"""Warms the process up before the first cell: imports and first uses are part of no measurement."""

from __future__ import annotations

import contextlib
import gc
import threading
from typing import TYPE_CHECKING, NamedTuple

from greenbench.run.cell_result import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.options import (
        ArchitectureOptions,
        DataOptions,
        InferenceOptions,
        TrainingOptions,
    )
    from greenbench.protocols import WarmingStages
    from greenbench.run.inputs import TaskInputs
    from greenbench.tasks.dataset import TaskDataset
    from greenbench.types import Cell


class CellKind(NamedTuple):
    """Cells of one kind use the same libraries, formats and shapes: one warm-up serves them all."""

    task: str
    data: DataOptions
    training: TrainingOptions
    architecture: ArchitectureOptions
    inference: InferenceOptions
    processes: int | None


class Refusal(NamedTuple):
    """Cells that cannot run."""

    cells: tuple[str, ...]
    """Their ids."""
    reason: str
    """What their miniature raised, as a sentence."""


class WarmUp:
    """Runs a miniature of each kind of cell, and remembers which could not run."""

    def __init__(
        self, inputs: Callable[[str], TaskInputs], toggles: Callable[[Cell], WarmingStages]
    ) -> None:
        """Run nothing yet; ``inputs`` are a task's, ``toggles`` a cell's."""
        self._inputs = inputs
        self._toggles = toggles
        self._failures: dict[CellKind, Exception] = {}

    def run(self, cells: Sequence[Cell]) -> None:
        """Run a miniature of each kind among ``cells``; a failure is kept for that kind."""
        kinds = {kind_of(cell): cell for cell in cells}
        datasets = {cell.task: self._inputs(cell.task).dataset for cell in cells}
        load_libraries(list(datasets.values()))
        for kind, cell in kinds.items():
            try:
                self._run_miniature(cell)
            except Exception as error:  # noqa: BLE001  the check of each such cell raises it again
                self._failures[kind] = error

    def _run_miniature(self, cell: Cell) -> None:
        inputs = self._inputs(cell.task)
        toggles = self._toggles(cell)
        toggles.check()
        toggles.warm_up(inputs.dataset.train, inputs.model)

    def failure(self, cell: Cell) -> Exception | None:
        """Return why cells like this one cannot run; None if they can."""
        return self._failures.get(kind_of(cell))

    def refusals(self, cells: Sequence[Cell]) -> list[Refusal]:
        """Return why some of ``cells`` cannot run, each reason once; empty if all can."""
        by_reason: dict[str, list[str]] = {}
        for cell in cells:
            error = self.failure(cell)
            if error is not None:
                by_reason.setdefault(sentence(error), []).append(cell.id)
        return [Refusal(tuple(ids), reason) for reason, ids in by_reason.items()]


def load_libraries(datasets: Sequence[TaskDataset]) -> None:
    """Import what stages and scores need, and judge dummy baselines beside it.

    Only those that run programs are judged here: they wait for processes of their own, which use
    the other cores while this one imports. A suite's own functions import what they need.
    """
    if not any(dataset.task.torch for dataset in datasets):
        return
    import sklearn.feature_extraction.text  # noqa: F401  two threads are not to import it at once

    from greenbench.stages import libraries

    running = [dataset for dataset in datasets if dataset.task.runs_programs]
    # A daemon: on Ctrl-C nobody waits for it.
    judging = threading.Thread(target=_judge_baselines, args=(running,), daemon=True)
    judging.start()
    with contextlib.suppress(ImportError):  # the miniature of each kind of cell raises it again
        libraries.load()
    judging.join()
    gc.collect()
    gc.freeze()  # a reset between rounds need not look through what imports have left


def _judge_baselines(datasets: Sequence[TaskDataset]) -> None:
    for dataset in datasets:
        with contextlib.suppress(Exception):  # the first round's scoring raises it again
            _ = dataset.baselines


def kind_of(cell: Cell) -> CellKind:
    """Return the kind of ``cell``; of the system stage, its processes alone make a difference."""
    options = cell.options
    return CellKind(
        cell.task,
        options.data,
        options.training,
        options.architecture,
        options.inference,
        options.system.processes,
    )
