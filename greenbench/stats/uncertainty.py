"""The uncertainty of a cell's numbers: what its rounds spread by, and what each of them does not know, combined.

After the Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008): causes are standard uncertainties, combined
in quadrature (5.1); the interval is the standard uncertainty times Student's t for its effective degrees of freedom (annex
G, Welch-Satterthwaite). docs/measurement.md says what is and what is not covered.
"""

from __future__ import annotations

import functools
import math
import statistics
from typing import TYPE_CHECKING

from greenbench.stats.student import coverage, effective_freedom
from greenbench.types import CHANNELS, Energy, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RANDOM = ("resolution", "edges", "stall")
"""Causes that strike each round anew; all others are the same in every round of a session and do not average out."""
NO_IDLE = "the idle power is not known for every channel"
NO_SPREAD = "the spread between rounds (1 round)"


def over_rounds(values: Sequence[float], causes: Sequence[Mapping[str, float]]) -> Quantity:
    """Return the mean of the rounds' ``values`` with its uncertainty; ``causes`` are each round's standard uncertainties.

    The spread between rounds already holds what a counter's resolution does to each: the wider interval of the two counts,
    so that a small spread of few rounds, which happens, does not make them look certain.
    """
    count = len(values)
    named = dict.fromkeys(cause for each in causes for cause in each)
    parts = {name: _of_mean(name, [each.get(name, 0.0) for each in causes]) for name in named}
    half, chosen = _expanded(parts), parts
    if count > 1:
        common = {name: u for name, u in parts.items() if name not in RANDOM}
        seen = {**common, "spread": statistics.stdev(values) / math.sqrt(count)}
        if (wide := _expanded(seen, count - 1)) >= half:
            half, chosen = wide, seen
    return Quantity(
        value=statistics.fmean(values),
        n=count,
        uncertainty=half,
        standard=math.hypot(0.0, *chosen.values()),
        causes=chosen,
        lacks=(NO_SPREAD,) if count == 1 else (),
    )


def _expanded(parts: Mapping[str, float], freedom: int | None = None) -> float:
    """Return the half-width of the 95 % interval; ``freedom`` are the degrees of freedom of ``spread``, if that is a part."""
    degrees = {} if freedom is None else {"spread": freedom}
    return coverage(effective_freedom(parts, degrees)) * math.hypot(0.0, *parts.values())


def _of_mean(cause: str, each: Sequence[float]) -> float:
    """Return what a cause leaves in the mean: independent ones average out, common ones stay."""
    return math.hypot(*each) / len(each) if cause in RANDOM else statistics.fmean(each)


def energies(windows: Sequence[Energy]) -> dict[str, Quantity]:
    """Return the mean joules of like windows, a round each: by channel, their sum, and both above the idle machine's."""
    found: dict[str, Quantity] = {}
    for channel in CHANNELS:
        found |= _both(windows, channel, (channel,))
    alike = len({e.scope for e in windows}) == 1
    scope = windows[0].scope if alike else ()
    return found | _both(
        windows, "total", scope, "" if alike else "the rounds do not know the same channels"
    )


def _both(
    windows: Sequence[Energy], name: str, channels: Sequence[str], reason: str = ""
) -> dict[str, Quantity]:
    """Return joules and net joules of the sum over ``channels``."""
    gross = [_sum([e.joules(c) for c in channels]) for e in windows]
    net = [_sum([e.net(c) for c in channels]) for e in windows]
    why = reason or next(
        (e.reasons[c] for e in windows for c in channels if c in e.reasons), "no channel is known"
    )
    return {
        f"{name}_j": _mean(gross, [gross_causes(e, channels) for e in windows], why),
        f"{name}_net_j": _mean(
            net, [net_causes(e, channels) for e in windows], why if None in gross else NO_IDLE
        ),
    }


def _sum(joules: Sequence[float | None]) -> float | None:
    known = [j for j in joules if j is not None]
    return sum(known) if known and len(known) == len(joules) else None


def _mean(
    values: Sequence[float | None], causes: Sequence[Mapping[str, float]], reason: str
) -> Quantity:
    """Average over the rounds: None where one of them lacks it, because a mean of the others would look complete."""
    known = [v for v in values if v is not None]
    return (
        over_rounds(known, causes)
        if len(known) == len(values)
        else Quantity(value=None, reason=reason)
    )


def gross_causes(energy: Energy, channels: Sequence[str]) -> dict[str, float]:
    """Return the standard uncertainties in joules of the sum over ``channels``; channels are independent."""
    causes = dict.fromkeys(cause for c in channels for cause in energy.uncertainty_j.get(c, {}))
    return {
        k: math.hypot(*(energy.uncertainty_j.get(c, {}).get(k, 0.0) for c in channels))
        for k in causes
    }


def net_causes(energy: Energy, channels: Sequence[str]) -> dict[str, float]:
    """Return the same for the joules above the idle machine's, whose idle power is uncertain too."""
    idle = math.hypot(0.0, *(energy.idle_uncertainty_j.get(c, 0.0) for c in channels))
    return {**gross_causes(energy, channels), "idle": idle}


def added(windows: Sequence[Energy]) -> Energy:
    """Return successive windows as one: a channel that one of them lacks is None, with that one's reason.

    What a counter's resolution leaves is independent from window to window; all other causes are common and add up.
    """
    first, *rest = windows
    return functools.reduce(_plus, rest, first)


def _plus(one: Energy, other: Energy) -> Energy:
    both = [c for c in CHANNELS if one.joules(c) is not None and other.joules(c) is not None]
    idle = [c for c in both if c in one.idle_j and c in other.idle_j]
    return Energy(
        **{f"{c}_j": (one.joules(c) or 0.0) + (other.joules(c) or 0.0) for c in both},
        sources=one.sources,
        reasons={**one.reasons, **other.reasons},
        uncertainty_j={
            c: _causes_of_sum(one.uncertainty_j.get(c, {}), other.uncertainty_j.get(c, {}))
            for c in both
        },
        idle_j={c: one.idle_j[c] + other.idle_j[c] for c in idle},
        idle_uncertainty_j={
            c: one.idle_uncertainty_j[c] + other.idle_uncertainty_j[c] for c in idle
        },
        coarse=tuple(c for c in both if c in one.coarse and c in other.coarse),
        doubts=tuple(dict.fromkeys((*one.doubts, *other.doubts))),
    )


def _causes_of_sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    pairs = {
        cause: (one.get(cause, 0.0), other.get(cause, 0.0))
        for cause in dict.fromkeys((*one, *other))
    }
    return {
        cause: math.hypot(*pair) if cause in RANDOM else sum(pair) for cause, pair in pairs.items()
    }
