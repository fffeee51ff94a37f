"""What a comparison of runs demands: its gates, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.experiment import option_parsers
from greenbench.experiment.option_parsers import RawOption
from greenbench.experiment.pyproject import nearest_settings, read_pyproject
from greenbench.gates.default_limits import limit
from greenbench.gates.expression import ALLOWED, SAVED
from greenbench.results.reading import (
    BASELINE,
    NO_JOULES,
    higher_is_better,
    is_baseline,
    primary_score,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord

DEFAULT_GATES = ("energy <= 1.05*{0}", "time <= 1.05*{0}")
"""Gates on a reference if none is given, beside one on each task's primary score."""
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
    scores: Mapping[str, Mapping[str, bool]] | None = None,
) -> Rules:
    """Return the gates that hold for runs, whose cells stand by id, and what else is demanded.

    ``scores`` are those that gates may be about, by task, and whether more of each is better;
    without them, those of the runs. The gates are ``expressions``, else those of the nearest
    pyproject.toml with settings, from ``folder`` upwards, else the defaults. Raises UsageError for
    what is no gate.
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
    scores = scores or known_scores(known_runs)
    written = RawOption("--green-gate", texts, scores=scores)
    gates = option_parsers.gates(written)
    fails_open = strict or "inconclusive" in failing
    return Rules(
        gates=gates,
        gates_of=source,
        allow=(*allow, *also_allowed),
        strict=fails_open,
    )


def default_gates(known_runs: Sequence[Mapping[str, Measured]]) -> list[str]:
    """Return gates on what any of the runs knows: energy, time, and each task's primary score."""
    reference = SAVED if len(known_runs) > 1 else BASELINE
    cells = [cell.record for run in known_runs for cell in run.values()]
    references = _by_task(_references(known_runs))
    measured = any(cell.scope != NO_JOULES for cell in cells)
    texts = []
    for text in DEFAULT_GATES:
        if measured or not text.startswith("energy"):
            texts.append(text.format(reference))
    for task, of_task in _by_task(cells).items():
        score = primary_score(of_task)
        if any(cell.score(score) is not None for cell in of_task):
            higher = higher_is_better(score, of_task)
            values = [cell.score(score) for cell in references.get(task, ())]
            known = [value for value in values if value is not None]
            texts.append(f"{task}.{score} {limit(score, reference, known, higher=higher)}")
    return texts


def _references(known_runs: Sequence[Mapping[str, Measured]]) -> list[CellRecord]:
    """Return the cells of the first of several runs, or V0's of a single one."""
    cells = [cell.record for run in known_runs[:1] for cell in run.values()]
    if len(known_runs) > 1:
        return cells
    return [cell for cell in cells if is_baseline(cell.variant)]


def _by_task(cells: Sequence[CellRecord]) -> dict[str, list[CellRecord]]:
    """Return the cells of each task; plain functions have none."""
    by_task: dict[str, list[CellRecord]] = {}
    for cell in cells:
        if cell.task:
            by_task.setdefault(cell.task, []).append(cell)
    return by_task


def known_scores(
    known_runs: Sequence[Mapping[str, Measured]],
) -> dict[str, dict[str, bool]] | None:
    """Return the scores of each task in the runs, and whether more of each is better.

    It is None if no cell has any, so that all names may be scores.
    """
    cells = [cell.record for run in known_runs for cell in run.values()]
    scores = {}
    for task, of_task in _by_task(cells).items():
        directions: dict[str, bool] = {}
        for cell in of_task:
            for name in (*cell.definition.primary, *cell.quality):
                directions.setdefault(name, higher_is_better(name, of_task))
        scores[task] = directions
    return scores if any(cell.quality for cell in cells) else None
