"""After how many inferences a dearer preparation pays: what is done once against what recurs.

Data, architecture and training are done once, inference for every row that is scored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from greenbench.analysis.simultaneous import drawn

if TYPE_CHECKING:
    from greenbench.analysis.evidence import TaskEvidence
    from greenbench.analysis.fits import StageFit
    from greenbench.stats.shrinkage import Array

RECURRING = "inference"
TAILS = (0.025, 0.975)
LARGEST = 200.0
"""Logarithm of joules beyond any that are: what is computed from them stays finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The number of inferences at which a variant and V0 have taken the same."""

    cell: str
    pays: Literal["after", "until"]
    """``after``: it costs more once, and less each time. ``until``: the other way round."""
    inferences: float
    low: float
    """Bounds of the 95 % interval, of this cell alone."""
    high: float | None
    """None if it may never be reached."""


def break_even(fitted: StageFit, evidence: TaskEvidence) -> list[BreakEven]:
    """Return the break-even point of each cell that has one.

    There is none where a variant costs less, or more, both once and each time.
    """
    rows = _scored_rows(evidence)
    if not rows or RECURRING not in fitted.stages:
        return []
    found = []
    for number in range(1, len(fitted.cells)):
        point = _point(fitted, number, rows)
        if point is not None:
            found.append(point)
    return found


def _point(fitted: StageFit, number: int, rows: int) -> BreakEven | None:
    """Return the point of a cell; None if it has none."""
    recurring = fitted.stages.index(RECURRING)
    means = fitted.model.means[[0, number]]
    once, each = _differences(np.exp(means)[None], recurring)
    if once[0] * each[0] >= 0:
        return None
    points = rows * _drawn_points(fitted, number, recurring)
    low, high = np.quantile(points, TAILS, method="nearest").tolist()
    inferences = -rows * once[0] / each[0]
    return BreakEven(
        cell=fitted.cells[number],
        pays="after" if once[0] > 0 else "until",
        inferences=float(inferences),
        low=low,
        high=high if math.isfinite(high) else None,
    )


def _differences(joules: Array, recurring: int) -> tuple[Array, Array]:
    """Return what a cell takes more than V0 once, and for all rows; ``joules`` by draw and cell."""
    more = joules[:, 1] - joules[:, 0]
    each = more[:, recurring]
    return more.sum(axis=1) - each, each


def _drawn_points(fitted: StageFit, number: int, recurring: int) -> Array:
    """Return the break-even point of each draw, in passes over all rows; infinite for never."""
    once, each = _differences(stage_draws(fitted, number), recurring)
    reached = np.sign(once) != np.sign(each)
    points: Array = np.where(reached, -once / np.where(each, each, 1.0), np.inf)
    return points


def stage_draws(fitted: StageFit, number: int) -> Array:
    """Return draws of what V0's stages and those of a cell take, by draw, cell and stage."""
    cells, stages = fitted.model.means.shape
    weights = np.zeros((2 * stages, cells, stages))
    for stage in range(stages):
        weights[stage, 0, stage] = 1.0
        weights[stages + stage, number, stage] = 1.0
    means = fitted.model.means[[0, number]]
    draws = drawn(means.ravel().tolist(), fitted.model.contrasts(weights), 3)
    draws = np.clip(draws, -LARGEST, LARGEST)  # a degree of freedom or two has endless tails
    taken: Array = np.exp(draws.reshape(-1, 2, stages))
    return taken


def _scored_rows(evidence: TaskEvidence) -> int | None:
    for one_round in evidence.baseline.rounds.values():
        return one_round.work.get("samples_scored")
    return None
