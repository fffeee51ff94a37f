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
from greenbench.gates.margins import Z
from greenbench.gates.verdict import Estimate
from greenbench.stats.over_seeds import over_rounds
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.expression import Gate
    from greenbench.results.reading import CellRecord
    from greenbench.stats.paired import PairedDifference
    from greenbench.types import Facts

NO_INTERVAL = "compared as they stand: no interval is known"
"""The method for scores without intervals."""


def estimate(gate: Gate, here: CellRecord, there: CellRecord | None) -> Estimate:
    """Return the margin by which a cell's score meets a gate.

    Both cells have the score; ``there`` is None if the threshold is a number. Raises ValueError for
    a ratio to a score that is not above zero.
    """
    reference = 0.0 if there is None else there.score(gate.metric) or 0.0
    if gate.form != "ratio":
        excess, how = _excess(gate.metric, here, there, 1.0)
        return _margin(gate, excess, gate.number, reference, how)
    if reference <= 0:
        meaning = f"a ratio to {gate.metric} = {reference:.3g} means nothing"
        sign = "+" if gate.upper else "-"
        example = f"{gate.metric} {gate.operator} {gate.reference}{sign}{LOSS:g}"
        raise ValueError(f"{meaning}: gate a difference, such as {example}")
    excess, how = _excess(gate.metric, here, there, gate.number)
    return _margin(gate, excess, 0.0, reference, how)


def _excess(
    metric: str, here: CellRecord, there: CellRecord | None, factor: float
) -> tuple[Metric, str]:
    """Return a score minus ``factor`` times the other's, with bounds if known, and the method."""
    if there is None:
        return here.quality[metric], "interval over test examples"
    pairs = _paired_outcomes(here, there)
    same = factor == 1.0 and here.score(metric) == there.score(metric)
    differences = _paired(pairs, metric, factor, same=same)
    if differences:
        count = int(pairs[0][0]["n"])
        metrics = [Metric(value=d.value, low=d.low, high=d.high, n=count) for d in differences]
        return over_rounds(metrics), f"paired over {count} test examples"
    apart = _apart(here.quality[metric], there.quality[metric], factor)
    return apart, "two intervals, as the examples do not pair up"


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


def _apart(here: Metric, there: Metric, factor: float) -> Metric:
    """Return a score minus ``factor`` times the other's, whose intervals are independent."""
    middle = (here.value or 0.0) - factor * (there.value or 0.0)
    ours, theirs = _halves(here), _halves(there)
    if ours is None or theirs is None:
        return Metric(value=middle, n=here.n)
    down = math.hypot(ours.down, factor * theirs.up)
    up = math.hypot(ours.up, factor * theirs.down)
    return Metric(value=middle, low=middle - down, high=middle + up, n=here.n)


class Halves(NamedTuple):
    """How far the interval of a score extends below and above its value."""

    down: float
    up: float


def _halves(metric: Metric) -> Halves | None:
    if metric.low is None or metric.high is None:
        return None
    value = metric.value or 0.0
    return Halves(value - metric.low, metric.high - value)


def _margin(gate: Gate, excess: Metric, offset: float, reference: float, how: str) -> Estimate:
    """Return the margin by which ``excess`` lies on the right side of ``offset``."""
    sign = -1 if gate.upper else 1
    middle = excess.value or 0.0

    def shown(margin: float) -> float:
        if gate.form == "ratio":
            return gate.number + sign * margin / reference
        return offset + sign * margin

    plain = Estimate(margin=sign * (middle - offset), shown=shown, how=how)
    halves = _halves(excess)
    if halves is None:
        return replace(plain, how=NO_INTERVAL)
    below, above = halves.down / Z, halves.up / Z
    if gate.upper:
        return replace(plain, below=above, above=below)
    return replace(plain, below=below, above=above)
