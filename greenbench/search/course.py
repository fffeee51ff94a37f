"""The course of a search: which block comes next, given all blocks so far.

Everything follows from the blocks that were measured, so that a search that was killed goes on from
its journal as if nothing had happened. Screening comes first, then the race among what the
proposals name, then power limits and clocks at the best setting, and at last the confirmation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.search.confirmation import FEWEST_BLOCKS
from greenbench.search.proposals import NOISE, Told
from greenbench.search.racing import MOST_ROUNDS, standings
from greenbench.search.readings import CONFIRMATION, LATE, SCREENING, SEARCH, BlockPlan
from greenbench.search.screening import screening_points, without_effect
from greenbench.search.standing import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.search.budget import SearchBudget
    from greenbench.search.proposals import Proposer
    from greenbench.search.racing import PointStanding, SearchRules
    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point, Space

POINTS = 6
"""Of a block, beside V0: a longer one takes so long that the machine changes within it."""
SCREENED = 8
"""Of a block of the screening."""
CARRIED = 2
"""Of a block, that were measured before: the best open ones."""
FINALISTS = 3
CONFIRMED_IN = 5
"""Blocks of the confirmation."""
LATE_PART = 0.25
"""Of the search, that is left for power limits and clocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a search is about, and how it goes on."""

    space: Space
    rules: SearchRules
    budget: SearchBudget
    proposer: Proposer
    refusal: Callable[[Point], str]
    """Says why a point cannot be measured here; empty if it can."""
    seed: int = 0

    def next_plan(self, blocks: Sequence[SearchBlock]) -> BlockPlan | None:
        """Return the block to measure next; None if the search is over."""
        before = [block for block in blocks if not block.plan.confirms]
        confirming = blocks[len(before) :]
        if confirming:
            points = confirming[0].plan.points
            return _confirmation(self.budget, points, before, confirming)
        left = self.budget.evaluations_left(blocks)
        kept = min(
            CONFIRMED_IN * self.budget.worth(before, FINALISTS), (left + _evaluations(before)) // 2
        )
        room = left - kept
        plan = self._screening(before, room)
        if plan is None and room >= min(POINTS, CARRIED + 1):
            plan = self._search(before, room)
        if plan is not None:
            return plan
        found = standings(before, self.rules)
        fitting = max(1, left // FEWEST_BLOCKS)
        chosen = finalists(found)[:fitting]
        return _confirmation(self.budget, chosen, before) if chosen else None

    def _refused(self, point: Point) -> str:
        return self.space.impossible(point) or self.refusal(point)

    def _screening(self, before: Sequence[SearchBlock], room: int) -> BlockPlan | None:
        measured: set[Point] = set()
        for block in before:
            measured.update(block.readings)
        waiting = []
        for point in screening_points(self.space):
            if point not in measured and not self._refused(point):
                waiting.append(point)
        if not waiting or room <= 0:
            return None
        blocks_left = math.ceil(len(waiting) / SCREENED)
        size = math.ceil(len(waiting) / blocks_left)
        size = min(size, room)
        points = tuple(waiting[:size])
        return BlockPlan(number=len(before), phase=SCREENING, points=points)

    def _search(self, before: Sequence[SearchBlock], room: int) -> BlockPlan | None:
        """Return a block of the best open points and of new ones; None if there are none."""
        found = standings(before, self.rules)
        late = self._is_late(before, room, found)
        size = min(POINTS, room)
        carried = _carried(found)
        noise = noise_of(before)
        told = Told(
            space=self.space,
            standings=found,
            allowed=_allowed(before),
            seed=self.seed,
            refused=self._refused,
            noise=noise,
        )
        missing = size - len(carried)
        usable = self._usable(found, noise, late=late)
        new = self.proposer.propose(told, missing, usable)
        if not new and not late and self._has_late:  # nothing else is left to try
            late = True
            usable = self._usable(found, noise, late=late)
            new = self.proposer.propose(told, missing, usable)
        points = (*carried, *new)
        if not points:
            return None
        phase = LATE if late else SEARCH
        return BlockPlan(number=len(before), phase=phase, points=points)

    @property
    def _has_late(self) -> bool:
        return any(axis.late for axis in self.space.axes)

    def _is_late(
        self, before: Sequence[SearchBlock], room: int, found: Sequence[PointStanding]
    ) -> bool:
        """Whether the turn is that of power limits and clocks."""
        if not self._has_late or not found or found[0].out:
            return False
        if before[-1].plan.phase == LATE:
            return True
        whole = _evaluations(before) + room
        return room <= LATE_PART * whole

    def _usable(
        self, found: Sequence[PointStanding], noise: float, *, late: bool
    ) -> Callable[[Point], bool]:
        """Return whether a point may be proposed in the present phase."""
        baseline = self.space.baseline
        silent = without_effect(self.space, found, noise)
        best = found[0].point if found else baseline
        fixed = {}
        for place, axis in enumerate(self.space.axes):
            if late and not axis.late:
                fixed[place] = best[place]
            elif not late and (axis.late or place in silent):
                fixed[place] = baseline[place]

        def usable(point: Point) -> bool:
            return all(point[place] == level for place, level in fixed.items())

        return usable


def _confirmation(
    budget: SearchBudget,
    points: Sequence[Point],
    before: Sequence[SearchBlock],
    confirming: Sequence[SearchBlock] = (),
) -> BlockPlan | None:
    """Return the next block that confirms ``points``; None if there are enough."""
    blocks = [*before, *confirming]
    left = budget.blocks_left(blocks, confirming or before, len(points))
    done = len(confirming)
    wanted = min(CONFIRMED_IN, done + left)
    if done >= max(FEWEST_BLOCKS, wanted):
        return None
    return BlockPlan(number=done, phase=CONFIRMATION, points=tuple(points))


def noise_of(blocks: Sequence[SearchBlock]) -> float:
    """Return the standard error of a ratio that was measured once; assumed at first."""
    fitted = effects(blocks)
    if fitted.freedom < MOST_ROUNDS:
        return NOISE
    return max(fitted.standard(point) for point in fitted.values)


def _evaluations(blocks: Sequence[SearchBlock]) -> int:
    done = 0
    for block in blocks:
        done += len(block.readings)
    return done


def finalists(found: Sequence[PointStanding]) -> list[Point]:
    """Return the points to confirm: the best that may win, and the best that surely keep the score.

    What changes answers differs between seeds, often by more than may be lost, and a few blocks
    cannot prove then that it keeps the score, however little it takes.
    """
    promising = [one for one in found if one.promises]
    sure = [one for one in promising if one.is_kept]
    chosen: list[Point] = []
    for one in (*promising[:1], *sure, *promising):
        if one.point not in chosen and len(chosen) < FINALISTS:
            chosen.append(one.point)
    return chosen


def _carried(found: Sequence[PointStanding]) -> list[Point]:
    """Return the best open points that have rounds left."""
    open_ones = []
    for one in found:
        if one.promises and one.rounds < MOST_ROUNDS:
            open_ones.append(one.point)
    return open_ones[:CARRIED]


def _allowed(blocks: Sequence[SearchBlock]) -> float:
    """Return by how much V0's own score is better than what is asked."""
    for block in blocks:
        if block.baseline.margin is not None:
            return max(SMALLEST_ALLOWED, block.baseline.margin)
    return SMALLEST_ALLOWED


SMALLEST_ALLOWED = 1e-3
"""Loss of score that proposals count with, where V0 itself hardly keeps what is asked."""
