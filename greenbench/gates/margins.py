"""How a measured or counted quantity compares with a threshold, and how certain that is.

Ratios are compared by logarithms, whose differences are closer to normal and treat halving and
doubling alike. Rounds of the same seeds pair up: Student's paired t. Other rounds take Welch's t
with the Welch-Satterthwaite degrees of freedom (Welch, Biometrika 1947). A single round shows no
spread: it counts with its stated uncertainty, and with at least 20 %.
"""

from __future__ import annotations

import math
import statistics
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.gates.verdict import Estimate
from greenbench.stats.student import deviation, effective_freedom, quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.metrics import Readings

SINGLE = 0.20
"""Half-width of the 95 % interval of one round, relative to its value, unless it states more."""
Z = statistics.NormalDist().inv_cdf(0.975)
LARGEST_EXPONENT = math.log(sys.float_info.max)
LARGEST_SHARE = 1e50
"""Of the whole uncertainty in its random part. Its fourth power still is a number."""
WORTH = 0.10
"""The change that rounds are planned for if the observed one is larger."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The rounds of one cell on the gate's scale, with uncertainties on that scale."""

    values: list[float]
    """In the order of their seeds."""
    single: float
    """Standard deviation that is assumed of a round if there is only one."""
    stated: float
    """Standard uncertainty of a round by its instrument."""

    @property
    def mean(self) -> float:
        """Mean of the rounds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation of a round."""
        if len(self.values) > 1:
            return deviation(self.values)
        return max(self.single, self.stated)

    @property
    def of_mean(self) -> float:
        """Standard uncertainty of the mean, by the deviation of a round."""
        return self.deviation / math.sqrt(len(self.values))


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale on which a gate compares: logarithms for a ratio, else the metric's unit."""

    is_ratio: bool
    sign: int
    """1 if the threshold is an upper bound, else -1."""
    offset: float
    """The threshold, relative to the reference."""

    @classmethod
    def of(cls, gate: Gate) -> Scale:
        """Return the scale of ``gate``."""
        is_ratio = gate.form == "ratio"
        offset = math.log(gate.number) if is_ratio else gate.number
        return cls(is_ratio, 1 if gate.upper else -1, offset)

    def margin(self, mean: float, reference: float) -> float:
        """Return how far the mean of a cell is on the right side of the threshold."""
        return self.sign * (self.offset + reference - mean)

    def change(self, margin: float) -> float:
        """Return the ratio, the difference or the value that has this margin.

        A ratio that no float can hold is infinite.
        """
        change = self.offset - self.sign * margin
        if not self.is_ratio:
            return change
        return math.exp(change) if change < LARGEST_EXPONENT else math.inf

    def planned(self, reference: float) -> float:
        """Return the margin of a change that rounds are planned for."""
        if self.is_ratio:
            return math.log1p(WORTH)
        return WORTH * abs(reference or self.offset)


def estimate(gate: Gate, here: Readings, there: Readings | None, drift: float = 0.0) -> Estimate:
    """Return the margin by which a cell meets a gate.

    ``here`` are its readings, ``there`` those of the reference, None if the threshold is a number.
    ``drift`` is the standard uncertainty of a ratio by what the machine may have changed between
    the two. Raises ValueError for a ratio of values that are not all above zero, and for a ratio
    that is too large for any number.
    """
    if gate.about.kind == "work":
        return _counted(gate, here, there)
    ours = sample(gate, here)
    theirs = None if there is None else sample(gate, there)
    margin = Scale.of(gate).margin(ours.mean, theirs.mean if theirs else 0.0)
    plain = replace(bare(gate, here, there, drift), margin=margin)
    if math.isinf(plain.shown(margin)):
        raise ValueError(f"the ratio of {gate.metric} is too large for any number")
    if theirs is None or there is None:
        return _unpaired(plain, [ours])
    if _pair_up(here, there):
        return _paired(plain, ours, theirs)
    return _unpaired(plain, [ours, theirs])


def bare(gate: Gate, here: Readings, there: Readings | None, drift: float = 0.0) -> Estimate:
    """Return an estimate without a margin and its spread, which its rounds add."""
    scale = Scale.of(gate)
    reference = 0.0 if there is None or scale.is_ratio else there.mean
    return Estimate(
        margin=0.0,
        shown=scale.change,
        planned=scale.planned(reference),
        fixed=_fixed(gate, here, there, drift),
    )


def _pair_up(here: Readings, there: Readings) -> bool:
    """Whether there are several rounds, of the same seeds on both sides."""
    return len(here.values) > 1 and set(here.values) == set(there.values)


def _counted(gate: Gate, here: Readings, there: Readings | None) -> Estimate:
    """Return the margin of what is counted: exact, except for rounding of means over rounds."""
    ours = statistics.fmean(here.values.values())
    theirs = statistics.fmean(there.values.values()) if there else 0.0
    if gate.form == "ratio":
        if theirs <= 0:
            meaning = f"a ratio to {gate.metric} = {theirs:.3g} means nothing"
            raise ValueError(f"{meaning}: gate a difference")
        threshold = gate.number * theirs
        change = ours / theirs
    else:
        threshold = gate.number + theirs
        change = ours - theirs
    margin = threshold - ours if gate.upper else ours - threshold
    if math.isclose(ours, threshold, rel_tol=1e-9):
        margin = 0.0
    return Estimate(margin=margin, shown=lambda _margin: change, how="counted, not measured")


