"""What the matrix says of a cell's energy: one word, with a symbol that needs no colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.changes import Change
from greenbench.report import table
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from greenbench.report.comparison import TaskComparison
    from greenbench.results.reading import CellRecord


class CellWord(NamedTuple):
    """The verdict on a cell's energy."""

    kind: str
    """How it is filtered and coloured: ``saves``, ``costs``, ``open``, ``base`` or ``void``."""
    symbol: str
    word: str
    reason: str = ""
    """Why it is no evidence, or nothing more can be said; empty if the word says it."""


SAVES, COSTS, OPEN, BASE, VOID = "saves", "costs", "open", "base", "void"
KINDS = {
    SAVES: "saves",
    COSTS: "costs more",
    OPEN: "can't tell",
    VOID: "no evidence",
}
"""What can be filtered for, in words."""
VOID_SYMBOLS = {"failed": "✕", "DEGENERATE": "⊘", "NO-EFFECT": "∅", "unmeasured": "?"}


def word_of(record: CellRecord, comparison: TaskComparison) -> CellWord:
    """Return the verdict on a cell beside V0.

    It saves, or costs more, only where the terminal's answer would say so too.
    """
    state = table.status(record)
    if record.flaw is not None:
        return CellWord(VOID, VOID_SYMBOLS.get(state, "✕"), state, record.flaw.reason)
    if is_baseline(record.variant):
        return CellWord(BASE, "●", "baseline")
    change = comparison.energy.get(record.id)
    if not isinstance(change, Change):
        word = table.ratio_text(record, change)
        reason = change.reason if change is not None else ""
        return CellWord(VOID, VOID_SYMBOLS.get(word, "≠"), word, reason)
    if state == "partial":
        return CellWord(VOID, "◐", "partial", "a knob did not act as requested")
    if state == table.CONTROL:
        return CellWord(BASE, "⇄", "A/A control", "V0 again, under another name")
    return _compared(change, is_drift=comparison.is_drift(record.id))


def _compared(change: Change, *, is_drift: bool) -> CellWord:
    if is_drift and change.excludes_no_change:
        return CellWord(OPEN, "~", "drift", "the machine itself changed by more")
    if change.is_lower:
        return CellWord(SAVES, "▼", "saves")
    if change.is_higher:
        return CellWord(COSTS, "▲", "costs more")
    if change.excludes_no_change:
        return CellWord(OPEN, "◇", "can't tell", "not shown after correction for many variants")
    return CellWord(OPEN, "◇", "can't tell", "the interval contains 1")
