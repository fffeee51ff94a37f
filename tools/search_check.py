"""Searches simulated spaces whose best point is known, and prints how often it is found.

    python -m tools.search_check                    # 200 spaces of 10,000 points
    python -m tools.search_check --runs 20 --evaluations 60
    python -m tools.search_check --gentle           # scores that fall little by little

Each run draws a space of five knobs with 10 x 10 x 5 x 5 x 4 levels: one whose effect has its least
in the middle, one that saves with each step until it ruins the score, two with choices of which
some cost and one ruins the score, and one that does nothing. Two pairs of knobs act on each other.
A round's joules vary by 3 %, on top of a state of the machine of 5 % whose memory is 0.85 from a
round to the next. Where scores are ``--gentle``, each step of the second knob costs a third of what
may be lost, so that settings which break the score do so by little. Scores are those of 1,000
validation rows and of 1,000 test rows: a point's difference from V0 errs by as much as the rows
that the two answer differently say, once for all its rounds on the same rows, and by 0.003 more
with each seed.

On the same spaces: the search as it is, with random points in place of proposals, and what looks
best after as many single measurements of random points, without any confirmation.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from greenbench.search.budget import SearchBudget
from greenbench.search.confirmation import judge
from greenbench.search.course import Course
from greenbench.search.proposals import (
    OptunaProposer,
    Proposer,
    RandomProposer,
    SurfaceProposer,
    Together,
)
from greenbench.search.racing import SearchRules, standings
from greenbench.search.readings import CONFIRMATION, BlockPlan, PointReading, SearchBlock
from greenbench.search.space import Axis, Space

if TYPE_CHECKING:
    from greenbench.search.space import Point

LEVELS = (10, 10, 5, 5, 4)
ALLOWED = 0.02
"""How much of the score may be lost."""
ROWS = 1000
SEEDS = 0.003
"""Standard deviation of a score's difference by the seed."""
GENTLE = ALLOWED / 3
"""What each step of the second knob costs where scores fall little by little."""
WHITE, STATE, MEMORY = 0.03, 0.05, 0.85
CLOSE = 1.05


class FreeSpace(Space):
    """A space in which all knobs can stand together."""

    def impossible(self, _point: Point) -> str:
        """Refuse nothing."""
        return ""


def space() -> Space:
    """Return the space, whose knobs are only names."""
    names = (
        "data.batch_size",
        "inference.skip_layers",
        "architecture.weight_format",
        "inference.engine",
        "data.workers",
    )
    axes = []
    for name, count, baseline in zip(names, LEVELS, (2, 0, 0, 0, 0), strict=True):
        ordered = count == max(LEVELS) or name == "data.workers"
        levels = tuple(range(count))
        axes.append(Axis(knob=name, levels=levels, baseline=baseline, ordered=ordered))
    return FreeSpace(axes=tuple(axes))


@dataclass
class SimulatedSpace:
    """Cells whose joules and scores are planted."""

    seed: int
    gentle: bool = False
    """Whether the score falls little by little, and not from a step on."""
    space: Space = field(default_factory=space)

    def __post_init__(self) -> None:
        """Draw what the knobs do."""
        draw = np.random.default_rng([20261130, self.seed])
        self._noise = np.random.default_rng([20261201, self.seed])
        self._state = self._noise.normal()
        middle = draw.uniform(4, 8)
        depth = draw.uniform(0.15, 0.4)
        width = draw.uniform(3, 5)
        steps = np.arange(10)
        batch = depth * ((steps - middle) / width) ** 2
        self._single = [
            np.minimum(batch, 0.6),
            -draw.uniform(0.03, 0.07) * steps,
            np.array([0, *draw.permutation([-0.5, -0.3, 0.2, -0.6])]),
            np.array([0, *draw.permutation([-0.15, 0.3, -0.25, 0.05])]),
            np.zeros(4),
        ]
        self._cliff = int(draw.integers(4, 8))
        self._ruins = 1 + int(np.argmin(self._single[2][1:]))  # the most saving format is too rough
        self._saves = [int(np.argmin(self._single[3])), int(np.argsort(self._single[2])[1])]
        self._rows: dict[tuple[Point, bool], float] = {}

    def effect(self, point: Point) -> float:
        """Return the logarithm of what a point takes relative to V0."""
        total = 0.0
        for level, baseline, effects in zip(point, self.space.baseline, self._single, strict=True):
            total += effects[level] - effects[baseline]
        if point[3] == self._saves[0] and point[2] == self._saves[1]:
            total += 0.12  # both spare the same work
        return float(total)

    def change(self, point: Point) -> float:
        """Return the score of a point minus V0's, over all rows that there could be."""
        cliff = self._cliff - (point[2] == self._saves[1])  # rougher weights bear fewer layers
        lost = (GENTLE if self.gentle else 0.0006) * point[1]
        if point[1] > cliff and not self.gentle:
            lost += 0.05 * (point[1] - cliff)
        if point[2] == self._ruins:
            lost += 0.12
        elif point[2]:
            lost += 0.002
        return -min(lost, 0.8)

    def best(self) -> float:
        """Return what the best point that keeps the score takes."""
        kept = [point for point in self.space.every() if self.change(point) >= -ALLOWED]
        return min(self.effect(point) for point in kept)

    def refusal(self, _point: Point) -> str:
        """Refuse nothing."""
        return ""

    def measure(self, plan: BlockPlan) -> SearchBlock:
        """Draw a block."""
        order: list[Point] = [self.space.baseline, *plan.points]
        if plan.backwards:
            order.reverse()
        values = {}
        for point in order:
            values[point] = self._reading(point, test=plan.confirms)
        baseline = values.pop(self.space.baseline)
        joules = sum(reading.value or 0.0 for reading in (baseline, *values.values()))
        return SearchBlock(
            plan=plan, baseline=baseline, readings=values, joules=joules, seconds=joules
        )

    def _reading(self, point: Point, *, test: bool) -> PointReading:
        fresh = self._noise.normal()
        self._state = MEMORY * self._state + math.sqrt(1 - MEMORY**2) * fresh
        noise = STATE * self._state + self._noise.normal(0, WHITE)
        joules = 100 * math.exp(self.effect(point) + noise)
        if point == self.space.baseline:
            return PointReading(
                value=joules, seconds=joules, margin=ALLOWED, low=ALLOWED, high=ALLOWED
            )
        change = self.change(point)
        standard = math.sqrt((abs(change) + 0.005) / ROWS)
        key = (point, test)
        if key not in self._rows:
            self._rows[key] = float(self._noise.normal(0, standard))
        margin = ALLOWED + change + self._rows[key] + self._noise.normal(0, SEEDS)
        half = 1.96 * standard
        return PointReading(
            value=joules, seconds=joules, margin=margin, low=margin - half, high=margin + half
        )


