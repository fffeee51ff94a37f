"""A small space whose points take and score what is planted, for the tests of the search."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from greenbench.search.readings import SEARCH, BlockPlan, PointReading, SearchBlock
from greenbench.search.space import Point, Space, axis_of

SPACE = Space(
    axes=(
        axis_of("data.batch_size", [8, 64, 128]),
        axis_of("training.precision", ["bf16"]),
        axis_of("inference.skip_layers", [0.1, 0.2, 0.3]),
    )
)
ALLOWED = 0.02


@dataclass
class Planted:
    """Measures points of ``SPACE``: each larger batch saves 10 %, each skipped step 15 %.

    The last step ruins the score, and bf16 costs 20 %.
    """

    noise: float = 0.01
    same: bool = False
    """Whether every point takes what V0 takes."""
    half: float = 0.01
    """Half of the width of a score's interval."""
    seed: int = 0
    measured: list[BlockPlan] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin to draw."""
        self._draw = np.random.default_rng(self.seed)

    def refusal(self, _point: Point) -> str:
        """Refuse nothing."""
        return ""

    def measure(self, plan: BlockPlan) -> SearchBlock:
        """Draw a block."""
        self.measured.append(plan)
        state = self._draw.normal(0, 0.1)
        everything = {}
        for point in (SPACE.baseline, *plan.points):
            everything[point] = self.reading(point, state)
        baseline = everything.pop(SPACE.baseline)
        joules = 100.0 * (1 + len(plan.points))
        return SearchBlock(
            plan=plan, baseline=baseline, readings=everything, joules=joules, seconds=1.0
        )

    def reading(self, point: Point, state: float = 0.0) -> PointReading:
        """Return a round of a point while the machine is in a state."""
        batch, precision, skipped = point
        effect = -0.1 * (batch - 1) + 0.2 * precision - 0.15 * skipped
        if self.same:
            effect = 0.0
        value = 100 * math.exp(effect + state + self._draw.normal(0, self.noise))
        lost = 0.2 if skipped == 3 else 0.002 * skipped
        margin = ALLOWED - lost
        half = self.half if skipped else 0.0
        return PointReading(
            value=value, seconds=value, margin=margin, low=margin - half, high=margin + half
        )


def block(number: int, world: Planted, *points: Point) -> SearchBlock:
    """Return one measured block of a search."""
    return world.measure(BlockPlan(number=number, phase=SEARCH, points=points))
