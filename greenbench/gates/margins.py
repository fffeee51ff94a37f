"""How a measured or counted quantity compares with a threshold, and how sure that is.

Ratios are taken of logarithms, whose differences are the more nearly normal and treat halving and doubling alike. Rounds of
the same seeds pair up: Student's paired t. Others: Welch's t with the Welch-Satterthwaite degrees of freedom (Welch,
Biometrika 1947). A single round shows no spread: it counts with its stated uncertainty, and with no less than 20 %.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates.verdict import Estimate
from greenbench.stats.student import deviation, effective_freedom, quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.gates.expression import Gate
    from greenbench.gates.metrics import Readings

SINGLE = 0.20
"""Half-width of the 95 % interval of one round, as part of its value, where nothing shows it to be wider."""
Z = statistics.NormalDist().inv_cdf(0.975)
WORTH = 0.10
"""The change that rounds are planned for, where the one that was seen is larger."""


class Sample(NamedTuple):
    """Values on the gate's scale, with what each lacks of certainty on that scale."""

    values: list[float]
    single: float
    stated: float

    @property
    def deviation(self) -> float:
        """Standard deviation of a round; where there is one round, what is taken for it."""
        return deviation(self.values) if len(self.values) > 1 else max(self.single, self.stated)

    @property
    def of_mean(self) -> float:
        """Standard uncertainty of the mean by the spread."""
        return self.deviation / math.sqrt(len(self.values))


def estimate(gate: Gate, here: Readings, there: Readings | None, drift: float = 0.0) -> Estimate:
    """Return the margin by which a cell keeps a gate. ``drift`` is what the machine may have changed, as a part.

    Raises ValueError for a ratio where one of the values is not above zero.
    """
    if gate.about.kind == "work":
        return _counted(gate, here, there)
    sign = 1 if gate.upper else -1
    ours, theirs = _sample(gate, here), None if there is None else _sample(gate, there)
    offset = math.log(gate.number) if gate.form == "ratio" else gate.number
    centre = statistics.fmean(theirs.values) if theirs else 0.0
    margin = sign * (offset + centre - statistics.fmean(ours.values))
    shown = _shown(gate, offset, sign)
    planned = math.log1p(WORTH) if gate.form == "ratio" else WORTH * abs(centre or offset)
    fixed = math.hypot(
        drift if gate.form == "ratio" else drift * here.size, _common(gate, here, there)
    )
    paired = there is not None and len(here.values) > 1 and set(here.values) == set(there.values)
    if paired and theirs:
        return _paired(
            margin, ours, theirs, Estimate(margin=margin, shown=shown, planned=planned, fixed=fixed)
        )
    return _apart(
        margin, ours, theirs, Estimate(margin=margin, shown=shown, planned=planned, fixed=fixed)
    )


def _counted(gate: Gate, here: Readings, there: Readings | None) -> Estimate:
    """Return the margin of what is counted: exact, but for rounding where rounds count differently."""
    ours, theirs = (statistics.fmean(one.values.values()) if one else 0.0 for one in (here, there))
    wanted = gate.number * theirs if gate.form == "ratio" else gate.number + theirs
    margin = (
        0.0
        if math.isclose(ours, wanted, rel_tol=1e-9)
        else (wanted - ours) * (1 if gate.upper else -1)
    )
    if gate.form == "ratio" and theirs <= 0:
        raise ValueError(
            f"a ratio to {gate.metric} = {theirs:.3g} means nothing: gate a difference"
        )
    change = ours / theirs if gate.form == "ratio" else ours - theirs
    return Estimate(margin=margin, shown=lambda _margin: change, how="counted, not measured")


def _common(gate: Gate, here: Readings, there: Readings | None) -> float:
    """Return what is uncertain of all rounds alike, on the gate's scale, where no comparison takes it away."""
    if there is None:
        return here.systematic
    if gate.metric != "energy_net":
        return 0.0
    sides = [(one.systematic, statistics.fmean(one.values.values())) for one in (here, there)]
    return math.hypot(*(u / value if gate.form == "ratio" else u for u, value in sides))


