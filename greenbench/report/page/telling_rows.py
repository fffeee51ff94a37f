"""Test rows whose answers by V0 and by a variant tell most, side by side, where files keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.cost import plural
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord
    from greenbench.types import AnsweredRow

MOST_ROWS = 10
"""Shown of a cell."""
MOST_CELLS = 10
"""Shown of a task."""
MOST_CHARACTERS = 600
"""Shown of a text."""
CUT = "[...]"
"""Ends a text of which more was there."""
TAB = 4
"""Spaces in place of a tab."""


class Answer(NamedTuple):
    """What a model wrote, by lines, and what came of it."""

    lines: tuple[str, ...]
    outcome: str
    right: bool | None


class TellingRow(NamedTuple):
    """A test row with both answers."""

    number: int
    """In the test split, from 1."""
    source: tuple[str, ...]
    expected: tuple[str, ...]
    """Empty if the data have no true answer."""
    baseline: Answer
    variant: Answer


class TellingRows(NamedTuple):
    """The rows of one cell."""

    cell: str
    about: str
    """How they were chosen, and of how many."""
    rows: tuple[TellingRow, ...]


def telling_rows(data: ReportData) -> list[TellingRows]:
    """Return rows of each cell whose answers the files keep, as they do those of its V0."""
    chosen = []
    for comparison in data.comparisons:
        baseline = comparison.baseline
        if baseline is None or baseline.failed:
            continue
        of_task: list[TellingRows] = []
        for record in comparison.cells:
            if not record.failed and not is_baseline(record.variant):
                of_task += _rows_of(record, baseline)
        chosen += of_task[:MOST_CELLS]
    return chosen


def _rows_of(record: CellRecord, baseline: CellRecord) -> Iterator[TellingRows]:
    """Return the rows of a cell; nothing if no row was kept twice, or all answers are alike."""
    pairs = _pairs(record, baseline)
    differing = [(here, there) for here, there in pairs if here.output != there.output]
    if not differing:
        return
    differing.sort(key=_telling, reverse=True)
    shown = differing[:MOST_ROWS]
    about = f"{len(shown)} of {plural(len(pairs), 'row')} that were kept. The answers to "
    about += f"{len(differing)} differ"
    if any(here.right is not None for here, _ in pairs):
        discordant = sum(here.right != there.right for here, there in pairs)
        about += f"; {discordant} are right in one of the two alone"
    about += "."
    rows = tuple([_row(here, there) for here, there in shown])
    yield TellingRows(record.id, about, rows)


def _pairs(record: CellRecord, baseline: CellRecord) -> list[tuple[AnsweredRow, AnsweredRow]]:
    """Return the rows that both kept in a round of the same seed."""
    for ours, theirs in record.paired_rounds(baseline):
        there = {row.row: row for row in theirs.judged.answered}
        pairs = []
        for row in ours.judged.answered:
            other = there.get(row.row)
            if other is not None and other.source == row.source:
                pairs.append((row, other))
        if pairs:
            return pairs
    return []


def _telling(pair: tuple[AnsweredRow, AnsweredRow]) -> tuple[bool, float]:
    """Return what sorts rows: right in one alone first, then by how the likeness differs."""
    here, there = pair
    return here.right != there.right, abs(_likeness(here) - _likeness(there))


def _likeness(row: AnsweredRow) -> float:
    """Return how like the true answer one is: higher for a better one, 0 if that is not known.

    Of texts it is the sentence BLEU, 0 to 100; of numbers minus their distance.
    """
    from sacrebleu.metrics import BLEU

    if not row.expected:
        return 0.0
    if row.right is None:
        return _nearness(row)
    bleu = BLEU(tokenize="none", force=True, effective_order=True)
    return float(bleu.sentence_score(row.output, [row.expected]).score)


def _nearness(row: AnsweredRow) -> float:
    """Return minus the distance of two numbers; 0 for what is none."""
    try:
        return -abs(float(row.output) - float(row.expected))
    except ValueError:
        return 0.0


def _row(here: AnsweredRow, there: AnsweredRow) -> TellingRow:
    return TellingRow(
        number=here.row + 1,
        source=_lines(here.source),
        expected=_lines(here.expected),
        baseline=_answer(there),
        variant=_answer(here),
    )


def _answer(row: AnsweredRow) -> Answer:
    return Answer(_lines(row.output), row.outcome, row.right)


def _lines(text: str) -> tuple[str, ...]:
    """Return the lines of a text, its end cut off if it is long."""
    shown = text[:MOST_CHARACTERS]
    if len(shown) < len(text):
        shown += CUT
    lines: Sequence[str] = shown.expandtabs(TAB).splitlines()
    return tuple(lines)
