"""The uncertainty of a cell's joules: the spread over its rounds, and what each does not know.

After the Guide to the Expression of Uncertainty in Measurement (JCGM 100:2008): causes are standard
uncertainties, combined in quadrature (5.1); the interval is the standard uncertainty times
Student's t for its effective degrees of freedom (annex G, Welch-Satterthwaite).
docs/measurement.md says what is and what is not covered.
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
"""Causes that strike each round anew.

All others are the same in every round of a session and do not average out.
"""
NO_IDLE = "the idle power is not known for every channel"
NO_SPREAD = "the spread between rounds (1 round)"
NO_CHANNEL = "no channel is known"
OTHER_CHANNELS = "the rounds do not know the same channels"


def over_rounds(values: Sequence[float], causes: Sequence[Mapping[str, float]]) -> Quantity:
    """Return the mean of the rounds' ``values`` with its uncertainty.

    ``causes`` are each round's standard uncertainties by cause. The spread between rounds already
    holds what a counter's resolution does to each: the wider interval of the two counts, so that a
    small spread of few rounds, which happens, does not make them look certain.
    """
    count = len(values)
    parts: dict[str, float] = {}
    for name in dict.fromkeys(name for round_causes in causes for name in round_causes):
        parts[name] = _of_mean(name, [round_causes.get(name, 0.0) for round_causes in causes])
    half = _expanded(parts)
    if count > 1:
        observed = {name: u for name, u in parts.items() if name not in RANDOM}
        observed["spread"] = statistics.stdev(values) / math.sqrt(count)
        wide = _expanded(observed, {"spread": count - 1})
        if wide >= half:
            half, parts = wide, observed
    return Quantity(
        value=statistics.fmean(values),
        n=count,
        uncertainty=half,
        standard=math.hypot(*parts.values()),
        causes=parts,
        lacks=(NO_SPREAD,) if count == 1 else (),
    )


def _expanded(parts: Mapping[str, float], freedom: Mapping[str, int] | None = None) -> float:
    """Return the half-width of the 95 % interval.

    ``freedom`` are the degrees of freedom of the parts that are not known exactly.
    """
    factor = coverage(effective_freedom(parts, freedom or {}))
    return factor * math.hypot(*parts.values())


def _of_mean(cause: str, uncertainties: Sequence[float]) -> float:
    """Return what a cause leaves in the mean: independent ones average out, common ones stay."""
    if cause in RANDOM:
        return math.hypot(*uncertainties) / len(uncertainties)
    return statistics.fmean(uncertainties)


def energies(windows: Sequence[Energy]) -> dict[str, Quantity]:
    """Return the mean joules of like windows, one a round: by channel, and their total.

    Each comes as it is (``cpu_j``) and net of idle (``cpu_net_j``).
    """
    quantities: dict[str, Quantity] = {}
    for channel in CHANNELS:
        reason = _reason(windows, channel)
        quantities |= _gross_and_net(windows, channel, (channel,), reason)
    scopes = {window.scope for window in windows}
    if len(scopes) > 1:
        return quantities | _gross_and_net(windows, "total", (), OTHER_CHANNELS)
    (scope,) = scopes
    return quantities | _gross_and_net(windows, "total", scope, _reason(windows, *scope))


def _reason(windows: Sequence[Energy], *channels: str) -> str:
    """Return the first reason why one of ``channels`` is not known."""
    for window in windows:
        for channel in channels:
            if channel in window.reasons:
                return window.reasons[channel]
    return NO_CHANNEL


def _gross_and_net(
    windows: Sequence[Energy], name: str, channels: Sequence[str], reason: str
) -> dict[str, Quantity]:
    """Return joules and net joules of the sum over ``channels``; ``reason`` says why it lacks."""
    gross, net, causes, all_causes = [], [], [], []
    for window in windows:
        gross.append(_sum([window.joules(channel) for channel in channels]))
        net.append(_sum([window.net(channel) for channel in channels]))
        causes.append(gross_causes(window, channels))
        all_causes.append(net_causes(window, channels))
    net_reason = reason if None in gross else NO_IDLE
    return {
        f"{name}_j": _mean(gross, causes, reason),
        f"{name}_net_j": _mean(net, all_causes, net_reason),
    }


def _sum(joules: Sequence[float | None]) -> float | None:
    """Return the sum, None where one is: a sum of the others would look complete."""
    known = [j for j in joules if j is not None]
    return sum(known) if known and len(known) == len(joules) else None


def _mean(
    values: Sequence[float | None], causes: Sequence[Mapping[str, float]], reason: str
) -> Quantity:
    """Average over the rounds: None where one of them lacks it."""
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return Quantity(value=None, reason=reason)
    return over_rounds(known, causes)


def gross_causes(energy: Energy, channels: Sequence[str]) -> dict[str, float]:
    """Return the standard uncertainties in joules of the sum over ``channels``, by cause.

    Channels are independent.
    """
    by_cause: dict[str, list[float]] = {}
    for channel in channels:
        for cause, uncertainty in energy.uncertainty_j.get(channel, {}).items():
            by_cause.setdefault(cause, []).append(uncertainty)
    return {cause: math.hypot(*values) for cause, values in by_cause.items()}


def net_causes(energy: Energy, channels: Sequence[str]) -> dict[str, float]:
    """Return the same for the joules net of idle, whose idle power is uncertain too."""
    idle = [energy.idle_uncertainty_j.get(channel, 0.0) for channel in channels]
    causes = gross_causes(energy, channels)
    causes["idle"] = math.hypot(*idle)
    return causes


def added(windows: Sequence[Energy]) -> Energy:
    """Return successive windows as one.

    A channel that one of them lacks is None, with that one's reason. What a counter's resolution
    leaves is independent from window to window; all other causes are common and add up.
    """
    return functools.reduce(_plus, windows)


def _plus(one: Energy, other: Energy) -> Energy:
    joules: dict[str, float] = {}
    causes: dict[str, Mapping[str, float]] = {}
    idle: dict[str, float] = {}
    idle_uncertainty: dict[str, float] = {}
    coarse = []
    for channel in CHANNELS:
        first, second = one.joules(channel), other.joules(channel)
        if first is None or second is None:
            continue
        joules[f"{channel}_j"] = first + second
        causes[channel] = _causes_of_sum(
            one.uncertainty_j.get(channel, {}), other.uncertainty_j.get(channel, {})
        )
        if channel in one.coarse and channel in other.coarse:
            coarse.append(channel)
        if channel in one.idle_j and channel in other.idle_j:
            idle[channel] = one.idle_j[channel] + other.idle_j[channel]
            idle_uncertainty[channel] = (
                one.idle_uncertainty_j[channel] + other.idle_uncertainty_j[channel]
            )
    return Energy(
        **joules,
        sources=one.sources,
        reasons={**one.reasons, **other.reasons},
        uncertainty_j=causes,
        idle_j=idle,
        idle_uncertainty_j=idle_uncertainty,
        coarse=tuple(coarse),
        doubts=tuple(dict.fromkeys((*one.doubts, *other.doubts))),
    )


def _causes_of_sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    causes: dict[str, float] = {}
    for cause in dict.fromkeys((*one, *other)):
        first, second = one.get(cause, 0.0), other.get(cause, 0.0)
        causes[cause] = math.hypot(first, second) if cause in RANDOM else first + second
    return causes
