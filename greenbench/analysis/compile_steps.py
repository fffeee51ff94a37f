"""From how many optimizer steps on a compiled training pays: what is done once against each step.

Compiling is a window of the architecture stage, so the seconds that a cell's stage takes more than
V0's are those of compiling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from greenbench.analysis.break_even import TAILS, stage_draws

if TYPE_CHECKING:
    from greenbench.analysis.evidence import TaskEvidence
    from greenbench.analysis.fits import StageFit

KNOB = ("training.compile", "True")
ONCE, RECURRING = "architecture", "training"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCrossover:
    """The number of optimizer steps at which a compiled training and V0's have taken as long."""

    cell: str
    blocks: int
    """Rounds of the cell that it is estimated from."""
    steps: float | None
    """None if no number of steps makes up for compiling."""
    low: float | None = None
    """Bounds of the 95 % interval, of this cell alone."""
    high: float | None = None
    """None if it may never be reached."""
    reason: str = ""
    """Why there is no such number, in a clause."""


def step_crossovers(fitted: StageFit, evidence: TaskEvidence) -> dict[str, StepCrossover]:
    """Return it for each cell that compiles its training, by id; ``fitted`` are seconds."""
    steps = _steps(evidence)
    if not steps or not {ONCE, RECURRING} <= set(fitted.stages):
        return {}
    found = {}
    for number, name in enumerate(fitted.cells):
        cell = evidence.cells[name]
        if KNOB in cell.on:
            found[name] = _crossover(fitted, number, steps, len(cell.rounds))
    return found


def _crossover(fitted: StageFit, number: int, steps: int, blocks: int) -> StepCrossover:
    cell = fitted.cells[number]
    once, recurring = fitted.stages.index(ONCE), fitted.stages.index(RECURRING)
    seconds = np.exp(fitted.model.means[[0, number]])
    draws = stage_draws(fitted, number)
    more = seconds[1] - seconds[0]
    if more[recurring] >= 0:
        ratio = seconds[1, recurring] / seconds[0, recurring]
        low, high = np.quantile(draws[:, 1, recurring] / draws[:, 0, recurring], TAILS).tolist()
        slower = f"a step takes {ratio:.2f} times as long as V0's ({low:.2f} to {high:.2f})"
        return StepCrossover(cell=cell, blocks=blocks, steps=None, reason=slower)
    drawn = draws[:, 1] - draws[:, 0]
    saved = -drawn[:, recurring]
    reached = saved > 0
    points = np.where(reached, steps * drawn[:, once] / np.where(reached, saved, 1.0), np.inf)
    low, high = np.quantile(np.maximum(points, 0.0), TAILS, method="nearest").tolist()
    return StepCrossover(
        cell=cell,
        blocks=blocks,
        steps=max(0.0, float(-steps * more[once] / more[recurring])),
        low=low,
        high=high if math.isfinite(high) else None,
    )


def _steps(evidence: TaskEvidence) -> int | None:
    """Return the optimizer steps of V0's training."""
    for one_round in evidence.baseline.rounds.values():
        return one_round.work.get("optimizer_steps")
    return None
