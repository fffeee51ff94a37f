"""What earlier results say that cells will cost."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.results.reading import CellRecord, RunRecord
    from greenbench.types import Cell, Round


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What earlier results say about the cells to come."""

    seconds: float
    joules: float | None
    sources: tuple[str, ...]
    known: int
    """Cells that an earlier result speaks of."""
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastKey:
    """What an earlier cell must share with the cells of a task for its cost to forecast theirs."""

    host: str
    device: str | None
    """None: whichever ``auto`` took."""
    model: str
    data: str


class Cost(NamedTuple):
    """What a cell took in one round, or in the median over several."""

    seconds: float
    joules: float | None
    sources: tuple[str, ...]


def forecast(
    cells: Sequence[Cell], runs: Sequence[RunRecord], keys: Mapping[str, ForecastKey]
) -> Forecast | None:
    """Sum what each cell took in earlier ``runs``, the median over their rounds; None if unknown.

    Only runs of the same profile count, and of these only cells that match the key of their task.
    """
    costs = []
    for cell in cells:
        cost = _median_cost(list(_earlier_rounds(cell, runs, keys[cell.task])))
        if cost is not None:
            costs.append((cell, cost))
    if not costs:
        return None
    seconds, joules = 0.0, []
    sources: set[str] = set()
    for cell, cost in costs:
        seconds += cost.seconds * cell.rounds
        sources.update(cost.sources)
        if cost.joules is not None:
            joules.append(cost.joules * cell.rounds)
    return Forecast(
        seconds=seconds,
        joules=sum(joules) if joules else None,
        sources=tuple(sorted(sources)),
        known=len(costs),
        asked=len(cells),
    )


def _median_cost(rounds: Sequence[Round]) -> Cost | None:
    if not rounds:
        return None
    seconds, joules, labels = [], [], []
    for one_round in rounds:
        energy = one_round.whole.energy
        seconds.append(one_round.whole.seconds)
        if energy.total_j is not None:
            joules.append(energy.total_j)
        sources = set(energy.sources.values()) - {"none"}
        if sources:
            labels.append("+".join(sorted(sources)))
    return Cost(
        seconds=statistics.median(seconds),
        joules=statistics.median(joules) if joules else None,
        sources=tuple(labels),
    )


def _earlier_rounds(cell: Cell, runs: Sequence[RunRecord], key: ForecastKey) -> Iterator[Round]:
    """Yield each round of ``cell`` in the runs that match it."""
    for run in runs:
        environment = run.header.environment
        same_machine = environment.get("host") == key.host
        same_device = key.device in {None, environment.get("device")}
        if run.header.profile != cell.profile or not same_machine or not same_device:
            continue
        for earlier in run.cells:
            if earlier.id == cell.id and _matches(earlier, key):
                yield from earlier.rounds


def _matches(earlier: CellRecord, key: ForecastKey) -> bool:
    same_inputs = (earlier.model, earlier.data.get("asked")) == (key.model, key.data)
    return same_inputs and earlier.status != "failed"
