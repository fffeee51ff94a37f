"""The reference kernel before and after each cell, so that a machine that changes is seen.

It is a matrix product of fixed size; its floating-point operations per second and per joule say
nothing about a cell, but whether cells, sessions and machines can be compared. It is short, and
runs again for longer only if its rate changed: a short run that was disturbed is no finding.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.types import Window

SHARED_S = 1.0
"""A run that ended so shortly ago serves the next cell too: nothing lies between the two."""
CHANGED = 0.1
"""Relative change of the rate from which on a warning says so."""
SHORT_S, LONG_S = 0.15, 0.5
"""Seconds of the first run, and of the one that settles whether the rate really changed."""

KernelRun = dict[str, Any]
"""One run of the kernel, as the results file has it."""


def kernel_run(operations: int, window: Window) -> KernelRun:
    """Return what one run of the kernel showed, for the results file."""
    joules = window.energy.total_j
    sources = {c: window.energy.sources.get(c, "none") for c in window.energy.scope}
    return {
        "operations": operations,
        "seconds": window.seconds,
        "operations_per_second": operations / window.seconds,
        "operations_per_joule": operations / joules if joules else None,
        "reason": "" if joules else "no channel's joules are known",
        "sources": sources,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRuns:
    """The reference kernel around a cell."""

    before: KernelRun | None = None
    after: KernelRun | None = None
    failure: str = ""
    """Why it could not be run after the cell; empty if it was."""


class ReferenceKernel:
    """The kernel's runs in one session; later ones are compared with the first."""

    def __init__(self) -> None:
        """Begin without any run."""
        self._first: float | None = None
        self._latest: KernelRun | None = None
        self._ended = -math.inf

    def measure(
        self, run: Callable[[float], tuple[int, Window]], shortest_s: float = 0.0
    ) -> KernelRun:
        """Run the kernel, again and longer if its rate is not that of the latest run.

        ``shortest_s`` is the shortest window that the counters resolve.
        """
        result = kernel_run(*run(max(SHORT_S, shortest_s)))
        if self._latest is not None and _changed(_rate(self._latest), _rate(result)):
            result = kernel_run(*run(max(LONG_S, shortest_s)))
        self._latest = result
        self._ended = time.monotonic()
        if self._first is None:
            self._first = _rate(result)
        return result

    def latest_or(self, measure: Callable[[], KernelRun]) -> KernelRun:
        """Return the latest run if it has only just ended, else what ``measure`` returns."""
        fresh = time.monotonic() - self._ended < SHARED_S
        return self._latest if fresh and self._latest is not None else measure()

    def warnings(
        self, before: KernelRun, after: KernelRun | None, *, since_first: bool = True
    ) -> tuple[str, ...]:
        """Say where the rate changed by more than 10 %: within a cell, or since the first run."""
        start = _rate(before)
        texts = []
        if after is not None and _changed(start, _rate(after)):
            texts.append(_change("while this cell ran", start, _rate(after)))
        if since_first and self._first is not None and _changed(self._first, start):
            texts.append(_change("since the session's first cell", self._first, start))
        return tuple(texts)


def _rate(run: KernelRun) -> float:
    return float(run["operations_per_second"])


def _changed(earlier: float, later: float) -> bool:
    return abs(later / earlier - 1) > CHANGED


def _change(when: str, earlier: float, later: float) -> str:
    change = 100 * (later / earlier - 1)
    return (
        f"reference-kernel throughput changed by {change:+.0f} % {when} "
        f"({earlier / 1e9:.1f} to {later / 1e9:.1f} GFLOP/s): "
        "times and joules are that uncertain"
    )
