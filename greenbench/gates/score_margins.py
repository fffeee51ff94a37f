"""How a score compares: over the same test examples if both cells answered them.

The paired bootstrap (``greenbench.stats.paired``) draws test examples; the spread over the rounds'
seeds is added by Student's t (``greenbench.stats.over_seeds``). Scores whose examples do not pair
up compare by their two intervals, and those without any interval as they stand.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.default_limits import LOSS
from greenbench.gates.verdict import Estimate
from greenbench.stats.over_seeds import freedom_over_rounds, over_rounds
from greenbench.stats.student import effective_freedom, quantile
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.expression import Gate
    from greenbench.results.reading import CellRecord
    from greenbench.stats.paired import PairedDifference
    from greenbench.types import Facts

NO_INTERVAL = "compared as they stand: no interval is known"
"""The method for scores without intervals."""


class Excess(NamedTuple):
    """A score minus a multiple of another."""

    score: Metric
    """With bounds if known."""
    freedom: float
    """Degrees of freedom of the bounds: few where seeds differ by more than test rows explain."""
    how: str


def estimate(gate: Gate, here: CellRecord, there: CellRecord | None) -> Estimate:
    """Return the margin by which a cell's score meets a gate.

    Both cells have the score; ``there`` is None if the threshold is a number. Raises ValueError for
    a ratio to a score that is not above zero.
    """
    reference = 0.0 if there is None else there.score(gate.metric) or 0.0
    if gate.form != "ratio":
        excess = _excess(gate.metric, here, there, 1.0)
        return _margin(gate, excess, gate.number, reference)
    if reference <= 0:
        meaning = f"a ratio to {gate.metric} = {reference:.3g} means nothing"
        sign = "+" if gate.upper else "-"
        example = f"{gate.metric} {gate.operator} {gate.reference}{sign}{LOSS:g}"
        raise ValueError(f"{meaning}: gate a difference, such as {example}")
    excess = _excess(gate.metric, here, there, gate.number)
    return _margin(gate, excess, 0.0, reference)


def _excess(metric: str, here: CellRecord, there: CellRecord | None, factor: float) -> Excess:
    """Return a score minus ``factor`` times the other's."""
    if there is None:
        return Excess(here.quality[metric], _freedom(here, metric), "interval over test examples")
    pairs = _paired_outcomes(here, there)
    same = factor == 1.0 and here.score(metric) == there.score(metric)
    differences = _paired(pairs, metric, factor, same=same)
    if differences:
        count = int(pairs[0][0]["n"])
        metrics = [Metric(value=d.value, low=d.low, high=d.high, n=count) for d in differences]
        how = f"paired over {count} test examples"
        return Excess(over_rounds(metrics), freedom_over_rounds(metrics), how)
    return _apart(metric, here, there, factor)


def _freedom(record: CellRecord, metric: str) -> float:
    """Return the degrees of freedom of a cell's own interval."""
    metrics = []
    for measured in record.rounds:
        score = measured.judged.quality.get(metric)
        if score is None:
            return math.inf
        metrics.append(score)
    return freedom_over_rounds(metrics)


def _paired_outcomes(here: CellRecord, there: CellRecord) -> list[tuple[Facts, Facts]]:
    """Return the outcomes of rounds of the same seed; empty unless all of this cell's pair up."""
    from greenbench.stats.paired import alike

    pairs = []
    for ours, theirs in here.paired_rounds(there):
        pairs.append((ours.judged.outcomes, theirs.judged.outcomes))
    complete = len(pairs) == len(here.rounds)
    return pairs if complete and all(alike(*pair) for pair in pairs) else []


def _paired(
    pairs: Sequence[tuple[Facts, Facts]], metric: str, factor: float, *, same: bool
) -> list[PairedDifference]:
    """Return the difference of each pair of rounds; nothing unless all have one."""
    from greenbench.stats import paired

    nothing = paired.PairedDifference(0.0, 0.0, 0.0)  # what 2,000 resamples would say too
    equal = [same and ours == theirs for ours, theirs in pairs]
    unlike = [pair for pair, is_equal in zip(pairs, equal, strict=True) if not is_equal]
    resampled = iter(paired.differences_of_each(unlike, [metric], factor=factor))
    differences = []
    for is_equal in equal:
        difference = nothing if is_equal else next(resampled).get(metric)
        if difference is None or difference.value is None:
            return []
        differences.append(difference)
    return differences


def _apart(metric: str, here: CellRecord, there: CellRecord, factor: float) -> Excess:
    """Return a score minus ``factor`` times the other's, whose intervals are independent."""
    how = "two intervals, as the examples do not pair up"
    score, other = here.quality[metric], there.quality[metric]
    middle = (score.value or 0.0) - factor * (other.value or 0.0)
    ours, theirs = _halves(score), _halves(other)
    if ours is None or theirs is None:
        return Excess(Metric(value=middle, n=score.n), math.inf, how)
    down = math.hypot(ours.down, factor * theirs.up)
    up = math.hypot(ours.up, factor * theirs.down)
    bounded = Metric(value=middle, low=middle - down, high=middle + up, n=score.n)
    freedoms = {"here": _freedom(here, metric), "there": _freedom(there, metric)}
    parts = {
        "here": (ours.down + ours.up) / quantile(freedoms["here"]),
        "there": factor * (theirs.down + theirs.up) / quantile(freedoms["there"]),
    }
    return Excess(bounded, effective_freedom(parts, freedoms), how)


class Halves(NamedTuple):
    """How far the interval of a score extends below and above its value."""

    down: float
    up: float


def _halves(metric: Metric) -> Halves | None:
    if metric.low is None or metric.high is None:
        return None
    value = metric.value or 0.0
    return Halves(value - metric.low, metric.high - value)


def _margin(gate: Gate, excess: Excess, offset: float, reference: float) -> Estimate:
    """Return the margin by which ``excess`` lies on the right side of ``offset``."""
    sign = -1 if gate.upper else 1
    middle = excess.score.value or 0.0

    def shown(margin: float) -> float:
        if gate.form == "ratio":
            return gate.number + sign * margin / reference
        return offset + sign * margin

    plain = Estimate(margin=sign * (middle - offset), shown=shown, how=excess.how)
    halves = _halves(excess.score)
    if halves is None:
        return replace(plain, how=NO_INTERVAL)
    # What is stricter than 95 %, for many cells or looks, lies further out in Student's tails.
    factor = quantile(excess.freedom)
    plain = replace(plain, freedom=excess.freedom)
    below, above = halves.down / factor, halves.up / factor
    if gate.upper:
        return replace(plain, below=above, above=below)
    return replace(plain, below=below, above=above)
