"""Budgets on any test: ``energy_budget("5 J")`` and ``time_budget("2 s")`` fail what takes more.

What counts is the test's own call; fixtures are set up and torn down outside of it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from greenbench.machine.energy import Meter
    from greenbench.types import Energy

ENERGY, TIME = "energy_budget", "time_budget"
UNITS = {
    ENERGY: {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "kJ": 1e3, "MJ": 1e6, "Wh": 3.6e3, "kWh": 3.6e6},
    TIME: {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0},
}
"""Joules and seconds of each unit that a budget may be given in."""
MARKERS = (
    f"{ENERGY}(limit, optional=False): fails a test whose call takes more joules than, say, '5 J'",
    f"{TIME}(limit): fails the test if its call takes more seconds than '2 s'",
)
FORM = re.compile(r"(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,2}))?\s*([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one test."""

    marker: str
    text: str
    """As it was written: ``5 J``."""
    limit: float
    """In joules or seconds."""
    optional: bool
    """Whether a test passes whose joules are unknown."""


def budgets_of(item: pytest.Item) -> dict[str, Budget]:
    """Return the budgets of a test by marker; raises UsageError for one that cannot be read."""
    budgets = {}
    for name in UNITS:
        marker = item.get_closest_marker(name)
        if marker is not None:
            budgets[name] = _budget(marker, item.nodeid)
    return budgets


def check_budgets(items: Iterable[pytest.Item]) -> None:
    """Raise UsageError if the budget of a test cannot be read."""
    for item in items:
        budgets_of(item)


def _budget(marker: pytest.Mark, test: str) -> Budget:
    known = {"optional"} if marker.name == ENERGY else set()
    units = UNITS[marker.name]
    text = str(marker.args[0]).strip() if len(marker.args) == 1 else ""
    match = FORM.fullmatch(text)
    limit = float(f"{match[1]}e{match[2] or 0}") if match else 0.0
    if match is None or match[3] not in units or not limit or set(marker.kwargs) - known:
        written = [*map(repr, marker.args), *(f"{k}={v!r}" for k, v in marker.kwargs.items())]
        example = '("5 J") or ("5 J", optional=True)' if known else '("2 s")'
        raise UsageError(
            f"{test}: found {marker.name}({', '.join(written)}); write {marker.name}{example}, "
            f"above 0, in one of {', '.join(units)}"
        )
    optional = bool(marker.kwargs.get("optional", False))
    return Budget(marker.name, text, limit * units[match[3]], optional)


def within(
    budgets: Mapping[str, Budget], open_meter: Callable[[], Meter]
) -> Generator[None, object, object]:
    """Measure what runs while this is suspended, and fail the test if it took more.

    The meter is opened for budgets of joules only.
    """
    if ENERGY not in budgets:
        started = time.perf_counter()
        result = yield
        _check_time(budgets[TIME], time.perf_counter() - started)
        return result
    meter = open_meter()
    with meter.window("budget"):
        result = yield
    window = meter.take()[-1]
    if TIME in budgets:
        _check_time(budgets[TIME], window.seconds)
    _check_energy(budgets[ENERGY], window.energy)
    return result


def _check_time(budget: Budget, seconds: float) -> None:
    if seconds > budget.limit:
        from greenbench.report.numbers import unit

        _fail(f"took {unit(seconds, 's')}, more than its time budget of {budget.text}")


def _check_energy(budget: Budget, energy: Energy) -> None:
    from greenbench.report.numbers import quantity
    from greenbench.stats.uncertainty import energies

    total = energies([energy])["total_j"]
    if total.value is None:
        if not budget.optional:
            reasons = "; ".join(f"{c}: {reason}" for c, reason in energy.reasons.items())
            _fail(
                f"UNMEASURED: its joules are unknown ({reasons}), and its energy budget is "
                f"{budget.text}; optional=True lets it pass"
            )
    elif total.value > budget.limit:
        sources = ", ".join(f"{c} {energy.sources.get(c, 'none')}" for c in energy.scope)
        estimated = any(energy.sources.get(c, "").startswith("estimated:") for c in energy.scope)
        kind = "an estimated " if estimated else ""
        _fail(
            f"took {kind}{quantity(total, 'J')} (95 % interval, one run; {sources}), more than "
            f"its energy budget of {budget.text}"
        )


def _fail(problem: str) -> None:
    raise pytest.fail.Exception(problem, pytrace=False)
