"""The machine's yardstick: the same fixed kernel before and after each cell, so that a drifting machine is seen.

Floating-point operations per second and per joule of a matrix product of fixed size. It says nothing about a cell; it
says whether two cells, sessions or machines can be held against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenbench.types import Window

MOVED = 0.1
"""A change of the speed by more than this part is told."""


def reading(operations: int, window: Window) -> dict[str, Any]:
    """Return what one run of the kernel showed, for the results file."""
    joules = window.energy.total_j
    return {
        "operations": operations,
        "seconds": window.seconds,
        "operations_per_second": operations / window.seconds,
        "operations_per_joule": operations / joules if joules else None,
        "reason": "" if joules else "no channel's joules are known",
        "sources": {c: window.energy.sources.get(c, "none") for c in window.energy.scope},
    }


class Yardsticks:
    """The yardsticks of one session: the first one is what the later ones are held against."""

    def __init__(self) -> None:
        """Nothing was run yet."""
        self._first: float | None = None

    def doubts(self, before: dict[str, Any], after: dict[str, Any] | None) -> tuple[str, ...]:
        """Say where the machine's speed moved by more than 10 %: within the cell, or since the session's first."""
        start = before["operations_per_second"]
        first = self._first = start if self._first is None else self._first
        told = []
        if after is not None and abs(after["operations_per_second"] / start - 1) > MOVED:
            told.append(_moved("while this cell ran", start, after["operations_per_second"]))
        if abs(start / first - 1) > MOVED:
            told.append(_moved("since the session's first cell", first, start))
        return tuple(told)


def _moved(when: str, was: float, now: float) -> str:
    return (
        f"the machine's yardstick moved by {100 * (now / was - 1):+.0f} % {when} "
        f"({was / 1e9:.1f} to {now / 1e9:.1f} GFLOP/s): times and joules are that uncertain"
    )
