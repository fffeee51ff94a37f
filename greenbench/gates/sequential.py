"""Verdicts of a session that looked at its blocks while it ran: after each block, on open cells.

What a session did is done again here from its rounds alone, at its end or from its files: at each
look the cells that have that block are judged by the blocks up to it. The first look that settles a
cell stands, and later blocks do not change it. In Holm's correction a settled cell keeps its
p-value, so that what was proven stays proven, and the others are corrected for fewer cells (Maurer
and Bretz, Statistics in Biopharmaceutical Research 5, 2013).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from greenbench.gates.verdict import Verdict
from greenbench.stats.over_seeds import known_in_all, mean_quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from greenbench.gates.decisions import OpenCell
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.stats.looks import Looks


def _looks_of(cells: Mapping[str, Measured]) -> Looks | None:
    """Return when the one session of these cells looked at its blocks; None if it never did.

    Cells of several sessions are judged once, each at the level of its own last look.
    """
    sessions = {cell.header.session_id or id(cell.header) for cell in cells.values()}
    if len(sessions) > 1:
        return None
    for cell in cells.values():
        if cell.look is not None:
            return cell.header.looks
    return None


@dataclass(slots=True)
class Standing:
    """What the looks so far say of the cells of one gate."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """The latest one of each cell."""
    blocks: int = 0
    """That the last look had."""
    _own: dict[str, float] = field(default_factory=dict)
    """Each cell's p-value before Holm's correction."""

    def look(
        self,
        names: Sequence[str],
        cells: Mapping[str, Measured],
        examine: Callable[[Sequence[str], Mapping[str, Measured]], list[Verdict | OpenCell]],
        decide: Callable[[Sequence[OpenCell], Sequence[float]], list[Verdict]],
    ) -> None:
        """Take all further looks at the cells called ``names``, among all ``cells``.

        ``examine`` estimates some cells among others, ``decide`` judges these together, beside the
        p-values of settled cells.
        """
        for blocks, present in _at_each_look(cells, self.blocks):
            waiting = [name for name in names if name in present and self._awaits(name)]
            if not waiting:
                break
            self.blocks = blocks
            examined = examine(waiting, present)
            open_cells = []
            for name, result in zip(waiting, examined, strict=True):
                if isinstance(result, Verdict):
                    self.verdicts[name] = result
                else:
                    open_cells.append(result)
            settled = [p for name, p in self._own.items() if name not in waiting]
            verdicts = decide(open_cells, settled)
            for open_cell, verdict in zip(open_cells, verdicts, strict=True):
                self.verdicts[verdict.cell] = verdict
                self._own[verdict.cell] = open_cell.p

    def _awaits(self, name: str) -> bool:
        return name not in self.verdicts or self.verdicts[name].outcome == "INCONCLUSIVE"


def _at_each_look(
    cells: Mapping[str, Measured], done: int
) -> Iterator[tuple[int, Mapping[str, Measured]]]:
    """Yield, for each look after that with ``done`` blocks, the cells as they were then."""
    looks = _looks_of(cells)
    if looks is None:
        yield done, cells
        return
    for blocks in range(max(looks.first, done + 1), looks.most + 1):
        yield blocks, _up_to(blocks, cells, is_first=blocks == looks.first)


def _up_to(blocks: int, cells: Mapping[str, Measured], *, is_first: bool) -> dict[str, Measured]:
    """Return the cells as they were after so many blocks; only those that have the last of them.

    At the first look all are there. Cells whose rounds ran in a row stay as they are.
    """
    present = {}
    for name, cell in cells.items():
        if cell.look is None:
            present[name] = cell
        elif is_first or cell.look.blocks >= blocks:
            present[name] = replace(cell, record=_first_rounds(cell.record, blocks))
    return present


def _first_rounds(record: CellRecord, blocks: int) -> CellRecord:
    """Return a record without its rounds of later blocks, and with the scores of these alone."""
    rounds = tuple(r for r in record.rounds if r.block is not None and r.block < blocks)
    if len(rounds) == len(record.rounds):
        return record
    return replace(record, rounds=rounds, quality=known_in_all(mean_quality(rounds), rounds))
