"""The matrix of a report: a row a variant, a column a task.

A cell of it has the ratio of its energy to V0's, drawn and in numbers, a verdict, the differences
of score and time, and where its joules come from. Sorting, filters and sliders read its numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.gates.changes import Change
from greenbench.report import caption, numbers, table
from greenbench.report.counted import counted
from greenbench.report.findings import findings, loses
from greenbench.report.page.intervals import LogAxis
from greenbench.report.page.verdict_words import SAVES, CellWord, word_of
from greenbench.results.consistency import score_range
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.gates.changes import NoChange
    from greenbench.report.findings import Findings
    from greenbench.report.page.intervals import IntervalPlaces, Tick
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

SOURCE_KINDS = ("simulated", "estimated")
MOST_KNOBS = 6
MOST_PRINTED = 20
"""Rows that are printed, V0's among them: two pages of two tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """A variant on a task, all texts written."""

    id: str
    verdict: CellWord
    ratio: str
    """Of its energy to V0's, with the interval; empty where there is none."""
    interval: IntervalPlaces | None
    own: str
    """Its own joules, seconds and score; empty if it ended before a whole round."""
    score: str
    """The difference of its score from V0's, with the interval, or why there is none."""
    is_worse: bool
    """Whether its score is shown to be worse than V0's."""
    time: str
    sources: tuple[str, ...]
    """``measured``, ``estimated: CPU`` and the like."""
    keys: Mapping[str, str]
    """Numbers for sorting and sliders, by the name of their attribute."""


@dataclass(slots=True, kw_only=True)
class MatrixRow:
    """A variant with its cells by task."""

    name: str
    knobs: str
    """What it sets, in words."""
    is_baseline: bool
    cells: dict[str, MatrixCell] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All variants on all tasks."""

    tasks: Mapping[str, str]
    """Task to the score that is shown of it."""
    rows: tuple[MatrixRow, ...]
    ticks: Sequence[Tick]
    printed: frozenset[str]
    """Names of the rows that are printed."""


def matrix(data: ReportData) -> Matrix:
    """Return the matrix of all cells that belong to variants."""
    axis = LogAxis.of(_energy_changes(data))
    tasks: dict[str, str] = {}
    rows: dict[str, MatrixRow] = {}
    for comparison in data.comparisons:
        tasks[comparison.task] = comparison.score
        found = findings(comparison)
        for record in comparison.cells:
            name = record.id.removeprefix(f"{record.task}-")
            row = rows.setdefault(name, _row(name, record))
            row.cells[comparison.task] = _cell(record, found, axis)
    listed = tuple(rows.values())
    return Matrix(tasks=tasks, rows=listed, ticks=axis.ticks, printed=printed_names(listed))


def _energy_changes(data: ReportData) -> Iterator[Change]:
    for comparison in data.comparisons:
        for change in comparison.energy.values():
            if isinstance(change, Change):
                yield change


def _row(name: str, record: CellRecord) -> MatrixRow:
    return MatrixRow(name=name, knobs=settings(record), is_baseline=is_baseline(record.variant))


def settings(record: CellRecord) -> str:
    """Return what a cell's variant sets, ``precision bf16, batch_size 64``; empty for V0."""
    knobs = []
    for knob in record.changes or ():
        _, _, short = knob.partition(".")
        value = record.knobs.get(knob)
        knobs.append(f"{short} {value}")
    more = len(knobs) - MOST_KNOBS
    if more > 0:
        knobs[MOST_KNOBS:] = [f"and {more} more"]
    return ", ".join(knobs)


def _cell(record: CellRecord, found: Findings, axis: LogAxis) -> MatrixCell:
    comparison = found.comparison
    energy = comparison.energy.get(record.id)
    time = comparison.time.get(record.id)
    quality = comparison.quality.get(record.id)
    interval = axis.places(energy) if isinstance(energy, Change) else None
    keys = _keys(energy, time, quality, points_of(comparison.score))
    is_worse = isinstance(quality, Change) and loses(comparison, record.id)
    verdict = word_of(record, found)
    own = _own(counted(record, comparison), comparison.score)
    score = table.difference_text(quality)
    sources = source_badges(record)
    return MatrixCell(
        id=record.id,
        verdict=verdict,
        ratio=_ratio(energy),
        interval=interval,
        own=own,
        score=score,
        is_worse=is_worse,
        time=_ratio(time),
        sources=sources,
        keys=keys,
    )


def _own(record: CellRecord, score: str) -> str:
    if not record.rounds:
        return ""
    joules = numbers.unit(record.joules, "J")
    seconds = numbers.unit(record.seconds, "s")
    scored = caption.score_text(record, score)
    return f"{joules}, {seconds}, {score} {scored}"


def _ratio(change: Change | NoChange | None) -> str:
    if not isinstance(change, Change):
        return ""
    return numbers.ratio(change.value, change.low, change.high)


def source_badges(record: CellRecord) -> tuple[str, ...]:
    """Say of which channels the joules are measured, estimated or simulated."""
    channels: dict[str, list[str]] = {}
    for channel, source in record.sources.items():
        kind, _, _ = source.partition(":")
        known = kind if kind in SOURCE_KINDS else "measured"
        channels.setdefault(known, []).append(channel.upper())
    badges = []
    for kind, names in channels.items():
        badges.append(f"{kind} {'+'.join(names)}")
    return tuple(badges) or ("no joules",)


def points_of(score: str) -> float:
    """Return how many points a score's unit has: 100, or 1 of scores that go up to 100."""
    _, best = score_range(score)
    return 100.0 if math.isinf(best) else 100.0 / best


def _keys(
    energy: Change | NoChange | None,
    time: Change | NoChange | None,
    quality: Change | NoChange | None,
    points: float,
) -> dict[str, str]:
    """Return the numbers of a cell: ratios, and the loss of its score in points."""
    keys = {}
    if isinstance(energy, Change):
        keys["e"] = _written(energy.value)
    if isinstance(time, Change):
        keys["t"] = _written(time.value, time.low, time.high)
    if isinstance(quality, Change):
        loss = -points * quality.value
        least = -points * quality.high
        most = -points * quality.low
        keys["q"] = _written(loss, least, most)
    return keys


def _written(*values: float) -> str:
    return " ".join(f"{value:.5g}" for value in values)


def printed_names(rows: Sequence[MatrixRow]) -> frozenset[str]:
    """Return the names of the rows that are printed: V0, and those of least energy on any task.

    Those that are shown to save come first, and those without a ratio last.
    """
    ranked = sorted(rows, key=_rank)
    return frozenset(row.name for row in ranked[:MOST_PRINTED])


def _rank(row: MatrixRow) -> tuple[bool, bool, float]:
    """Return what sorts rows, the first ones first."""
    ratios = [math.inf]
    saving = [math.inf]
    for cell in row.cells.values():
        if "e" not in cell.keys:
            continue
        ratio = float(cell.keys["e"])
        ratios.append(ratio)
        if cell.verdict.kind == SAVES:
            saving.append(ratio)
    least = min(saving)
    saves = least < math.inf
    return not row.is_baseline, not saves, least if saves else min(ratios)
