"""How a score compares: over the same test examples where both cells answered them, else by their two intervals.

The paired bootstrap (``greenbench.stats``) draws test examples; the spread over the rounds' seeds is added by Student's t
(``greenbench.stats.over_seeds``). A score without any interval is compared as it stands.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.gates.margins import Z
from greenbench.gates.verdict import Estimate
from greenbench.stats.over_seeds import over_rounds
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.gates.expression import Gate
    from greenbench.stats.paired import PairedDifference

Record = dict[str, Any]


def value(record: Mapping[str, Any], metric: str) -> float | None:
    """Return a cell's score; None where it has none or it is no number."""
    found = (record["quality"].get(metric) or {}).get("value")
    return float(found) if found is not None and math.isfinite(found) else None


def estimate(gate: Gate, here: Mapping[str, Any], there: Mapping[str, Any] | None) -> Estimate:
    """Return the margin by which a cell's score keeps a gate; both cells have one. Raises ValueError for senseless ratios."""
    reference = 0.0 if there is None else value(there, gate.metric) or 0.0
    if gate.form == "ratio" and reference <= 0:
        raise ValueError(
            f"a ratio to {gate.metric} = {reference:.3g} means nothing: gate a difference, such as "
            f"{gate.metric} {gate.operator} {gate.reference}-0.02"
        )
    factor = {"ratio": gate.number, "difference": 1.0, "number": 0.0}[gate.form]
    offset = 0.0 if gate.form == "ratio" else gate.number
    excess, how = _excess(gate.metric, here, there, factor)
    return _margin(gate, excess, offset, reference, how)


def _excess(
    metric: str, here: Mapping[str, Any], there: Mapping[str, Any] | None, factor: float
) -> tuple[Metric, str]:
    """Return a score minus ``factor`` times the other's, with bounds where there are any, and how they came about."""
    if there is None:
        return _metric(here, metric), "interval over test examples"
    together = _together(here, there)
    same = factor == 1.0 and value(here, metric) == value(there, metric)
    each = [
        d
        for one, other in together
        if (d := _paired(one, other, metric, factor, same=same)) is not None
    ]
    if each and len(each) == len(together):
        count = int(together[0][0]["n"])
        mean = over_rounds([Metric(value=d.value, low=d.low, high=d.high, n=count) for d in each])
        return mean, f"paired over {count} test examples"
    return _apart(
        _metric(here, metric), _metric(there, metric), factor
    ), "two intervals, as the examples do not pair up"


def _metric(record: Mapping[str, Any], name: str) -> Metric:
    found = record["quality"][name]
    return Metric(**{k: found.get(k) for k in ("value", "n", "low", "high")})


def _together(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[Record, Record]]:
    """Return the outcomes of rounds of the same seed, if all of this cell's have a partner that answered the same examples."""
    from greenbench.stats.paired import alike

    ours, theirs = (
        {r["seed"]: r.get("outcomes", {}) for r in record["rounds"]} for record in (here, there)
    )
    both = [(ours[seed], theirs[seed]) for seed in ours if seed in theirs]
    return both if len(both) == len(ours) and all(alike(*pair) for pair in both) else []


def _paired(
    one: Record, other: Record, metric: str, factor: float, *, same: bool
) -> PairedDifference | None:
    from greenbench.stats import paired

    if same and one == other:  # what 2,000 resamples would say too
        return paired.PairedDifference(0.0, 0.0, 0.0)
    found = paired.differences(one, other, factor=factor).get(metric)
    return found if found is not None and found.value is not None else None


def _apart(here: Metric, there: Metric, factor: float) -> Metric:
    """Return a score minus ``factor`` times the other's, whose intervals are independent."""
    ours, theirs = here.value or 0.0, there.value or 0.0
    middle = ours - factor * theirs
    if here.low is None or here.high is None or there.low is None or there.high is None:
        return Metric(value=middle, n=here.n)
    below = math.hypot(ours - here.low, factor * (there.high - theirs))
    above = math.hypot(here.high - ours, factor * (theirs - there.low))
    return Metric(value=middle, low=middle - below, high=middle + above, n=here.n)


def _margin(gate: Gate, excess: Metric, offset: float, reference: float, how: str) -> Estimate:
    """Return the margin by which ``excess`` lies on the right side of ``offset``."""
    sign = -1 if gate.upper else 1
    middle = excess.value or 0.0

    def shown(margin: float) -> float:
        if gate.form == "ratio":
            return gate.number + sign * margin / reference
        return offset + sign * margin

    plain = Estimate(margin=sign * (middle - offset), shown=shown, how=how)
    if excess.low is None or excess.high is None:
        return replace(plain, how="compared as they stand: no interval is known")
    down = (middle - excess.low) / Z
    up = (excess.high - middle) / Z
    if gate.upper:
        return replace(plain, below=up, above=down)
    return replace(plain, below=down, above=up)
