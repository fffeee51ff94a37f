"""The reference kernels before and after each cell, so that a machine that changes is seen.

One is a product of matrices, bound by arithmetic, the other STREAM's triad, bound by memory
bandwidth. Their rates say nothing about a cell, but whether cells, sessions and machines can be
compared. They are short, and run again for longer only if their rate changed: a short run that was
disturbed is no finding.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.types import Window

SHARED_S = 1.0
"""A run that ended so shortly ago serves the next cell too: nothing lies between the two."""

TORCH, NUMPY = "torch", "numpy"
"""The libraries that a kernel multiplies with."""

KernelRun = dict[str, Any]
"""One run of both kernels, as the results file has it: the memory kernel's stands in ``memory``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelKind:
    """What one of the kernels is called, what it counts, and how long it runs."""

    name: str
    work: str
    """What it counts: ``operations`` or ``bytes``."""
    unit: str
    short_s: float
    """Seconds of the first run."""
    long_s: float
    """Seconds of the run that settles whether the rate really changed."""
    longest_s: float
    """What a run is extended to at most, for counters that need longer windows."""
    changed: float
    """Relative change of the rate from which on a warning says so."""


ARITHMETIC = KernelKind(
    name="reference-kernel",
    work="operations",
    unit="GFLOP/s",
    short_s=0.15,
    long_s=0.5,
    longest_s=math.inf,
    changed=0.1,
)
MEMORY = KernelKind(
    name="memory-kernel",
    work="bytes",
    unit="GB/s",
    short_s=0.1,
    long_s=0.2,
    longest_s=0.2,
    changed=0.2,
)
KINDS = (ARITHMETIC, MEMORY)


def kernel_run(kind: KernelKind, amount: int, window: Window, shortest_s: float = 0.0) -> KernelRun:
    """Return what one run of a kernel showed, for the results file.

    ``shortest_s`` is the shortest window that the counters resolve.
    """
    joules = window.energy.total_j
    reason = "" if joules else "no channel's joules are known"
    if window.seconds < shortest_s:
        joules = None
        reason = f"the counters need windows of {shortest_s:.3g} s"
    sources = {c: window.energy.sources.get(c, "none") for c in window.energy.scope}
    return {
        kind.work: amount,
        "seconds": window.seconds,
        f"{kind.work}_per_second": amount / window.seconds,
        f"{kind.work}_per_joule": amount / joules if joules else None,
        "reason": reason,
        "sources": sources,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRuns:
    """The reference kernels around a cell."""

    before: KernelRun | None = None
    after: KernelRun | None = None
    failure: str = ""
    """Why they could not be run after the cell; empty if they were."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Both kernels, each warmed up and run for so many seconds in a window of its own."""

    arithmetic: Callable[[float], tuple[int, Window]]
    memory: Callable[[float], tuple[int, Window]]
    """Raises UnavailableError where too little memory is available."""
    library: str = TORCH
    """What multiplies: libraries differ in speed, and runs of one are not compared with another's.
    """


class ReferenceKernel:
    """The kernels' runs in one session; later ones are compared with the first of their library."""

    def __init__(self) -> None:
        """Begin without any run."""
        self._first: dict[str, KernelRun] = {}
        self._latest: dict[str, KernelRun] = {}
        self._ended: dict[str, float] = {}

    def measure(self, kernels: Kernels, shortest_s: float = 0.0) -> KernelRun:
        """Run both kernels, again and longer where a rate is not that of the latest run.

        ``shortest_s`` is the shortest window that the counters resolve. A memory kernel that cannot
        run leaves its reason.
        """
        library = kernels.library
        latest = self._latest.get(library, {})
        result = _run(ARITHMETIC, kernels.arithmetic, shortest_s, latest)
        result["library"] = library
        try:
            result["memory"] = _run(MEMORY, kernels.memory, shortest_s, latest)
        except (UnavailableError, MemoryError, OSError) as error:
            result["memory"] = {"bytes_per_second": None, "reason": str(error)}
        self._latest[library] = result
        self._ended[library] = time.monotonic()
        self._first.setdefault(library, result)
        return result

    def latest_or(self, measure: Callable[[], KernelRun], library: str = TORCH) -> KernelRun:
        """Return the latest run of ``library`` if it ended just now, else what ``measure`` does."""
        ended = self._ended.get(library, -math.inf)
        fresh = time.monotonic() - ended < SHARED_S
        return self._latest[library] if fresh else measure()

    def warnings(
        self, before: KernelRun, after: KernelRun | None, *, since_first: bool = True
    ) -> tuple[str, ...]:
        """Say where a rate changed by more than its noise: within a cell, or since the first run.

        Its noise is 10 % for the arithmetic kernel, and 20 % for the memory kernel.
        """
        texts = []
        for kind in KINDS:
            start = _rate(kind, before)
            if after is not None:
                texts += _change(kind, "while this cell ran", start, _rate(kind, after))
            earliest = self._first.get(str(before.get("library", TORCH)))
            if since_first and earliest:
                first = _rate(kind, earliest)
                texts += _change(kind, "since the session's first cell", first, start)
        return tuple(texts)


def _run(
    kind: KernelKind,
    run: Callable[[float], tuple[int, Window]],
    shortest_s: float,
    latest: KernelRun,
) -> KernelRun:
    """Return one run, a longer one if its rate is not that of the ``latest``."""
    extended_s = min(shortest_s, kind.longest_s)
    result = kernel_run(kind, *run(max(kind.short_s, extended_s)), shortest_s)
    if _changed(kind, _rate(kind, latest), result[f"{kind.work}_per_second"]):
        result = kernel_run(kind, *run(max(kind.long_s, extended_s)), shortest_s)
    return result


def _rate(kind: KernelKind, run: KernelRun) -> float | None:
    """Return a kernel's amount a second; None if it could not run, or in earlier records."""
    of_kind = run if kind is ARITHMETIC else run.get("memory") or {}
    rate = of_kind.get(f"{kind.work}_per_second")
    return float(rate) if rate else None


def _changed(kind: KernelKind, earlier: float | None, later: float | None) -> bool:
    return bool(earlier and later and abs(later / earlier - 1) > kind.changed)


def _change(kind: KernelKind, when: str, earlier: float | None, later: float | None) -> list[str]:
    """Return the warning about a rate that changed; none if it did not, or is unknown."""
    if not earlier or not later or not _changed(kind, earlier, later):
        return []
    change = 100 * (later / earlier - 1)
    rates = f"{earlier / 1e9:.1f} to {later / 1e9:.1f} {kind.unit}"
    changed = f"{kind.name} throughput changed by {change:+.0f} % {when} ({rates})"
    return [f"{changed}: times and joules are that uncertain"]
