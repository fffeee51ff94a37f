"""What a comparison of runs demands: its gates, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.experiment import option_parsers
from greenbench.experiment.option_parsers import RawOption
from greenbench.experiment.pyproject import nearest_settings, read_pyproject
from greenbench.gates.expression import ALLOWED, SAVED
from greenbench.results.reading import BASELINE, NO_JOULES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord

DEFAULT_GATES = ("energy <= 1.05*{0}", "time <= 1.05*{0}")
"""Gates on a reference if none is given, beside a task's primary score, which may fall by 0.02."""
TYPED, DEFAULTS = "the command line", "the defaults, as no gate is given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a comparison demands."""

    gates: Sequence[Gate]
    gates_of: str
    allow: Collection[str]
    strict: bool


def demanded(
    known_runs: Sequence[Mapping[str, Measured]],
    expressions: Sequence[str],
    allow: Collection[str],
    *,
    strict: bool,
    folder: Path,
) -> Rules:
    """Return the gates that hold for runs, whose cells stand by id, and what else is demanded.

    They are ``expressions``, else those of the nearest pyproject.toml with settings, from
    ``folder`` upwards, else the defaults. Raises UsageError for what is no gate.
    """
    root = nearest_settings([folder])
    table = read_pyproject(root) if root is not None else {}
    texts: object = expressions
    source = TYPED
    if expressions and table.get("gate"):
        source = f"{TYPED}, which replace those of {root}/pyproject.toml"
    if not expressions:
        texts, source = table.get("gate"), f"{root}/pyproject.toml"
    if not texts:
        texts, source = default_gates(known_runs), DEFAULTS
    also_allowed = option_parsers.words(ALLOWED)(RawOption("--green-allow", table.get("allow")))
    failing = option_parsers.strictness(RawOption("--green-strict", table.get("strict")))
    return Rules(
        gates=option_parsers.gates(RawOption("--green-gate", texts)),
        gates_of=source,
        allow=(*allow, *also_allowed),
        strict=strict or "inconclusive" in failing,
    )


def default_gates(known_runs: Sequence[Mapping[str, Measured]]) -> list[str]:
    """Return gates on what any of the runs knows: energy, time, and each task's primary score."""
    reference = SAVED if len(known_runs) > 1 else BASELINE
    cells = [cell.record for run in known_runs for cell in run.values()]
    measured = any(cell.scope != NO_JOULES for cell in cells)
    texts = []
    for text in DEFAULT_GATES:
        if measured or not text.startswith("energy"):
            texts.append(text.format(reference))
    for task in dict.fromkeys(cell.task for cell in cells):
        score = _primary_score(task, cells)
        if score is not None:
            texts.append(f"{task}.{score} >= {reference}-0.02")
    return texts


def _primary_score(task: str, cells: Sequence[CellRecord]) -> str | None:
    """Return the first primary score of ``task`` that any cell has; None for an unknown task."""
    from greenbench.tasks import TASKS  # takes longer to import than a comparison of few cells

    if task not in TASKS:
        return None
    for name in TASKS[task].primary:
        if any(cell.score(name) is not None for cell in cells):
            return name
    return None
