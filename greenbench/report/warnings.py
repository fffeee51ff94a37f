"""The warnings about cells below the table, ranked by what they change, each once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.names import ShortNames
    from greenbench.results.reading import CellRecord

VOID, COMPARISON, DEVICE, ACCURACY = range(4)
"""Ranks: a cell is no evidence; the comparison changes; a setting was not applied; accuracy."""
MOST = 10
"""Warnings that are printed without ``--green-verbose``."""
ACCURACY_NOTES = re.compile(
    r"\w+ energy is (estimated|simulated):|\d+ rounds?: |too short for the counter"
)
ESTIMATE = re.compile(r"\w+ energy is estimated:")
ONE_ROUND = re.compile(r"1 round: ")
UNKNOWN_ENERGY = re.compile(r"\w+ energy is unknown although")
REPEATED = re.compile(r" \(so \d+ times, with other numbers\)$")
NUMBER = re.compile(r"(?<![\w-])[-+]?[0-9][0-9.,]*")


@dataclass(slots=True)
class RankedWarning:
    """One warning and the cells that it is about."""

    rank: int
    text: str
    cells: list[str] = field(default_factory=list)
    varies: bool = False
    """Whether other cells have other numbers in it."""


def ranked(records: Sequence[CellRecord], *, said: bool = False) -> list[RankedWarning]:
    """Return all warnings, those that change most first, then those of most cells.

    Warnings that differ in numbers only are one. ``said`` leaves out what answer and caption say
    already: that all joules are estimates, and that there is one round.
    """
    warnings: dict[str, RankedWarning] = {}
    for record in records:
        for rank, text in _of_cell(record):
            pattern = f"{rank} {NUMBER.sub('#', REPEATED.sub('', text))}"
            warning = warnings.setdefault(pattern, RankedWarning(rank, text))
            warning.varies = warning.varies or warning.text != text
            if record.id not in warning.cells:
                warning.cells.append(record.id)
    listing = []
    for warning in warnings.values():
        if not (said and _is_said(warning, records)):
            listing.append(warning)
    # Python's sort is stable: within a rank and a number of cells the order of appearance stays.
    listing.sort(key=lambda warning: (warning.rank, -len(warning.cells)))
    return listing


def lines(
    warnings: Sequence[RankedWarning],
    records: Sequence[CellRecord],
    names: ShortNames,
    *,
    verbose: bool = False,
) -> list[str]:
    """Return the warnings as texts, at most ten unless ``verbose``, and how many more there are."""
    shown = warnings if verbose else warnings[:MOST]
    texts = [_line(warning, records, names) for warning in shown]
    more = len(warnings) - len(shown)
    if more:
        texts.append(f"and {more} more: --green-verbose, or the results files")
    return texts


def _line(warning: RankedWarning, records: Sequence[CellRecord], names: ShortNames) -> str:
    subject = _subject(warning.cells, records, names)
    if not warning.varies:
        return f"{subject}: {warning.text}"
    text = REPEATED.sub("", warning.text)
    return f"{subject}: {text} (numbers of {names[warning.cells[0]]})"


def _subject(cells: list[str], records: Sequence[CellRecord], names: ShortNames) -> str:
    """Return ``all cells``, ``all of digits``, or the names of the first ones."""
    if len(cells) == len(records) > 1:
        return "all cells"
    by_task: dict[str, list[str]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record.id)
    for task, of_task in by_task.items():
        if task and set(of_task) == set(cells) and len(cells) > 1:
            return f"all of {task}"
    return listed([names[cell_id] for cell_id in cells], most=4)


def _of_cell(record: CellRecord) -> list[tuple[int, str]]:
    """Return the warnings of a cell with their ranks."""
    warnings = []
    for text in _void_reasons(record):
        warnings.append((VOID, text))
    settings = _setting_prefixes(record)
    for text in record.doubts:
        if text.startswith("DEGENERATE") or UNKNOWN_ENERGY.match(text):
            rank = VOID
        elif text.startswith(settings):
            rank = DEVICE
        elif ACCURACY_NOTES.match(text):
            rank = ACCURACY
        else:
            rank = COMPARISON
        warnings.append((rank, text))
    return warnings


def _void_reasons(record: CellRecord) -> list[str]:
    """Say why a cell is no evidence, if its warnings do not."""
    reasons = []
    if record.error:
        reasons.append(f"failed: {record.error}")
    elif record.failed:
        reasons.append("its test failed after it was measured")
    if record.effect:
        reasons.append(f"{record.effect}: {', '.join(record.without_effect)} did nothing")
    if record.rounds and record.joules is None:
        reasons.append(f"its energy is unmeasured{_reasons(record)}")
    return reasons


def _reasons(record: CellRecord) -> str:
    for one_round in record.rounds:
        reasons = one_round.whole.energy.reasons
        if reasons:
            channel, reason = next(iter(reasons.items()))
            return f" ({channel}: {reason})"
    return ""


def _setting_prefixes(record: CellRecord) -> tuple[str, ...]:
    """Return how the warnings about knobs begin that did not act as requested."""
    prefixes: dict[str, None] = {}
    for one_round in record.rounds:
        for proof in one_round.applied:
            if not proof.holds:
                prefixes[f"{proof.stage}.{proof.knob} = "] = None
    return tuple(prefixes)


def knob_notes(cell: CellRecord) -> list[str]:
    """Return why knobs of a cell did not act as requested, each once."""
    notes: dict[str, None] = {}
    for one_round in cell.rounds:
        for proof in one_round.applied:
            if not proof.holds:
                notes[f"{proof.stage}.{proof.knob}: {proof.note}"] = None
    return list(notes)


def _is_said(warning: RankedWarning, records: Sequence[CellRecord]) -> bool:
    """Whether answer and caption say it: it is about every cell that has rounds."""
    if not ESTIMATE.match(warning.text) and not ONE_ROUND.match(warning.text):
        return False
    measured = [record.id for record in records if record.rounds]
    return set(warning.cells) >= set(measured)
