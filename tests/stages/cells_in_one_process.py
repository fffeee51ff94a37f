"""Run sequences of cells and print what each cell predicts, as JSON.

``python -m tests.stages.cells_in_one_process V0 "V7 one-thread V0"`` runs two sequences, each in a
process of its own that has imported everything and run nothing. A word is the beginning of a
variant's name; ``one-thread`` is the baseline on one thread. Nothing is measured.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.experiment import matrix
from greenbench.experiment.cells import cells_of
from greenbench.experiment.profiles import PROFILES
from greenbench.machine.watch import Watch
from greenbench.pipeline import Pipeline
from greenbench.stages.system import System
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN
from greenbench.tasks.dataset import TaskDataset

if TYPE_CHECKING:
    from greenbench.types import Cell

ROOT = Path(__file__).parents[2]
SIZE = BUILT_IN["T2"].sizes["tiny"]


class Unmetered:
    """A meter that measures nothing."""

    watch = Watch(())

    def window(self, _stage: str, **_: Any) -> AbstractContextManager[None]:
        """Open nothing."""
        return nullcontext()

    def take(self) -> tuple[()]:
        """Have measured nothing."""
        return ()


def predictions(cells: dict[str, Cell], name: str, data: TaskDataset) -> list[float]:
    """Run one cell as a session does and return the probability of each test function."""
    cell = cells["V0" if name == "one-thread" else name]
    system = (
        replace(cell.options.system, cpu_threads=1) if name == "one-thread" else cell.options.system
    )
    toggles = Toggles(cell.options, SIZE, "cpu")
    pipeline = Pipeline(
        cell,
        data,
        Checkpoint("M2", SIZE.model, head=TWO_CLASSES),
        toggles,
        Unmetered(),
        System(system, ()),
    )
    pipeline.prepare(cell.seed)
    pipeline.run()
    return pipeline._outputs


def run_sequence(names: str) -> list[list[float]]:
    """Run the cells with these names, separated by blanks, on 32 training and 16 test functions."""
    variants = matrix.load(ROOT / "experiment.md", ROOT / "variants").variants
    planned = cells_of("T2", variants, PROFILES["tiny"], seed=0, rounds=1)
    cells = {cell.variant[:2]: cell for cell in planned}
    data = TaskDataset(
        task=BUILT_IN["T2"], source="generated", columns={}, sizes=(32, 8, 16), seed=0
    )
    return [predictions(cells, name, data) for name in names.split()]


def main() -> None:
    """Run each sequence of cells that the command line names in a process of its own."""
    # Imported once, for all: what the processes share is imports, and no cell has run.
    importlib.import_module("accelerate")
    importlib.import_module("transformers.models.modernbert.modeling_modernbert")
    forking = multiprocessing.get_context("fork")
    with forking.Pool(1, maxtasksperchild=1) as pool:
        found = pool.map(run_sequence, sys.argv[1:], chunksize=1)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
