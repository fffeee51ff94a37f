"""What came of a search: what is recommended, what only seemed so, and what the search cost."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.search.confirmation import judge
from greenbench.search.racing import FLAWED, standings
from greenbench.stats.over_seeds import spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.search.confirmation import ConfirmedPoint
    from greenbench.search.racing import PointStanding, SearchRules
    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """After how many uses of what was found the search's rounds are paid, with 95 % bounds."""

    uses: float
    low: float
    high: float | None
    """None if it may never pay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """All that a search says."""

    findings: tuple[ConfirmedPoint, ...]
    """What the confirmation says of each finalist, the best confirmed one first."""
    standings: tuple[PointStanding, ...]
    """All points of the search itself, what may win first."""
    evaluations: int
    """Rounds of points; V0 ran beside them once in each block."""
    blocks: int
    joules: float | None
    """That its measured rounds took, and nothing else of its sessions; None if unknown."""
    seconds: float
    source: str = ""
    """Where the joules come from, by channel."""
    payback: Payback | None = None
    """None if nothing is confirmed, or if joules are unknown."""

    @property
    def recommended(self) -> ConfirmedPoint | None:
        """The best confirmed point."""
        for finding in self.findings:
            if finding.confirmed:
                return finding
        return None

    @property
    def unconfirmed(self) -> Point | None:
        """The point that looked best in the search, if it is not confirmed."""
        first = next(iter(self.standings), None)
        if first is None or not first.promises:
            return None
        for finding in self.findings:
            if finding.point == first.point and finding.confirmed:
                return None
        return first.point

    @property
    def front(self) -> tuple[PointStanding, ...]:
        """The points of the search that no other one beats in both what they take and the score.

        They come from single rounds on validation rows, and are not confirmed. Those that lose the
        score are among them; those that are no evidence are not.
        """
        known = []
        for one in self.standings:
            if one.margin is not None and not one.out.startswith(FLAWED):
                known.append(one)
        known.sort(key=lambda one: one.effect)
        best = -math.inf
        front = []
        for one in known:
            margin = one.margin or 0.0
            if margin > best:
                best = margin
                front.append(one)
        return tuple(front)

    @property
    def in_vain(self) -> Mapping[str, int]:
        """Why points were dropped, and how many for each reason."""
        counts: Counter[str] = Counter()
        for one in self.standings:
            if one.out:
                counts[one.out] += 1
        return counts


def answer(blocks: Sequence[SearchBlock], rules: SearchRules) -> SearchAnswer:
    """Return what the blocks of a search say."""
    confirming: list[SearchBlock] = []
    searched: list[SearchBlock] = []
    joules: float | None = 0.0
    evaluations = 0
    for block in blocks:
        part = confirming if block.plan.confirms else searched
        part.append(block)
        evaluations += len(block.readings)
        if joules is not None:
            joules = None if block.joules is None else joules + block.joules
    findings: list[ConfirmedPoint] = []
    if confirming:
        points = confirming[0].plan.points
        findings = judge(points, confirming, rules)
    seconds = [block.seconds for block in blocks]
    sources = [block.source for block in blocks]
    return SearchAnswer(
        findings=tuple(findings),
        standings=tuple(standings(searched, rules)),
        evaluations=evaluations,
        blocks=len(blocks),
        joules=joules,
        seconds=sum(seconds),
        source=" or ".join(dict.fromkeys(sources)),
    )


def with_payback(
    blocks: Sequence[SearchBlock], rules: SearchRules, *, of_joules: bool
) -> SearchAnswer:
    """Return the answer with after how many uses it pays, if joules were minimised."""
    plain = answer(blocks, rules)
    confirming = [block for block in blocks if block.plan.confirms]
    of_v0 = values_of_v0(confirming)
    if not of_joules or plain.recommended is None or plain.joules is None or not of_v0:
        return plain
    return replace(plain, payback=payback(plain.joules, of_v0, plain.recommended))


def payback(joules: float, of_v0: Sequence[float], found: ConfirmedPoint) -> Payback | None:
    """Return after how many runs ``joules`` are saved; ``of_v0`` are those of runs of V0.

    None if what a run of the found point takes is unknown. The interval holds the uncertainty of
    the ratio, and by Student's t that of V0's mean, in quadrature.
    """
    ratio = found.ratio
    if ratio is None or ratio.value >= 1:
        return None
    mean, of_mean = statistics.fmean(of_v0), spread(of_v0)
    saved = mean * (1 - ratio.value)
    by_mean = of_mean * (1 - ratio.value)
    least = saved - math.hypot(mean * (ratio.high - ratio.value), by_mean)
    most = saved + math.hypot(mean * (ratio.value - ratio.low), by_mean)
    high = joules / least if least > 0 else None
    return Payback(uses=joules / saved, low=joules / most, high=high)


def values_of_v0(blocks: Sequence[SearchBlock]) -> list[float]:
    """Return what each run of V0 takes; nothing if one is unknown."""
    values = []
    for block in blocks:
        if block.baseline.value is None:
            return []
        values.append(block.baseline.value)
    return values
