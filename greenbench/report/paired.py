"""How variants differ from V0 on the very same test examples, in lines: pairing sees what two separate intervals would hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.results.reading import BASELINE, CellRecord, baseline_of
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
        if base is None or record.variant == BASELINE or record.failed:
            continue
        pairs = _paired_outcomes(record, base)
        if pairs:
            texts.append(_line(record.id, metrics[record.task], pairs))
    return texts


def _paired_outcomes(record: CellRecord, base: CellRecord) -> list[tuple[Facts, Facts]]:
    """Return the outcomes of both in the rounds of the same seed, if they answer the same rows."""
    from greenbench.stats.paired import alike

    pairs = []
    for ours, theirs in record.paired_rounds(base):
        if alike(ours.judged.outcomes, theirs.judged.outcomes):
            pairs.append((ours.judged.outcomes, theirs.judged.outcomes))
    return pairs


def _line(name: str, metric: str, together: Sequence[tuple[Facts, Facts]]) -> str:
    from greenbench.stats import paired

    nothing = paired.PairedDifference(None, None, None)
    each = [paired.differences(one, other).get(metric, nothing) for one, other in together]
    mean = over_rounds(
        [Metric(value=d.value, low=d.low, high=d.high, n=together[0][0]["n"]) for d in each]
    )
    if mean.value is None or mean.low is None or mean.high is None:
        told = f"{metric} cannot be compared"
    else:
        proven = "" if mean.low > 0 or mean.high < 0 else ", not told apart"
        told = f"{metric} {mean.value:+.3f} (95 % {mean.low:+.3f} to {mean.high:+.3f}{proven})"
    rounds, first = (
        (f" in {len(together)} rounds", "; in the first ") if len(together) > 1 else ("", "; ")
    )
    return f"{name} against V0 on the same {mean.n} examples{rounds}: {told}{first}{_right(paired.mcnemar(*together[0]))}"


def _right(test: McNemar) -> str:
    if not test.only_one + test.only_other:
        return "the same ones are right"
    return f"{test.only_one} right here alone, {test.only_other} in V0 alone (McNemar p = {test.p:.2g})"