def _sample(gate: Gate, one: Readings) -> Sample:
    """Return the values in the order of their seeds, on a logarithmic scale for ratios."""
    values = [one.values[seed] for seed in sorted(one.values)]
    if gate.form != "ratio":
        return Sample(values, one.size * SINGLE / Z, one.uncertainty)
    if min(values) <= 0:
        raise ValueError(
            f"a ratio of {gate.metric} needs values above zero, and one is {min(values):.3g}: gate a difference"
        )
    return Sample(
        [math.log(v) for v in values], math.log1p(SINGLE) / Z, one.uncertainty / min(values)
    )


def _shown(gate: Gate, offset: float, sign: int) -> Callable[[float], float]:
    """Return the way from a margin back to the ratio, the difference, or the value."""
    if gate.form == "ratio":
        return lambda margin: math.exp(offset - sign * margin)
    return lambda margin: offset - sign * margin


def _paired(margin: float, ours: Sample, theirs: Sample, bare: Estimate) -> Estimate:
    count = len(ours.values)
    pairs = tuple(t - o for o, t in zip(ours.values, theirs.values, strict=True))
    spread, bare = deviation(pairs), replace(bare, series=(pairs,))
    stated = math.hypot(ours.stated, theirs.stated) / math.sqrt(count)
    how = f"paired t, {count} rounds"
    return _finished(
        bare, margin, (spread / math.sqrt(count), count - 1), stated, (spread, count), how
    )


def _apart(margin: float, ours: Sample, theirs: Sample | None, bare: Estimate) -> Estimate:
    samples = [ours] if theirs is None else [ours, theirs]
    parts = {str(i): s.of_mean for i, s in enumerate(samples)}
    freedom = effective_freedom(
        parts, {str(i): len(s.values) - 1 for i, s in enumerate(samples) if len(s.values) > 1}
    )
    counts = [len(s.values) for s in samples]
    stated = math.hypot(*(s.stated / math.sqrt(n) for s, n in zip(samples, counts, strict=True)))
    names = {1: "one round, taken for +-20 %"} if min(counts) == 1 else {1: "t", 2: "Welch's t"}
    how = (
        f"{names.get(len(samples), names[1])}, {' and '.join(map(str, counts))} rounds"
        if min(counts) > 1
        else names[1]
    )
    spread = math.hypot(*(s.deviation for s in samples))
    bare = replace(bare, series=tuple(tuple(s.values) for s in samples if len(s.values) > 1))
    return _finished(
        bare, margin, (math.hypot(*parts.values()), freedom), stated, (spread, min(counts)), how
    )


def _finished(
    bare: Estimate,
    margin: float,
    seen: tuple[float, float],
    stated: float,
    spread: tuple[float, int],
    how: str,
) -> Estimate:
    """Combine what the rounds' spread shows, or what is stated if that is the wider, with what no round can show."""
    random, freedom = seen
    if Z * stated > quantile(freedom) * random:
        random, freedom = stated, math.inf
    whole = math.hypot(random, bare.fixed)
    if not math.isinf(freedom):
        freedom = freedom * (whole / random) ** 4 if random else math.inf
    return replace(
        bare,
        margin=margin,
        below=whole,
        above=whole,
        freedom=freedom,
        spread=spread[0],
        rounds=spread[1],
        how=how,
    )


def chance(one: Estimate) -> float:
    """Return the probability of a margin so low or lower, where the gate just holds: one-sided, by Student's t."""
    if not one.above:
        return 1.0 if one.margin >= 0 else 0.0
    if math.isinf(one.above):
        return 0.5
    ratio = one.margin / one.above
    if math.isinf(one.freedom):
        return statistics.NormalDist().cdf(ratio)
    from scipy.special import stdtr

    return float(stdtr(one.freedom, ratio))


def bounds(one: Estimate) -> tuple[float, float]:
    """Return the 95 % interval of the margin."""
    factor = quantile(one.freedom)
    return one.margin - factor * one.below, one.margin + factor * one.above
