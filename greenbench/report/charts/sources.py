"""What charts say of their numbers: where joules come from, and how many rounds stand behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.cost import plural
from greenbench.report.counted import LEFT_OUT, leaves_out_first
from greenbench.report.texts import listed
from greenbench.results.reading import source_label
from greenbench.types import NODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.report.comparison import TaskComparison
    from greenbench.results.reading import CellRecord

SIMULATED, ESTIMATED = "simulated", "estimated"


def kind(cells: Iterable[CellRecord]) -> str:
    """Return ``estimated``, ``partly simulated``, ...; ``measured`` if all of it is."""
    return in_a_word([source for cell in cells for source in cell.sources.values()])


def in_a_word(sources: Iterable[str]) -> str:
    """Return ``measured``, ``estimated``, ``partly simulated``, ... of joules of ``sources``."""
    kinds = {source.partition(":")[0] for source in sources}
    for word in (SIMULATED, ESTIMATED):
        if word in kinds:
            return word if len(kinds) == 1 else f"partly {word}"
    return "measured"


def design(cells: Sequence[CellRecord]) -> str:
    """Return the end of a caption: ``n = 5 rounds; joules: cpu estimated``."""
    labels = [source_label(cell) for cell in cells]
    distinct = list(dict.fromkeys(labels))
    return f"{rounds(cells)}; joules: {listed(distinct)}"


def subtitle(cells: Sequence[CellRecord]) -> str:
    """Return what stands inside a drawing: ``estimated joules, n = 5 rounds``."""
    return f"{kind(cells)} joules, {rounds(cells)}"


def left_out(comparison: TaskComparison) -> str:
    """Return the end of a caption about rounds of which the first one does not count; or nothing.

    ``n`` before it is that of the others.
    """
    return f"; the first round {LEFT_OUT}" if leaves_out_first(comparison) else ""


def machine_subtitle(cells: Sequence[CellRecord]) -> str:
    """Return the same of joules of the machine as a whole."""
    known = []
    for cell in cells:
        for one_round in cell.rounds:
            if one_round.whole.energy.node_j is not None:
                known.append(one_round.whole.energy.sources.get(NODE, "none"))
    return f"{in_a_word(known)} joules of the machine as a whole, {rounds(cells)}"


def rounds(cells: Sequence[CellRecord]) -> str:
    """Return ``n = 5 rounds``, or ``n = 3 to 5 rounds``."""
    counts = [len(cell.rounds) for cell in cells]
    least = min(counts, default=0)
    most = max(counts, default=0)
    if least == most:
        count = plural(most, "round")
        return f"n = {count}"
    return f"n = {least} to {most} rounds"
