"""Quality over the rounds of a cell: the mean of each score with its interval, and whether it is better than no model at all.

Two things make a score uncertain: which test rows there are, and which seed the model was trained with. The first comes with
each round's score as a bootstrap interval; as all rounds answer the same rows, their mean is taken to err as much as each of
them. The second is the spread over rounds, by Student's t. Both are added in quadrature. With one round the second is unknown,
and the interval holds for that one trained model.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Metric, Round

DEGENERATE = "DEGENERATE"
"""What such a cell is called wherever it shows."""
T_LEVEL = 0.975


def mean_quality(rounds: Sequence[Round]) -> dict[str, Metric]:
    """Average each metric over the rounds that have it."""
    names = dict.fromkeys(name for r in rounds for name in r.quality)
    return {
        name: over_rounds([r.quality[name] for r in rounds if name in r.quality]) for name in names
    }


def over_rounds(metrics: Sequence[Metric]) -> Metric:
    """Return the mean with an interval for rows and seeds; without bounds where a round has none."""
    known = [(m.value, m) for m in metrics if m.value is not None and math.isfinite(m.value)]
    if not known:
        return replace(
            metrics[-1], value=None, reason=metrics[-1].reason or "the score is no number"
        )
    mean = statistics.fmean(value for value, _ in known)
    below = _half([None if m.low is None else value - m.low for value, m in known])
    above = _half([None if m.high is None else m.high - value for value, m in known])
    seeds = spread([value for value, _ in known])
    low = None if below is None else mean - math.hypot(below, seeds)
    high = None if above is None else mean + math.hypot(above, seeds)
    return replace(known[-1][1], value=mean, low=low, high=high)


def _half(widths: Sequence[float | None]) -> float | None:
    given = [w for w in widths if w is not None]
    return statistics.fmean(given) if given and len(given) == len(widths) else None


def spread(values: Sequence[float]) -> float:
    """Return the half-width of the 95 % interval of the mean by Student's t; 0 for a single value, whose spread is unknown."""
    if len(values) < 2 or len(set(values)) == 1:  # noqa: PLR2004
        return 0.0
    from scipy.special import stdtrit

    return (
        float(stdtrit(len(values) - 1, T_LEVEL)) * statistics.stdev(values) / math.sqrt(len(values))
    )


def degenerate(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Say why a cell is no prediction at all: most rounds predict nothing, or nothing shows that it beats a constant answer.

    The latter is asked of the deciding score, by the rounds' intervals over test rows. The spread over seeds is left out: two
    rounds would hardly ever show anything by Student's t, and which model was trained is not the question here.
    """
    void = [r for r in rounds if r.degenerate]
    told = (
        list(dict.fromkeys(reason for r in void for reason in r.degenerate))
        if len(void) * 2 > len(rounds)
        else []
    )
    names = dict.fromkeys(name for r in rounds for name, m in r.quality.items() if m.decides)
    told += [
        text
        for name in names
        if (text := _unproven(name, [r.quality[name] for r in rounds if name in r.quality]))
    ]
    return tuple(dict.fromkeys(told))


def collapsed(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Name the rounds that predict nothing, where most others do."""
    void = [r for r in rounds if r.degenerate]
    if len(void) * 2 > len(rounds):
        return ()
    return tuple(
        f"the round of seed {r.seed} predicts nothing: {reason}"
        for r in void
        for reason in r.degenerate
    )


def _unproven(name: str, metrics: Sequence[Metric]) -> str:
    """Say that nothing shows a score to be better than the constant answer's; nothing where it is, or is unknown."""
    known = [(m.value, m.constant, m.low if m.higher_is_better else m.high) for m in metrics]
    values = [(v, c, b) for v, c, b in known if v is not None and c is not None]
    if not values:
        return ""
    value, constant = (
        statistics.fmean(v for v, _, _ in values),
        statistics.fmean(c for _, c, _ in values),
    )
    bounds = [b for _, _, b in values if b is not None]
    about = f"{name} {value:.3f} is not shown to be better than a constant answer's {constant:.3f}"
    if len(bounds) < len(values):
        return f"{about}: too few test rows of a class for an interval"
    bound = statistics.fmean(bounds)
    better = bound > constant if metrics[0].higher_is_better else bound < constant
    return "" if better else f"{about}: the 95 % bound is {bound:.3f}"
