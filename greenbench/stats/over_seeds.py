"""Quality over the rounds of a cell: the mean of each score, and whether it beats no model at all.

Two things make a score uncertain: which test rows there are, and which seed the model was trained
with. The first comes with each round's score as a bootstrap interval; as all rounds answer the same
rows, their mean is taken to err as much as each of them. The second is the spread over rounds, by
Student's t. Both are added in quadrature. With one round the second is unknown, and the interval
holds for that one trained model.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.stats.student import effective_freedom, quantile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.types import Metric, Round

DEGENERATE = "DEGENERATE"
"""What such a cell is called wherever it shows."""
FARTHEST = 8.0
"""Standard deviations up to which a p-value is told from 0: 6e-16 is left beyond."""


def mean_quality(rounds: Sequence[Round]) -> dict[str, Metric]:
    """Average each metric over the rounds; None if a round lacks it, with how many do.

    A mean of the rounds that happen to have a score would look complete, and pass a gate.
    """
    means = {}
    for name, metrics in _by_name(rounds).items():
        mean = over_rounds(metrics)
        known = sum(metric.value is not None for metric in metrics)
        if 0 < known < len(rounds):
            lacking = f"{name} is unknown in {len(rounds) - known} of {len(rounds)} rounds"
            reasons = [metric.reason for metric in metrics if metric.reason]
            reason = ": ".join([lacking, *reasons[:1]])
            mean = replace(mean, value=None, low=None, high=None, reason=reason)
        means[name] = mean
    return means


def known_in_all(quality: Mapping[str, Metric], rounds: Sequence[Round]) -> dict[str, Metric]:
    """Return ``quality`` with None for scores that some of the rounds lack.

    Earlier versions stored the mean of the other rounds.
    """
    known = dict(quality)
    for name, mean in mean_quality(rounds).items():
        if name in known and mean.value is None:
            known[name] = mean
    return known


def _by_name(rounds: Sequence[Round]) -> dict[str, list[Metric]]:
    """Return the metrics of all rounds by their name."""
    by_name: dict[str, list[Metric]] = {}
    for measured in rounds:
        for name, metric in measured.judged.quality.items():
            by_name.setdefault(name, []).append(metric)
    return by_name


def over_rounds(metrics: Sequence[Metric]) -> Metric:
    """Return the mean with an interval for rows and seeds; no bounds where a round has none."""
    values, below, above = [], [], []
    last = metrics[-1]
    for metric in metrics:
        value = metric.value
        if value is None or not math.isfinite(value):
            continue
        last = metric
        values.append(value)
        below.append(None if metric.low is None else value - metric.low)
        above.append(None if metric.high is None else metric.high - value)
    if not values:
        return replace(last, value=None, reason=last.reason or "the score is no number")
    mean = statistics.fmean(values)
    rows_below = _mean_width(below)
    rows_above = _mean_width(above)
    seeds = spread(values)
    low = None if rows_below is None else mean - math.hypot(rows_below, seeds)
    high = None if rows_above is None else mean + math.hypot(rows_above, seeds)
    return replace(last, value=mean, low=low, high=high)


def freedom_over_rounds(metrics: Sequence[Metric]) -> float:
    """Return the effective degrees of freedom of the interval of ``over_rounds``.

    The part for rows counts as known exactly, that for seeds has one less than there are rounds.
    """
    values, halves = [], []
    for metric in metrics:
        if metric.value is None or metric.low is None or metric.high is None:
            return math.inf
        values.append(metric.value)
        halves.append((metric.high - metric.low) / 2)
    parts = {"seeds": _standard_of_mean(values)}
    if not parts["seeds"]:
        return math.inf
    parts["rows"] = statistics.fmean(halves) / quantile(math.inf)
    return effective_freedom(parts, {"seeds": len(values) - 1})


def chance_of_no_more_than_zero(metrics: Sequence[Metric]) -> float:
    """Return the one-sided p-value of the hypothesis that the mean of ``metrics`` is 0 or less.

    It is the level at which the lower bound of ``over_rounds`` is 0: the part for rows has a normal
    quantile, that for seeds one of Student's t, whose tails are longer, and both add in quadrature
    (Zou and Donner, Statistics in Medicine 27, 2008). 1 if a value or a bound is unknown.
    """
    values, widths = [], []
    for metric in metrics:
        if metric.value is None or metric.low is None or metric.high is None:
            return 1.0
        values.append(metric.value)
        down, up = metric.value - metric.low, metric.high - metric.value
        widths.append((down, up))
    mean = statistics.fmean(values)
    of_rows = statistics.fmean(down if mean > 0 else up for down, up in widths) / quantile(math.inf)
    of_seeds = _standard_of_mean(values)
    beyond = _level(abs(mean), of_rows, of_seeds, len(values) - 1)
    return beyond if mean >= 0 else 1 - beyond


def _level(distance: float, of_rows: float, of_seeds: float, freedom: int) -> float:
    """Return what lies beyond ``distance`` on one side; 0 if nothing is uncertain."""
    if not of_rows and not of_seeds:
        return 0.0
    from scipy.optimize import brentq
    from scipy.special import ndtr, stdtrit

    def excess(z: float) -> float:
        t = -stdtrit(freedom, ndtr(-z)) if of_seeds else 0.0
        return math.hypot(z * of_rows, t * of_seeds) - distance

    if excess(FARTHEST) <= 0:
        return float(ndtr(-FARTHEST))
    return float(ndtr(-brentq(excess, 0.0, FARTHEST)))


def _mean_width(widths: Sequence[float | None]) -> float | None:
    """Return the mean, None where one of them is: a mean of the others would look complete."""
    known = [width for width in widths if width is not None]
    return statistics.fmean(known) if len(known) == len(widths) else None


def spread(values: Sequence[float]) -> float:
    """Return the half-width of the 95 % interval of the mean by Student's t.

    It is 0 for a single value, whose spread is unknown.
    """
    standard = _standard_of_mean(values)
    return quantile(len(values) - 1) * standard if standard else 0.0


def _standard_of_mean(values: Sequence[float]) -> float:
    """Return the standard uncertainty of the mean; 0 for a single value, or for equal ones."""
    count = len(values)
    if count < 2 or len(set(values)) == 1:  # noqa: PLR2004
        return 0.0
    return statistics.stdev(values) / math.sqrt(count)


def degenerate(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Return why a cell is no prediction at all, nothing where it is one.

    Either most rounds predict nothing, or nothing shows that the deciding score beats a constant
    answer, by the rounds' intervals over test rows. The spread over seeds is left out: two rounds
    would hardly ever show anything by Student's t, and which model was trained is not the question
    here.
    """
    reasons: dict[str, None] = {}
    if _mostly_void(rounds):
        for measured in rounds:
            reasons.update(dict.fromkeys(measured.judged.degenerate))
    for name, metrics in _by_name(rounds).items():
        if any(metric.decides for metric in metrics):
            reason = _unproven(name, metrics)
            if reason:
                reasons[reason] = None
    return tuple(reasons)


