"""Which two sets of knobs interact, and in which stage: a linear model of logarithms on knob sets.

    log(joules of a stage) = V0 + each knob set that is on + each two of them that are on together

A knob set is what a cell turns on in one stage of the pipeline. All cells take part, so a pair's
effect is estimated from more cells than a combination and its parts have (Jain 1991, ch. 17), and
fractions of a factorial design do too. Three-way effects are taken to be none; effects that the
measured cells cannot tell apart are left out.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis.additivity import TOLERANCE, WORDS
from greenbench.analysis.simultaneous import Bounded, Rule, judge, together
from greenbench.options import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.evidence import AnalysedCell, TaskEvidence
    from greenbench.analysis.fits import StageFit
    from greenbench.stats.shrinkage import Array

ESTIMABLE = 1e-6


class StageKnobs(NamedTuple):
    """What some cells turn on in one stage."""

    stage: str
    knobs: tuple[tuple[str, str], ...]
    """With their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairEffect:
    """What two knob sets do together beyond what each does alone, in one stage's window."""

    first: StageKnobs
    second: StageKnobs
    stage: str
    """Whose joules: a knob set may act on any stage."""
    change: Bounded
    """What the stage takes, as a multiple of what the two predict; the interval holds for all pairs
    and stages at once."""
    verdict: str


def pair_effects(
    fitted: StageFit, evidence: TaskEvidence, tolerance: float = TOLERANCE
) -> list[PairEffect]:
    """Return the effects of all pairs that can be told apart, in every stage."""
    sets = [_stage_knobs(evidence.cells[name]) for name in fitted.cells]
    known = sorted(set().union(*sets))
    pairs = []
    for first, second in itertools.combinations(known, 2):
        if any({first, second} <= own for own in sets):
            pairs.append((first, second))
    found = _estimable(_design(sets, known, pairs), pairs)
    names, values, weights = [], [], []
    for pair, row in found.items():
        for column, stage in enumerate(fitted.stages):
            own = np.zeros_like(fitted.model.means)
            own[:, column] = row
            names.append((*pair, stage))
            values.append(float((own * fitted.model.means).sum()))
            weights.append(own)
    if not values:
        return []
    rule = Rule(math.log1p(-tolerance), math.log1p(tolerance), *WORDS)
    effects = []
    for (first, second, stage), effect in zip(
        names, together(fitted.model, values, weights), strict=True
    ):
        verdict = judge(effect, rule)
        ratio = effect.as_ratio
        effects.append(
            PairEffect(first=first, second=second, stage=stage, change=ratio, verdict=verdict)
        )
    return effects


def _stage_knobs(cell: AnalysedCell) -> set[StageKnobs]:
    """Return what a cell turns on, stage by stage."""
    found = set()
    for stage in STAGES:
        own = sorted(pair for pair in cell.on if pair[0].startswith(f"{stage}."))
        if own:
            found.add(StageKnobs(stage, tuple(own)))
    return found


def _design(
    sets: Sequence[set[StageKnobs]],
    known: Sequence[StageKnobs],
    pairs: Sequence[tuple[StageKnobs, StageKnobs]],
) -> Array:
    """Return a row for each cell: 1, the knob sets that are on, and the pairs that are."""
    rows = []
    for own in sets:
        row = [1.0]
        for one in known:
            row.append(float(one in own))
        for first, second in pairs:
            row.append(float(first in own and second in own))
        rows.append(row)
    return np.array(rows)


def _estimable(
    design: Array, pairs: Sequence[tuple[StageKnobs, StageKnobs]]
) -> Mapping[tuple[StageKnobs, StageKnobs], Array]:
    """Return the weights of the cells in each pair's effect, for those the cells can tell apart."""
    solve = np.linalg.pinv(design)
    resolved = solve @ design
    first = design.shape[1] - len(pairs)
    found = {}
    for place, pair in enumerate(pairs, start=first):
        alone = np.zeros(design.shape[1])
        alone[place] = 1.0
        if np.abs(resolved[place] - alone).max() < ESTIMABLE:
            found[pair] = solve[place]
    return found
