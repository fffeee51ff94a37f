"""What the matrix says of a cell's energy: the word of ``findings``, with a symbol beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.changes import Change
from greenbench.report import findings, table
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from greenbench.report.findings import Findings
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
COMPARED = {
    findings.SAVES: CellWord(SAVES, "▼", "saves"),
    findings.COSTS: CellWord(COSTS, "▲", "costs more"),
    findings.OPEN: CellWord(OPEN, "◇", "can't tell"),
    findings.DRIFT: CellWord(OPEN, "~", "drift", "the machine itself changed by more"),
    findings.PARTIAL: CellWord(VOID, "◐", "partial", "a knob of it or of V0 did not act as asked"),
    findings.CONTROL: CellWord(BASE, "⇄", "A/A control", "V0 again, under another name"),
}
"""By the word of ``findings``."""


def word_of(record: CellRecord, found: Findings) -> CellWord:
    """Return the verdict on a cell beside V0; ``found`` is what its task's comparison shows."""
    if record.flaw is not None:
        state = table.status(record)
        return CellWord(VOID, VOID_SYMBOLS.get(state, "✕"), state, record.flaw.reason)
    if is_baseline(record.variant):
        return CellWord(BASE, "●", "baseline")
    change = found.comparison.energy.get(record.id)
    if not isinstance(change, Change):
        word = table.ratio_text(record, change)
        reason = change.reason if change is not None else ""
        return CellWord(VOID, VOID_SYMBOLS.get(word, "≠"), word, reason)
    return COMPARED[found.words[record.id]]
