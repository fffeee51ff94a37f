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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.stats.student import coverage, effective_freedom
from greenbench.types import ALL_CHANNELS, CHANNELS, NODE, Energy, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.stats.session_noise import Spread

RANDOM = ("resolution", "edges", "stall", "jump", "integration")
"""Causes that strike each round anew.

All others are the same in every round of a session and do not average out.
"""
NO_IDLE = "the idle power is not known for every channel"
NO_SPREAD = "the spread between rounds (1 round)"
SAME_READINGS = "the spread between rounds (all read the same, as coarse readings may)"
NO_DEPENDENCE = "what successive rounds share: these rounds alone are too few to tell"
NO_LONGER_STATES = "states of the machine that outlast the session"
NO_CHANNEL = "no channel is known"
OTHER_CHANNELS = "the rounds do not know the same channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundValues:
    """What the rounds of a cell read of one quantity, in their order."""

    values: tuple[float, ...] = ()
    causes: tuple[Mapping[str, float], ...] = ()
    """Standard uncertainties of each by cause."""
    gross: float | None = None
    """The mean of the gross joules, where ``values`` are net of idle."""
    reason: str = ""
    """Why nothing is known; ``values`` are empty then."""

    def mean(self, spread: Spread | None = None) -> Quantity:
        """Return their mean, with the ``spread`` that the session's rounds together show."""
        if self.reason:
            return Quantity(value=None, reason=self.reason)
        return over_rounds(self.values, self.causes, spread)

    @property
    def scale(self) -> float:
        """What their noise is relative to: joules net of idle vary as the gross ones do."""
        return statistics.fmean(self.values) if self.gross is None else self.gross


def over_rounds(
    values: Sequence[float], causes: Sequence[Mapping[str, float]], spread: Spread | None = None
) -> Quantity:
    """Return the mean of the rounds' ``values`` with its uncertainty.

    ``causes`` are each round's standard uncertainties by cause. ``spread`` is what all rounds of
    the session leave uncertain in this mean; without it rounds count as independent, and ``lacks``
    says so. The spread between rounds already holds what a counter's resolution does to each: the
    wider interval of the two counts, so that a small spread of few rounds, which happens, does not
    make them look certain. Where neither is known (a single round, or several that read the same,
    without causes) the uncertainty is None.
    """
    count = len(values)
    parts = _parts_of_mean(causes)
    half = _expanded(parts)
    if count > 1:
        observed = {name: u for name, u in parts.items() if name not in RANDOM}
        if spread is None:
            spread_of_mean, freedom = statistics.stdev(values) / math.sqrt(count), count - 1.0
        else:
            spread_of_mean, freedom = spread.standard, spread.freedom
        freedoms = {}
        if spread_of_mean:  # readings that are all the same show none
            observed["spread"] = spread_of_mean
            freedoms["spread"] = freedom
        wide = _expanded(observed, freedoms)
        if wide >= half:
            half, parts = wide, observed
    return Quantity(
        value=statistics.fmean(values),
        n=count,
        uncertainty=half if parts else None,
        standard=math.hypot(*parts.values()) if parts else None,
        causes=parts,
        lacks=(_lacking(values, spread),),
    )


def _lacking(values: Sequence[float], spread: Spread | None) -> str:
    """Return what the uncertainty of the mean of these rounds cannot take into account."""
    if len(values) == 1:
        return NO_SPREAD
    if spread is None and len(set(values)) == 1:
        return SAME_READINGS
    return NO_DEPENDENCE if spread is None else NO_LONGER_STATES


def _expanded(parts: Mapping[str, float], freedom: Mapping[str, float] | None = None) -> float:
    """Return the half-width of the 95 % interval.

    ``freedom`` are the degrees of freedom of the parts that are not known exactly.
    """
    factor = coverage(effective_freedom(parts, freedom or {}))
    return factor * math.hypot(*parts.values())


