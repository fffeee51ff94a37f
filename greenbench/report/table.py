"""The table of a session: a line a cell, each ratio to V0 with its 95 % interval.

On a narrow terminal columns are left out in this order: the ratio of time to V0's, the energy
source, the score, the time, the total energy (first its +-), the difference of scores. The name of
the cell, the ratio of energy with its interval, and the status always stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.gates.changes import NO_INTERVAL, Change, NoChange
from greenbench.report import numbers
from greenbench.report.caption import common_sources, only_estimated, score_text
from greenbench.report.layout import Column
from greenbench.results.reading import is_control, source_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.comparison import TaskComparison
    from greenbench.report.names import ShortNames
    from greenbench.results.reading import CellRecord

TIME_RATIO, SOURCE, SCORE, TIME, TOTAL, SCORE_CHANGE = range(1, 7)
"""The order in which columns are dropped."""
CANNOT_TELL = "can't tell"
CONTROL = "A/A"
"""A variant that sets nothing: its difference from V0 is the machine's."""
STATUS_STYLES = {"ok": "", CONTROL: "", "partial": "yellow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """What the table says of one cell, all of it written."""

    cell: str
    time: str
    total: str
    joules: str
    """``total`` without its uncertainty."""
    energy_ratio: str
    energy_style: str
    time_ratio: str
    score: str
    named_score: str
    """``score`` with the name of its metric."""
    score_change: str
    source: str
    status: str
    status_style: str


def columns(
    records: Sequence[CellRecord], comparisons: Sequence[TaskComparison], names: ShortNames
) -> list[Column]:
    """Return the columns of the table; those that say nothing are left out."""
    rows = [_row(record, comparisons, names) for record in records]
    joules = _texts(rows, "joules")
    # What is common to all estimates is in the caption.
    total = joules if only_estimated(records) else _texts(rows, "total")
    status_texts, status_styles = _texts(rows, "status"), _texts(rows, "status_style")
    every = [
        Column(heading="cell", texts=_texts(rows, "cell")),
        Column(heading="time", texts=_texts(rows, "time"), dropped=TIME, numbers=True),
        Column(heading="total", texts=total, short=joules, dropped=TOTAL, numbers=True),
    ]
    if comparisons:
        every += _comparison_columns(rows, comparisons)
    if common_sources(records) is None:
        every.append(Column(heading="energy source", texts=_texts(rows, "source"), dropped=SOURCE))
    every.append(Column(heading="status", texts=status_texts, styles=status_styles))
    return [column for column in every if not column.is_empty]


def _comparison_columns(
    rows: Sequence[TableRow], comparisons: Sequence[TaskComparison]
) -> list[Column]:
    """Return the columns of a matrix: ratios to V0, scores and their differences."""
    ratios, times = aligned(_texts(rows, "energy_ratio")), aligned(_texts(rows, "time_ratio"))
    heading, scores = "score (95 %)", _texts(rows, "named_score")
    if len(comparisons) == 1:
        heading, scores = f"{comparisons[0].score} (95 %)", _texts(rows, "score")
    changes = aligned(_texts(rows, "score_change"))
    return [
        Column(heading="vs V0 (95 %)", texts=ratios, styles=_texts(rows, "energy_style")),
        Column(heading="time vs V0 (95 %)", texts=times, dropped=TIME_RATIO),
        Column(heading=heading, texts=scores, dropped=SCORE),
        Column(heading="delta V0 (95 %)", texts=changes, dropped=SCORE_CHANGE),
    ]


def _texts(rows: Sequence[TableRow], field: str) -> list[str]:
    """Return one field of every row."""
    return [getattr(row, field) for row in rows]


def _row(record: CellRecord, comparisons: Sequence[TaskComparison], names: ShortNames) -> TableRow:
    energy = time = quality = None
    drift = False
    score = named_score = numbers.UNKNOWN
    for comparison in comparisons:
        if comparison.task == record.task:
            energy = comparison.energy.get(record.id)
            time = comparison.time.get(record.id)
            quality = comparison.quality.get(record.id)
            drift = comparison.is_drift(record.id)
            score = score_text(record, comparison.score)
            named_score = f"{comparison.score} {score}"
    state = status(record)
    return TableRow(
        cell=names[record.id],
        time=numbers.unit(record.seconds, "s"),
        total=numbers.plus_minus(record.joules, record.uncertainty, "J"),
        joules=numbers.unit(record.joules, "J"),
        energy_ratio=ratio_text(record, energy, drift=drift),
        energy_style="dim" if drift else _ratio_style(energy),
        time_ratio=ratio_text(record, time),
        score=score,
        named_score=named_score,
        score_change=difference_text(quality),
        source=source_label(record),
        status=state,
        status_style=STATUS_STYLES.get(state, "red"),
    )


def status(record: CellRecord) -> str:
    """Return ``failed``, ``DEGENERATE``, ``NO-EFFECT``, ``partial``, ``A/A`` or ``ok``."""
    if record.failed:
        return "failed"
    if record.void or record.status != "ok":
        return record.void or record.status
    return CONTROL if is_control(record) else "ok"


def ratio_text(record: CellRecord, change: Change | NoChange | None, *, drift: bool = False) -> str:
    """Return a ratio to V0's with its interval, or why there is none.

    ``drift`` says that the machine changed by more.
    """
    if isinstance(change, Change):
        text = numbers.ratio(change.value, change.low, change.high, separator="-")
        if not change.excludes_no_change:
            return f"{text} {CANNOT_TELL}"
        return f"{text} drift" if drift else text
    if change is None or record.flaw is not None:  # V0 itself, or its status says why
        return numbers.UNKNOWN
    if change.word == "NOT-COMPARABLE":
        return "other sources" if change.reason.startswith("scope: ") else "not comparable"
    if change.word == "UNMEASURED":
        return "unmeasured"
    return "no V0" if change.word == "MISSING" else f"V0 {change.word}"


def _ratio_style(change: Change | NoChange | None) -> str:
    if not isinstance(change, Change) or not change.excludes_no_change:
        return "dim"
    return "green" if change.value < change.neutral else "red"


def difference_text(change: Change | NoChange | None) -> str:
    """Return the difference to V0's score with its interval, or that there is none."""
    if isinstance(change, Change):
        return numbers.difference(change.value, change.low, change.high)
    if change is not None and change.word == NO_INTERVAL:
        return "no interval"
    return numbers.UNKNOWN


def aligned(texts: Sequence[str]) -> list[str]:
    """Return numbers with intervals, the numbers ending in one column; words stay."""
    width = 0
    for text in texts:
        number, sign, _ = text.partition(" (")
        if sign:
            width = max(width, len(number))
    lines = []
    for text in texts:
        number, sign, interval = text.partition(" (")
        lines.append(f"{number:>{width}}{sign}{interval}" if sign else text)
    return lines
