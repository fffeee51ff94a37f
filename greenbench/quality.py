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
    return {name: over_rounds([r.quality[name] for r in rounds if name in r.quality]) for name in names}


def over_rounds(metrics: Sequence[Metric]) -> Metric:
    """Return the mean with an interval for rows and seeds; without bounds where a round has none."""
    known = [(m.value, m) for m in metrics if m.value is not None]
    if not known:
        return metrics[-1]
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
    from scipy.stats import t

    return float(t.ppf(T_LEVEL, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


def degenerate(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Say why a cell is no prediction at all: a round gave one answer, or no better ones than the best constant answer.

    The latter is asked of the deciding score, by the rounds' intervals over test rows: a bound that holds the constant's score
    does not prove anything better.
    """
    told = [f"seed {r.seed}: {reason}" if len(rounds) > 1 else reason for r in rounds for reason in r.degenerate]
    names = dict.fromkeys(name for r in rounds for name, m in r.quality.items() if m.decides)
    told += [text for name in names if (text := _no_better(name, [r.quality[name] for r in rounds if name in r.quality]))]
    return tuple(dict.fromkeys(told))


def _no_better(name: str, metrics: Sequence[Metric]) -> str:
    bounds = [(m.low if m.higher_is_better else m.high, m.constant, m.value) for m in metrics]
    known = [(b, c, v) for b, c, v in bounds if b is not None and c is not None and v is not None]
    if not known or len(known) < len(metrics):
        return ""
    bound, constant, value = (statistics.fmean(column) for column in zip(*known, strict=True))
    better = bound > constant if metrics[0].higher_is_better else bound < constant
    if better:
        return ""
    return f"{name} {value:.3f} is not better than a constant answer's {constant:.3f} (the 95 % bound is {bound:.3f})"
