"""Blocks of several hosts put together: the mean over hosts, of which each differs from the others.

The model is a one-way random effect: value = mean + host + error. A host's mean has the variance
``between + within / blocks``; ``within`` is pooled over hosts. ``between`` is the estimate of Paule
and Mandel (Journal of Research of the National Bureau of Standards 87, 1982): DerSimonian and
Laird's (Controlled Clinical Trials 7, 1986), iterated until it is consistent with its own weights
(DerSimonian and Kacker, Contemporary Clinical Trials 28, 2007). The interval is Hartung and Knapp's
(Statistics in Medicine 20, 2001): its width comes from how hosts differ, with Student's t for hosts
less one, and so is right for few hosts, where the normal one is too narrow (IntHout, Ioannidis and
Borm, BMC Medical Research Methodology 14:25, 2014).
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PRECISION = 1e-10
"""Of the variance between hosts, relative to it."""
FEWEST = 2
"""Blocks, and hosts, that show how values differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEffects:
    """What several hosts say together."""

    mean: float
    standard: float | None
    """Standard uncertainty of ``mean``; None for a single block."""
    freedom: float
    """Degrees of freedom of ``standard``: hosts less one, or blocks less one of a single host."""
    between: float | None
    """Standard deviation of the hosts' own values; None for a single host."""
    within: float | None
    """Standard deviation of a block of a host; None where no host has two."""


def across_hosts(hosts: Sequence[Sequence[float]]) -> HostEffects:
    """Combine the values of each host's blocks, of which every host has at least one."""
    within = _within(hosts)
    if len(hosts) < FEWEST:
        (values,) = hosts
        return _of_one_host(values, within)
    means, variances = [], []
    for values in hosts:
        count = len(values)
        mean = statistics.fmean(values)
        means.append(mean)
        variances.append((within or 0.0) / count)
    between = _between(means, variances)
    weights = _weights(variances, between)
    freedom = len(hosts) - 1
    scatter = _scatter(means, weights) / freedom
    total = math.fsum(weights)
    return HostEffects(
        mean=_weighted_mean(means, weights),
        standard=math.sqrt(scatter / total),
        freedom=freedom,
        between=math.sqrt(between),
        within=_root(within),
    )


def _of_one_host(values: Sequence[float], within: float | None) -> HostEffects:
    """Return Student's t of a host's blocks."""
    count = len(values)
    standard = None
    if within is not None:
        standard = math.sqrt(within / count)
    return HostEffects(
        mean=statistics.fmean(values),
        standard=standard,
        freedom=max(1, count - 1),
        between=None,
        within=_root(within),
    )


def _root(variance: float | None) -> float | None:
    if variance is None:
        return None
    return math.sqrt(variance)


def _within(hosts: Sequence[Sequence[float]]) -> float | None:
    """Return the variance of a block, pooled over hosts; None where no host has two."""
    squares = 0.0
    freedom = 0
    for values in hosts:
        mean = statistics.fmean(values)
        for value in values:
            squares += (value - mean) ** 2
        freedom += len(values) - 1
    if not freedom:
        return None
    return squares / freedom


def _between(means: Sequence[float], variances: Sequence[float]) -> float:
    """Return the variance with which the hosts' weighted scatter is what it is expected to be."""
    expected = len(means) - 1
    alike = [1.0] * len(means)
    high = _scatter(means, alike) / expected
    if not high:
        return 0.0
    if all(variances):
        weights = _weights(variances, 0.0)
        if _scatter(means, weights) <= expected:
            return 0.0
    low = 0.0
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        weights = _weights(variances, middle)
        if _scatter(means, weights) <= expected:
            high = middle
        else:
            low = middle
    return high


def _weights(variances: Sequence[float], between: float) -> list[float]:
    """Return the weight of each host; hosts without any variance count alike."""
    if not between and not all(variances):
        return [1.0] * len(variances)
    weights = []
    for variance in variances:
        whole = between + variance
        weights.append(1 / whole)
    return weights


def _weighted_mean(means: Sequence[float], weights: Sequence[float]) -> float:
    whole = 0.0
    for mean, weight in zip(means, weights, strict=True):
        whole += weight * mean
    total = math.fsum(weights)
    return whole / total


def _scatter(means: Sequence[float], weights: Sequence[float]) -> float:
    centre = _weighted_mean(means, weights)
    scatter = 0.0
    for mean, weight in zip(means, weights, strict=True):
        away = mean - centre
        scatter += weight * away**2
    return scatter