def _fixed(gate: Gate, here: Readings, there: Readings | None, drift: float) -> float:
    """Return the part of the uncertainty that more rounds do not reduce."""
    drifted = drift if gate.form == "ratio" else drift * here.size
    return math.hypot(drifted, _systematic(gate, here, there))


def _systematic(gate: Gate, here: Readings, there: Readings | None) -> float:
    """Return the uncertainty common to all rounds, on the gate's scale.

    It cancels between two cells of the same instrument, except for that of idle joules.
    """
    if there is None:
        return here.systematic
    if gate.metric != "energy_net":
        return 0.0
    parts = []
    for readings in (here, there):
        mean = statistics.fmean(readings.values.values())
        relative = gate.form == "ratio"
        parts.append(readings.systematic / mean if relative else readings.systematic)
    return math.hypot(*parts)


def stated(gate: Gate, readings: Readings) -> float:
    """Return the uncertainty that each round states by itself, on the gate's scale."""
    if gate.form != "ratio":
        return readings.uncertainty
    return readings.uncertainty / min(readings.values.values())


def sample(gate: Gate, readings: Readings) -> Sample:
    """Return the rounds in the order of their seeds, on a logarithmic scale for ratios."""
    values = [readings.values[seed] for seed in sorted(readings.values)]
    if gate.form != "ratio":
        return Sample(values, readings.size * SINGLE / Z, stated(gate, readings))
    least = min(values)
    if least <= 0:
        needs = f"a ratio of {gate.metric} needs values above zero"
        raise ValueError(f"{needs}, and one is {least:.3g}: gate a difference")
    logarithms = [math.log(value) for value in values]
    return Sample(logarithms, math.log1p(SINGLE) / Z, stated(gate, readings))


def _paired(plain: Estimate, ours: Sample, theirs: Sample) -> Estimate:
    count = len(ours.values)
    pairs = tuple(t - o for o, t in zip(ours.values, theirs.values, strict=True))
    spread = deviation(pairs)
    return combined(
        replace(
            plain,
            spread=spread,
            rounds=count,
            series=(pairs,),
            freedom=count - 1,
            how=f"paired t, {count} rounds",
        ),
        random=spread / math.sqrt(count),
        stated=math.hypot(ours.stated, theirs.stated) / math.sqrt(count),
    )


def _unpaired(plain: Estimate, samples: Sequence[Sample]) -> Estimate:
    counts = [len(side.values) for side in samples]
    parts = {}
    freedoms = {}
    series = []
    stated = []
    for number, side in enumerate(samples):
        name, count = str(number), len(side.values)
        parts[name] = side.of_mean
        stated.append(side.stated / math.sqrt(count))
        if count > 1:
            freedoms[name] = count - 1
            series.append(tuple(side.values))
    return combined(
        replace(
            plain,
            spread=math.hypot(*(side.deviation for side in samples)),
            rounds=min(counts),
            series=tuple(series),
            freedom=effective_freedom(parts, freedoms),
            how=_unpaired_method(counts),
        ),
        random=math.hypot(*parts.values()),
        stated=math.hypot(*stated),
    )


def _unpaired_method(counts: Sequence[int]) -> str:
    if min(counts) == 1:
        return "one round, assumed to be within 20 %"
    test = "t" if len(counts) == 1 else "Welch's t"
    return f"{test}, {' and '.join(map(str, counts))} rounds"


def combined(plain: Estimate, *, random: float, stated: float) -> Estimate:
    """Return ``plain`` with its uncertainty.

    That is the one by the spread of rounds, ``random``, or the ``stated`` one if it makes the wider
    interval, together with the part that more rounds do not reduce.
    """
    freedom = plain.freedom
    if Z * stated > quantile(freedom) * random:
        random, freedom = stated, math.inf
    whole = math.hypot(random, plain.fixed)
    if not math.isinf(freedom):
        freedom = freedom * min(whole / random, LARGEST_SHARE) ** 4 if random else math.inf
    return replace(plain, below=whole, above=whole, freedom=freedom)


def chance(estimate: Estimate) -> float:
    """Return the one-sided p-value: the chance of so low a margin if the gate is just met.

    By Student's t, or by the normal distribution for infinitely many degrees of freedom.
    """
    largest = estimate.margin + estimate.unknown
    if not estimate.above:
        return 1.0 if largest >= 0 else 0.0
    if math.isinf(estimate.above):
        return 0.5
    ratio = largest / estimate.above
    if math.isinf(estimate.freedom):
        return statistics.NormalDist().cdf(ratio)
    from scipy.special import stdtr

    return float(stdtr(estimate.freedom, ratio))


def bounds(estimate: Estimate) -> tuple[float, float]:
    """Return the 95 % confidence interval of the margin, a repeated one if looks are repeated."""
    factor = -quantile(estimate.freedom, estimate.left_out)
    return (
        estimate.margin - factor * estimate.below - estimate.unknown,
        estimate.margin + factor * estimate.above + estimate.unknown,
    )
