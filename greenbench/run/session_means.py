"""The means of a session's cells once all have run: their uncertainty by all rounds together.

While a session runs, a cell's record has what its own rounds show. How long a state of the machine
lasts, and how often a round is an outlier, only the rounds of all cells show
(``stats.session_noise``). So a session ends by stating the means again, with that uncertainty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from greenbench.results.record import Json, builtin
from greenbench.run.efficiency import efficiency_values, stage_values
from greenbench.stats.session_noise import SeriesOfRounds, spreads
from greenbench.stats.uncertainty import RoundValues, energy_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.results.reading import CellRecord

Place: TypeAlias = tuple[str, ...]
"""Where a record has a quantity: ``("stages", "training", "cpu_j")``."""


class MeasuredCell(NamedTuple):
    """What the rounds of a cell read, and when they ran."""

    id: str
    quantities: Mapping[Place, RoundValues]
    positions: tuple[int, ...]


def restate(cells: Sequence[CellRecord], records: Mapping[str, Json]) -> None:
    """Put the means of ``cells`` into their ``records``, which change in place: files hold them.

    ``records`` are by the cell's id. Means of one round stay, as do all if the rounds of the
    session are too few to conclude anything from them, or if some share stages: they are
    no independent readings of the session's noise.
    """
    if any(one_round.reused for cell in cells for one_round in cell.rounds):
        return
    measured = [_measured(cell, first) for cell, first in zip(cells, _firsts(cells), strict=True)]
    places: dict[Place, None] = {}
    for cell in measured:
        places.update(dict.fromkeys(cell.quantities))
    for place in places:
        _restate_quantity(place, measured, records)


def _firsts(cells: Sequence[CellRecord]) -> list[int]:
    """Return where each cell's rounds begin, if those of a cell follow one another."""
    firsts, count = [], 0
    for cell in cells:
        firsts.append(count)
        count += len(cell.rounds)
    return firsts


def _measured(cell: CellRecord, first: int) -> MeasuredCell:
    rounds = cell.rounds
    quantities: dict[Place, RoundValues] = {}
    if len(rounds) > 1:
        for name, values in energy_values([r.whole.energy for r in rounds]).items():
            quantities["energy", name] = values
        for name, values in efficiency_values(rounds).items():
            quantities["efficiency", name] = values
        for stage, of_stage in stage_values(rounds).items():
            for name, values in of_stage.items():
                quantities["stages", stage, name] = values
    positions = []
    for number, one_round in enumerate(rounds):
        in_row = one_round.position is None
        positions.append(first + number if in_row else one_round.position or 0)
    return MeasuredCell(cell.id, quantities, tuple(positions))


def _restate_quantity(
    place: Place, cells: Sequence[MeasuredCell], records: Mapping[str, Json]
) -> None:
    having = []
    for cell in cells:
        values = cell.quantities.get(place)
        if values is not None and not values.reason and values.scale > 0:
            having.append((cell, values))
    series = []
    for cell, values in having:
        series.append(SeriesOfRounds(values.values, cell.positions, values.scale))
    shown = spreads(series)
    if shown is None:
        return
    *path, name = place
    for (cell, values), spread in zip(having, shown, strict=True):
        part = records[cell.id]
        for key in path:
            part = part.setdefault(key, {})
        part[name] = builtin(values.mean(spread))
