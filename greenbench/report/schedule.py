"""How far a session is: what ran, what runs, what comes next, and how long that may take."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from greenbench.report.numbers import unit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from greenbench.types import Cell, Round

NEXT = 2
"""Cells that are named as the next ones."""


@dataclass(slots=True)
class Schedule:
    """The cells' rounds in the order in which they run, each with its seconds once it ended.

    What a round still takes is forecast by the mean of the same cell's in this session, else of all
    cells'; set-up, scoring and the reference kernel are in it.
    """

    clock: Callable[[], float] = time.monotonic
    _waiting: list[Cell] = field(default_factory=list)
    _planned: int = 0
    _current: Cell | None = None
    _started: float = 0.0
    _current_started: float = 0.0
    _seconds: dict[str, list[float]] = field(default_factory=dict)
    _joules: float = 0.0
    _lacks_joules: bool = False
    _is_estimate: bool = False

    def plan(self, cells: Sequence[Cell]) -> None:
        """Take the cells, one for each round in blocks, in the order in which they will run."""
        self._waiting = list(cells)
        self._planned = len(cells)
        self._started = self.clock()

    def leave_out(self, going_on: Collection[str]) -> None:
        """Take no more rounds of other cells than those ``going_on``, named by their ids."""
        self._waiting = [cell for cell in self._waiting if cell.id in going_on]

    def begin(self, cell: Cell) -> None:
        """Note that a round of ``cell`` begins; whatever stood before it will not run."""
        if cell in self._waiting:
            del self._waiting[: self._waiting.index(cell) + 1]
        self._current, self._current_started = cell, self.clock()

    def end(self, rounds: Sequence[Round]) -> None:
        """Note that it ended, with the ``rounds`` that were measured since it began."""
        if self._current is None:
            return
        seconds = self.clock() - self._current_started
        self._seconds.setdefault(self._current.id, []).append(seconds)
        self._current = None
        for one_round in rounds:
            joules = one_round.own_j
            self._joules += joules or 0.0
            self._lacks_joules |= joules is None
            sources = one_round.whole.energy.sources.values()
            self._is_estimate |= any(source.startswith("estimated:") for source in sources)

    def parts(self) -> list[str]:
        """Return what to show of it, the most wanted first; nothing between rounds."""
        cell = self._current
        if cell is None:
            return []
        parts = [self._place(cell)]
        left = self._seconds_left()
        if left is not None:
            about = "about" if cell.most_rounds is None else "at most about"
            parts.append(f"{about} {duration(left)} left")
        parts.append(f"{duration(self.clock() - self._started)} elapsed")
        if self._seconds:
            parts.append(self._joules_so_far())
        names = list(dict.fromkeys(waiting.id for waiting in self._waiting))
        return [*parts, f"next {', '.join(names[:NEXT])}"] if names else parts

    def _place(self, cell: Cell) -> str:
        if cell.block is None:
            return f"cell {self._planned - len(self._waiting)} of {self._planned}"
        return f"block {cell.block + 1} of {cell.last_round}"

    def _joules_so_far(self) -> str:
        if self._lacks_joules:
            return "joules unknown"
        label = "estimated " if self._is_estimate else ""
        return f"{label}{unit(self._joules, 'J')} so far"

    def _seconds_left(self) -> float | None:
        """Forecast the seconds until the last round ends; None before the first one has ended."""
        if self._current is None or not self._seconds:
            return None
        running = self.clock() - self._current_started
        left = max(0.0, self._forecast(self._current) - running)
        return left + sum(map(self._forecast, self._waiting))

    def _forecast(self, cell: Cell) -> float:
        known = self._seconds.get(cell.id)
        if known is None:
            known = [second for seconds in self._seconds.values() for second in seconds]
        return statistics.fmean(known)


def duration(seconds: float) -> str:
    """Return ``1:02:03``: hours, minutes, seconds."""
    return str(timedelta(seconds=round(seconds)))
