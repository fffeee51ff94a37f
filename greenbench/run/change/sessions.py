"""Sessions of pytest that measure a block of one side, each a process in that side's tree."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.gates import runs
from greenbench.gates.verdict import Measured
from greenbench.results import loading
from greenbench.results.json_files import read_json
from greenbench.run.change.origin_check import greenbench_origin_check as origin_check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.run.change.cleanup import Workspace

ENDED = (0, 1)
"""Exit codes of a session that ran to its end: all passed, or a test failed."""
OUR_OPTIONS = (
    "--green-block",
    "--green-gate",
    "--green-allow",
    "--green-strict",
    "--green-rounds",
    "--green-interleave",
    "--green-resume",
    "--green-until-sure",
    "--green-results",
    "--green-plan",
    "--benchmark-json",
    "--benchmark-compare",
    "--collect-only",
)
"""Options of pytest that a job sets itself, or that have no meaning in it."""
SHOWN_LINES = 12
"""Lines of a session's output that an error repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSide:
    """The base or the change: what is measured, and where."""

    name: str
    """``base`` or ``head``."""
    label: str
    """As people read it: ``main (1234abcd5)``."""
    tree: Path
    """The folder of the whole checkout."""
    place: Path
    """The folder in which pytest runs, relative to ``tree``."""
    python: str
    """The interpreter, with its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSession:
    """What a session measured of one block of one side."""

    side: str
    block: int
    """From 0, over both sets of blocks."""
    offset: int
    """Rounds of the job that ran before it."""
    seconds: float
    """Of the whole session, its start included."""
    failed: bool
    """Whether a test failed."""
    cells: Mapping[str, Measured]
    saved_run: object
    """The session's saved run, as pytest-benchmark wrote it; None if nothing passed."""

    @property
    def rounds(self) -> int:
        """How many rounds it measured."""
        return sum(len(cell.record.rounds) for cell in self.cells.values())


class Sessions:
    """Runs the sessions of a job, one after the other."""

    def __init__(self, workspace: Workspace, arguments: Sequence[str], most_rounds: int) -> None:
        """``arguments`` are pytest's; blocks are numbered up to ``most_rounds``.

        Raises UsageError for arguments that a job sets itself.
        """
        for argument in arguments:
            option = argument.partition("=")[0]
            if option in OUR_OPTIONS:
                raise UsageError(
                    f"greenbench ci: {option} is set for each session of a job; leave it out after "
                    "--, and see greenbench ci --help for blocks, gates and files"
                )
        self._workspace = workspace
        self._arguments = arguments
        self._most_rounds = most_rounds
        self.finished: list[BlockSession] = []

    def measure(self, side: TreeSide, other: TreeSide, block: int) -> BlockSession:
        """Run a session in the tree of ``side``; raises UsageError if it measured nothing."""
        folder = self._workspace.folder / f"{side.name}-block{block + 1}"
        folder.mkdir()
        started = time.monotonic()
        status = self._run(side, other, block, folder)
        log = (folder / "log").read_text("utf-8", errors="replace")
        session = BlockSession(
            side=side.name,
            block=block,
            offset=sum(earlier.rounds for earlier in self.finished),
            seconds=time.monotonic() - started,
            failed=status != 0,
            cells=_cells(folder, side.label),
            saved_run=_saved_run(folder),
        )
        if status not in ENDED or not session.cells:
            raise UsageError(_failure(side, status, log))
        _refuse_mixture(side, other, folder)
        self.finished.append(session)
        return session

    def _run(self, side: TreeSide, other: TreeSide, block: int, folder: Path) -> int:
        """Run pytest, its output kept in a file; return its exit code."""
        command = [side.python, "-m", "pytest", *self._arguments]
        command += ["-p", origin_check.__name__.rpartition(".")[2]]
        command += ["--green-gate=none", "--green-interleave=blocks"]
        command += [f"--green-rounds={self._most_rounds}", f"--green-block={block + 1}"]
        command += [f"--green-results={folder / 'results'}"]
        command += [f"--benchmark-json={folder / 'saved.json'}"]
        return self._workspace.run(
            command,
            folder=side.tree / side.place,
            log=folder / "log",
            environment=_environment(side, other, folder),
        )


def _environment(side: TreeSide, other: TreeSide, folder: Path) -> dict[str, str]:
    """Return the variables of a session; what leads into the other tree leads into its own."""
    paths = [str(Path(origin_check.__file__).parent), str(side.tree / side.place)]
    source = side.tree / side.place / "src"
    if source.is_dir():
        paths.append(str(source))
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    for entry in (*inherited, *sys.path):
        moved = _moved(entry, side, other)
        if moved:
            paths.append(moved)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        origin_check.OWN_TREE: str(side.tree),
        origin_check.OTHER_TREE: str(other.tree),
        origin_check.REPORT: str(folder / "origins.json"),
    }


def _moved(entry: str, side: TreeSide, other: TreeSide) -> str:
    """Return a path of modules of either tree in the tree of ``side``; empty for other paths.

    A virtual environment within a tree belongs to both.
    """
    path = Path(entry).absolute()
    if not entry or path.is_relative_to(sys.prefix):
        return ""
    for tree in (side.tree, other.tree):
        if path.is_relative_to(tree):
            return str(side.tree / path.relative_to(tree))
    return ""


def _cells(folder: Path, label: str) -> dict[str, Measured]:
    """Return what a session measured, by id: failed cells stand in its results files alone."""
    found, problems = loading.load_folder(folder / "results")
    if problems:
        raise UsageError(problems[0])
    cells = {}
    for run in found:
        for record in run.cells:
            cells[record.id] = Measured(record=record, header=run.header, origin=label)
    saved_run = _saved_run(folder)
    if isinstance(saved_run, dict) and saved_run.get("benchmarks"):
        for name, cell in runs.read(folder / "saved.json").cells.items():
            cells[name] = Measured(record=cell.record, header=cell.header, origin=label)
    return cells


def _saved_run(folder: Path) -> object:
    """Return the session's saved run; None where pytest-benchmark wrote none."""
    file = folder / "saved.json"
    if not file.is_file() or not file.stat().st_size:
        return None
    return read_json(file)


def _failure(side: TreeSide, status: int, log: str) -> str:
    """Say how a session ended that measured nothing, with the end of its output."""
    ending = "no cell was measured" if status in ENDED else f"pytest ended with {status}"
    lines = [line for line in log.splitlines() if line.strip()][-SHOWN_LINES:]
    sentence = f"greenbench ci: {side.name}, {side.label}: {ending}; its output ended with"
    return "\n".join([sentence, *(f"    {line}" for line in lines)])


def _refuse_mixture(side: TreeSide, other: TreeSide, folder: Path) -> None:
    """Raise UsageError if a session imported modules of the other side."""
    foreign = json.loads((folder / "origins.json").read_text("utf-8"))
    if foreign:
        name, file = next(iter(foreign.items()))
        raise UsageError(
            f"greenbench ci: {side.name}, {side.label}: {len(foreign)} of its modules come from "
            f"{other.name}, such as {name} ({file}), so it would measure the other's code; install "
            "the project in another environment and name that by --base-python"
        )