def collapsed(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Name the rounds that predict nothing, where most others do."""
    if _mostly_void(rounds):
        return ()
    lines = []
    for measured in rounds:
        for reason in measured.judged.degenerate:
            lines.append(f"the round of seed {measured.seed} predicts nothing: {reason}")
    return tuple(lines)


def _mostly_void(rounds: Sequence[Round]) -> bool:
    void = sum(bool(measured.judged.degenerate) for measured in rounds)
    return void * 2 > len(rounds)


def _unproven(name: str, metrics: Sequence[Metric]) -> str:
    """Return that nothing shows a score to be better than the constant answer's.

    It is empty where something does, or where no round knows both scores.
    """
    higher = metrics[0].higher_is_better
    values, constants, bounds = [], [], []
    for metric in metrics:
        if metric.value is None or metric.constant is None:
            continue
        values.append(metric.value)
        constants.append(metric.constant)
        bound = metric.low if metric.higher_is_better else metric.high
        if bound is not None:
            bounds.append(bound)
    if not values:
        return ""
    value, constant = statistics.fmean(values), statistics.fmean(constants)
    claim = f"{name} {value:.3f} is not shown to be better than a constant answer's {constant:.3f}"
    if len(bounds) < len(values):
        return f"{claim}: too few test rows of a class for an interval"
    bound = statistics.fmean(bounds)
    better = bound > constant if higher else bound < constant
    return "" if better else f"{claim}: the 95 % bound is {bound:.3f}"