@dataclass(frozen=True)
class Outcome:
    """What a search of a simulated space recommends."""

    found: bool
    """Whether it recommends anything."""
    excess: float = math.inf
    """What that takes, relative to the best point."""
    violates: bool = False
    evaluations: int = 0
    rounds: int = 0


def searched(world: SimulatedSpace, evaluations: int, proposer: Proposer) -> Outcome:
    """Search a space, and return what was confirmed."""
    rules = SearchRules()
    budget = SearchBudget(counts="evaluations", most=evaluations, text=str(evaluations))
    course = Course(
        space=world.space,
        rules=rules,
        budget=budget,
        proposer=proposer,
        refusal=world.refusal,
        seed=world.seed,
    )
    blocks: list[SearchBlock] = []
    while plan := course.next_plan(blocks):
        blocks.append(world.measure(plan))
    measured = sum(len(block.readings) for block in blocks)
    confirming = [block for block in blocks if block.plan.phase == CONFIRMATION]
    if confirming:
        best, *_ = judge(confirming[0].plan.points, confirming, rules)
        if best.confirmed:
            return outcome(world, best.point, measured, measured + len(blocks))
    return Outcome(found=False, evaluations=measured)


def best_seen(world: SimulatedSpace, evaluations: int, proposer: Proposer) -> Outcome:
    """Measure points once each, and return the best that seems to keep the score."""
    course = Course(
        space=world.space,
        rules=SearchRules(),
        proposer=proposer,
        refusal=world.refusal,
        budget=SearchBudget(counts="evaluations", most=1e6, text=""),
        seed=world.seed,
    )
    blocks: list[SearchBlock] = []
    left = evaluations
    while left > 0:
        plan = course.next_plan(blocks)
        if plan is None:
            break
        blocks.append(world.measure(plan))
        left -= len(plan.points)
    best, *_ = standings(blocks, SearchRules())
    return outcome(world, best.point, evaluations, evaluations + len(blocks))


def outcome(world: SimulatedSpace, point: Point, evaluations: int, rounds: int) -> Outcome:
    """Return how good a point truly is."""
    return Outcome(
        found=True,
        excess=math.exp(world.effect(point) - world.best()),
        violates=world.change(point) < -ALLOWED,
        evaluations=evaluations,
        rounds=rounds,
    )


WAYS = {
    "search: surface and Optuna": (searched, Together(SurfaceProposer(), OptunaProposer())),
    "search: surface alone": (searched, SurfaceProposer()),
    "search: Optuna alone": (searched, OptunaProposer()),
    "search: random points": (searched, RandomProposer()),
    "best seen of the search's points, not confirmed": (
        best_seen,
        Together(SurfaceProposer(), OptunaProposer()),
    ),
    "best seen of random points, not confirmed": (best_seen, RandomProposer()),
}


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--only", default="", help="ways whose name has this text")
    parser.add_argument("--gentle", action="store_true", help="scores fall little by little")
    options = parser.parse_args()
    print(
        "| way | recommends | within 5 % of the best | breaks the score | takes, median | "
        "rounds with V0's |"
    )
    print("|---|---|---|---|---|---|")
    for name, (way, proposer) in WAYS.items():
        if options.only in name:
            outcomes = []
            for seed in range(options.runs):
                world = SimulatedSpace(seed, options.gentle)
                outcomes.append(way(world, options.evaluations, proposer))
            print(row(name, outcomes), flush=True)


def row(name: str, outcomes: list[Outcome]) -> str:
    """Return a line of the table."""
    count = len(outcomes)
    found = [one for one in outcomes if one.found]
    close = sum(one.excess <= CLOSE and not one.violates for one in found)
    broken = sum(one.violates for one in found)
    median = np.median([one.excess for one in found]) if found else math.nan
    rounds = np.mean([one.rounds for one in found]) if found else math.nan
    return (
        f"| {name} | {len(found) / count:.1%} | {close / count:.1%} | {broken / count:.1%} | "
        f"{median:.3f} times the best | {rounds:.0f} |"
    )


if __name__ == "__main__":
    main()