def _parts_of_mean(causes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what each cause leaves in the mean: independent ones average out, common ones stay."""
    names: dict[str, None] = {}
    for round_causes in causes:
        names.update(dict.fromkeys(round_causes))
    parts: dict[str, float] = {}
    for name in names:
        uncertainties = [round_causes.get(name, 0.0) for round_causes in causes]
        if name in RANDOM:
            parts[name] = math.hypot(*uncertainties) / len(causes)
        else:
            parts[name] = statistics.fmean(uncertainties)
    return parts


def energies(windows: Sequence[Energy]) -> dict[str, Quantity]:
    """Return the mean joules of like windows, one a round: by channel, and their total.

    Each comes as it is (``cpu_j``) and net of idle (``cpu_net_j``).
    """
    return means(energy_values(windows))


def means(quantities: Mapping[str, RoundValues]) -> dict[str, Quantity]:
    """Return the mean of each quantity, by these rounds alone."""
    return {name: values.mean() for name, values in quantities.items()}


def energy_values(windows: Sequence[Energy]) -> dict[str, RoundValues]:
    """Return the joules of like windows, one a round, under the names of ``energies``."""
    quantities: dict[str, RoundValues] = {}
    channels = ALL_CHANNELS if any(NODE in window.sources for window in windows) else CHANNELS
    for channel in channels:
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
) -> dict[str, RoundValues]:
    """Return joules and net joules of the sum over ``channels``; ``reason`` says why it lacks."""
    gross, net, causes, all_causes = [], [], [], []
    for window in windows:
        gross.append(_sum(map(window.joules, channels)))
        net.append(_sum(map(window.net, channels)))
        causes.append(gross_causes(window, channels))
        all_causes.append(net_causes(window, channels))
    joules = _known(gross, causes, reason)
    net_joules = _known(net, all_causes, reason if None in gross else NO_IDLE)
    if not net_joules.reason:
        net_joules = replace(net_joules, gross=joules.scale)
    return {f"{name}_j": joules, f"{name}_net_j": net_joules}


def _sum(parts: Iterable[float | None]) -> float | None:
    """Return the sum, None where a part is: a sum of the others would look complete."""
    total = None
    for part in parts:
        if part is None:
            return None
        total = part + (total or 0.0)
    return total


def _known(
    values: Sequence[float | None], causes: Sequence[Mapping[str, float]], reason: str
) -> RoundValues:
    """Return the rounds' values: none where one of them lacks it."""
    known = tuple(value for value in values if value is not None)
    if len(known) < len(values):
        return RoundValues(reason=reason)
    return RoundValues(values=known, causes=tuple(causes))


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
    idle, coarse = [], []
    for channel in ALL_CHANNELS:
        first, second = one.joules(channel), other.joules(channel)
        if first is None or second is None:
            continue
        joules[channel] = first + second
        parts, other_parts = (
            one.uncertainty_j.get(channel, {}),
            other.uncertainty_j.get(channel, {}),
        )
        causes[channel] = _causes_of_sum(parts, other_parts)
        if channel in one.idle_j and channel in other.idle_j:
            idle.append(channel)
        if channel in one.coarse and channel in other.coarse:
            coarse.append(channel)
    return Energy(
        gpu_j=joules.get("gpu"),
        cpu_j=joules.get("cpu"),
        dram_j=joules.get("dram"),
        node_j=joules.get("node"),
        sources=one.sources,
        reasons={**one.reasons, **other.reasons},
        uncertainty_j=causes,
        idle_j=_sums(one.idle_j, other.idle_j, idle),
        idle_uncertainty_j=_sums(one.idle_uncertainty_j, other.idle_uncertainty_j, idle),
        coarse=tuple(coarse),
        doubts=tuple(dict.fromkeys((*one.doubts, *other.doubts))),
    )


def _sums(
    one: Mapping[str, float], other: Mapping[str, float], channels: Sequence[str]
) -> dict[str, float]:
    return {channel: one[channel] + other[channel] for channel in channels}


def _causes_of_sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    causes: dict[str, float] = {}
    for cause in (*one, *other):
        first = one.get(cause, 0.0)
        second = other.get(cause, 0.0)
        causes[cause] = math.hypot(first, second) if cause in RANDOM else first + second
    return causes
