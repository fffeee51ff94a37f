"""What came of a search: what is recommended, what only seemed so, and what the search cost."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.search.confirmation import judge
from greenbench.search.racing import FLAWED, standings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.search.confirmation import ConfirmedPoint
    from greenbench.search.racing import PointStanding, SearchRules
    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """After how many uses of what was found the search has paid, with 95 % bounds."""

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
    """That all of it took; None if they are unknown."""
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
    of_v0 = mean_of_v0(confirming)
    if not of_joules or plain.recommended is None or plain.joules is None or of_v0 is None:
        return plain
    return replace(plain, payback=payback(plain.joules, of_v0, plain.recommended))


def payback(joules: float, of_v0: float, found: ConfirmedPoint) -> Payback | None:
    """Return after how many runs the search's joules are saved; ``of_v0`` are those of a run.

    None if what a run of the found point takes is unknown. The interval is that of the ratio.
    """
    if found.ratio is None:
        return None
    bounds: list[float | None] = []
    for ratio in (found.ratio.value, found.ratio.low, found.ratio.high):
        saved = of_v0 * (1 - ratio)
        bounds.append(joules / saved if saved > 0 else None)
    uses, low, high = bounds
    if uses is None or low is None:
        return None
    return Payback(uses=uses, low=low, high=high)


def mean_of_v0(blocks: Sequence[SearchBlock]) -> float | None:
    """Return what a run of V0 takes on average; None if that is unknown."""
    values = []
    for block in blocks:
        if block.baseline.value is None:
            return None
        values.append(block.baseline.value)
    return statistics.fmean(values) if values else None
