"""Which cells a session with ``--green-until-sure`` settled, and after how many blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from greenbench.results.reading import CellRecord
    from greenbench.stats.looks import Looks


def sentence(records: Sequence[CellRecord], still_open: Collection[str], looks: Looks) -> str:
    """Return which cells ended after how many blocks, and which are open.

    V0 is left out unless it is open: it ran for the others.
    """
    ended: dict[int, list[str]] = {}
    waiting: dict[int, list[str]] = {}
    for record in records:
        blocks = len(record.rounds)
        if record.id in still_open:
            waiting.setdefault(blocks, []).append(record.id)
            continue
        if not record.variant or is_baseline(record.variant):
            continue
        ended.setdefault(blocks, []).append(record.id)
    texts = _by_blocks("needs no more after", ended)
    texts += _by_blocks("still open after", waiting)
    said = "; ".join(texts) or "no cell was compared"
    return f"at most {looks.most} blocks, until sure: {said}"


def _by_blocks(words: str, cells: dict[int, list[str]]) -> list[str]:
    texts = []
    for blocks, ids in sorted(cells.items()):
        names = ", ".join(ids)
        texts.append(f"{words} {blocks}: {names}")
    return texts
