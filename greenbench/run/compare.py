"""Runs held against each other from their files alone: what ``greenbench compare`` does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from greenbench import gates as verdicts
from greenbench.experiment import option_parsers
from greenbench.experiment.option_parsers import RawOption
from greenbench.experiment.settings import read_pyproject
from greenbench.gates import Against, runs
from greenbench.gates.expression import ALLOWED
from greenbench.results.reading import NO_JOULES
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from greenbench.gates import Verdict
    from greenbench.gates.expression import Gate
    from greenbench.gates.runs import Run
    from greenbench.results.reading import CellRecord

DEFAULT = ("energy <= 1.05*saved", "time <= 1.05*saved")
"""What is held where nobody says anything, beside each task's primary score, which may fall by 0.02."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run held against the baseline."""

    run: str
    baseline: str
    verdicts: Sequence[Verdict]
    failed: bool

    def record(self) -> dict[str, Any]:
        """Return it as builtins."""
        known = {"run": self.run, "baseline": self.baseline, "failed": self.failed}
        return {**known, "verdicts": [verdicts.record(v) for v in self.verdicts]}


def compare(
    paths: Sequence[Path], gates: Sequence[str], *, allow: Collection[str], strict: bool, root: Path
) -> list[Comparison]:
    """Hold each run but the first against the first; raises UsageError for files and gates that are none.

    Without ``gates`` those of ``root``'s pyproject.toml hold, else the default ones; its ``allow`` and ``strict`` hold too.
    """
    baseline, *others = (runs.read(path) for path in paths)
    table = read_pyproject(root)
    expressions = gates or table.get("gate") or defaults([baseline, *others])
    asked = option_parsers.gates(RawOption("--green-gate", expressions))
    also_allowed = option_parsers.words(ALLOWED)(RawOption("--green-allow", table.get("allow")))
    allowed = (*allow, *also_allowed)
    failing = option_parsers.strictness(RawOption("--green-strict", table.get("strict")))
    strictly = strict or "inconclusive" in failing
    return [_compared(run, baseline, asked, allow=allowed, strict=strictly) for run in others]


def defaults(known_runs: Sequence[Run]) -> list[str]:
    """Return gates on what any of the runs knows: energy, time, and each task's primary score."""
    cells = [cell.record for run in known_runs for cell in run.cells.values()]
    texts = []
    for text in DEFAULT:
        if text.startswith("time") or any(cell.scope != NO_JOULES for cell in cells):
            texts.append(text)
    for task in dict.fromkeys(cell.task for cell in cells):
        score = _primary_score(task, cells)
        if score is not None:
            texts.append(f"{task}.{score} >= saved-0.02")
    return texts


def _primary_score(task: str, cells: Sequence[CellRecord]) -> str | None:
    """Return the first primary score of ``task`` that any cell has; None for an unknown task."""
    if task not in TASKS:
        return None
    for name in TASKS[task].primary:
        if any(cell.score(name) is not None for cell in cells):
            return name
    return None


def _compared(
    run: Run, baseline: Run, gates: Sequence[Gate], *, allow: Collection[str], strict: bool
) -> Comparison:
    reason = f"{baseline.name} has it and {run.name} has not: removed, renamed or not run"
    gone = {name: reason for name in baseline.cells if name not in run.cells}
    against = Against(saved=baseline.cells, saved_name=baseline.name, gone=gone, allow=allow)
    found: list[Verdict] = []
    for gate in gates:
        found += verdicts.judge(gate, run.cells, against)
    failed = any(verdicts.fails(verdict, strict=strict) for verdict in found)
    return Comparison(run=run.name, baseline=baseline.name, verdicts=found, failed=failed)
