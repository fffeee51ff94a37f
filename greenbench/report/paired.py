"""How variants differ from V0 on the same test examples: the score, and who alone is right.

Pairing resolves differences that two separate intervals hide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.results.reading import CellRecord, baseline_of, is_baseline
from greenbench.stats.over_seeds import over_rounds
from greenbench.types import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.stats.paired import McNemar
    from greenbench.types import Facts


def lines(
    records: Sequence[CellRecord], metrics: Mapping[str, str], known: Sequence[CellRecord] = ()
) -> list[str]:
    """Return a line for each cell whose rounds answered the rows that V0 answered too.

    V0 is looked for among ``known`` records, or among ``records`` themselves.
    """
    texts = []
    for record in records:
        base = baseline_of(record, known or records)
        if base is None or is_baseline(record.variant) or record.failed:
            continue
        pairs = paired_outcomes(record, base)
        if pairs:
            texts.append(_line(record.id, metrics[record.task], pairs))
    return texts


def paired_outcomes(record: CellRecord, base: CellRecord) -> list[tuple[Facts, Facts]]:
    """Return the outcomes of both in the rounds of the same seed, if they answer the same rows."""
    from greenbench.stats.paired import alike

    pairs = []
    for ours, theirs in record.paired_rounds(base):
        if alike(ours.judged.outcomes, theirs.judged.outcomes):
            pairs.append((ours.judged.outcomes, theirs.judged.outcomes))
    return pairs


def _line(name: str, metric: str, pairs: Sequence[tuple[Facts, Facts]]) -> str:
    from greenbench.stats.paired import mcnemar

    mean = _mean_difference(metric, pairs)
    rounds, first = "", "; "
    if len(pairs) > 1:
        rounds, first = f" in {len(pairs)} rounds", "; in the first "
    subject = f"{name} against V0 on the same {mean.n} examples{rounds}"
    difference = f"{subject}: {_difference(metric, mean)}"
    test = mcnemar(*pairs[0])
    return difference if test is None else f"{difference}{first}{_right(test)}"


def _mean_difference(metric: str, pairs: Sequence[tuple[Facts, Facts]]) -> Metric:
    """Return the mean difference over the rounds, with an interval for rows and seeds."""
    from greenbench.stats import paired

    count = pairs[0][0]["n"]
    metrics = []
    for differences in paired.differences_of_each(pairs, [metric]):
        difference = differences.get(metric)
        if difference is None:
            metrics.append(Metric(value=None, n=count))
            continue
        metrics.append(
            Metric(value=difference.value, low=difference.low, high=difference.high, n=count)
        )
    return over_rounds(metrics)


def _difference(metric: str, mean: Metric) -> str:
    if mean.value is None or mean.low is None or mean.high is None:
        return f"{metric} cannot be compared"
    significant = mean.low > 0 or mean.high < 0
    note = "" if significant else ", not significant"
    return f"{metric} {mean.value:+.3f} (95 % {mean.low:+.3f} to {mean.high:+.3f}{note})"


def _right(test: McNemar) -> str:
    if not test.only_one + test.only_other:
        return "the same ones are right"
    ours = f"{test.only_one} right here alone"
    return f"{ours}, {test.only_other} in V0 alone (McNemar p = {test.p:.2g})"
