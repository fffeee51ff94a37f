"""Several folders side by side: each cell's energy against the first folder's, or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates import runs
from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.report import numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord

GATE = "energy <= 1*saved"
CANNOT_TELL = ("◇", "can't tell")
WORDS = {
    "PASS": ("▼", "takes less"),
    "REGRESSED": ("▲", "takes more"),
    "INCONCLUSIVE": CANNOT_TELL,
}


class SideLine(NamedTuple):
    """A cell in a folder beside the same cell in the first one."""

    cell: str
    here: str
    there: str
    ratio: str
    symbol: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """A folder beside the first one."""

    name: str
    first: str
    lines: tuple[SideLine, ...]
    lacking: tuple[str, ...]
    """Cells that the first folder alone has."""
    added: tuple[str, ...]
    """Cells that it alone has."""


def side_by_side(folders: Sequence[ReportData], allow: Collection[str] = ()) -> list[SideBySide]:
    """Compare each folder but the first with the first, cell by cell."""
    if not folders:
        return []
    first, *others = folders
    saved = {cell.id: cell for cell in first.cells}
    sessions = _sessions(folders)
    references = References(
        saved=saved,
        saved_name=first.name,
        sessions=lambda name: sessions.get(name, ()),
        allow=allow,
    )
    compared = []
    for folder in others:
        compared.append(_beside(folder, saved, references))
    return compared


def _sessions(folders: Sequence[ReportData]) -> Mapping[str, Sequence[Measured]]:
    every: list[Measured] = []
    for folder in folders:
        every += folder.cells
        every += folder.older
    return runs.by_id(every)


def _beside(
    folder: ReportData, saved: Mapping[str, Measured], references: References
) -> SideBySide:
    shared, added = {}, []
    for cell in folder.cells:
        if cell.id in saved:
            shared[cell.id] = cell
        else:
            added.append(cell.id)
    lacking = [name for name in saved if name not in shared]
    lines = []
    for verdict in judge(parse(GATE), shared, references):
        if verdict.cell in shared:
            here, there = shared[verdict.cell], saved[verdict.cell]
            lines.append(_line(verdict, here.record, there.record))
    return SideBySide(
        name=folder.name,
        first=references.saved_name,
        lines=tuple(lines),
        lacking=tuple(lacking),
        added=tuple(added),
    )


def _line(verdict: Verdict, here: CellRecord, there: CellRecord) -> SideLine:
    ratio = _ratio(verdict)
    symbol, word = WORDS.get(verdict.outcome, ("≠", verdict.outcome))
    if verdict.outcome in WORDS and not ratio:
        symbol, word = CANNOT_TELL
    return SideLine(
        cell=verdict.cell,
        here=numbers.unit(here.joules, "J"),
        there=numbers.unit(there.joules, "J"),
        ratio=ratio or numbers.UNKNOWN,
        symbol=symbol,
        word=word,
        reason=" ".join(verdict.reason.split()),
    )


def _ratio(verdict: Verdict) -> str:
    if verdict.change is None or verdict.low is None or verdict.high is None:
        return ""
    return numbers.ratio(verdict.change, verdict.low, verdict.high)
