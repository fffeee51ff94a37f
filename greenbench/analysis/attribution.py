"""Whose saving is it: Shapley values of a combination's parts, from all combinations of them.

A part's Shapley value is what it adds, averaged over all orders in which the parts could be turned
on (Shapley, in Contributions to the Theory of Games II, 1953). It is a fixed linear contrast of the
means of the 2^k combinations, so its uncertainty is that of a contrast, and the values of all parts
sum to the whole. Nothing is estimated for a combination that was not measured.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis.additivity import ROUNDING
from greenbench.analysis.evidence import Exclusion
from greenbench.analysis.simultaneous import Bounded, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.combining import CombinedCell
    from greenbench.analysis.evidence import KnobSet, TaskEvidence
    from greenbench.analysis.fits import CellFit, ScoreFit, StageFit
    from greenbench.stats.shrinkage import Array

MOST_PARTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PartShare:
    """What one part contributes; intervals hold for all parts of the combination at once."""

    part: str
    """The cell that has it alone."""
    amount: Bounded
    """Of the saving, in the measure's unit; for scores of their difference from V0's."""
    share: Bounded | None
    """Of the whole; None if the whole is not shown to differ from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """A combination's saving, or its difference of scores, divided among its parts."""

    cell: str
    measure: str
    unit: str
    whole: Bounded
    """V0's joules minus the combination's; for scores the combination's minus V0's."""
    parts: tuple[PartShare, ...]


class Lattice(NamedTuple):
    """The cells of all combinations of some parts."""

    cell: str
    parts: tuple[str, ...]
    cells: Mapping[frozenset[int], str]
    """By the parts' numbers; V0 by the empty set."""


def lattices(
    evidence: TaskEvidence, combined: Sequence[CombinedCell]
) -> tuple[list[Lattice], list[Exclusion]]:
    """Return the largest combinations all of whose parts' combinations are measured.

    Others are named with the combinations that they lack.
    """
    complete: list[Lattice] = []
    lacking: list[Exclusion] = []
    for one in sorted(combined, key=lambda combination: -len(combination.parts)):
        found = _lattice(evidence, one)
        within = [set(one.parts) <= set(larger.parts) for larger in complete]
        if isinstance(found, Exclusion):
            lacking.append(found)
        elif not any(within):
            complete.append(found)
    return complete, lacking


def weights(parts: int) -> list[dict[frozenset[int], float]]:
    """Return, for each part, the weights of the combinations in its Shapley value."""
    of_parts = []
    for part in range(parts):
        own: dict[frozenset[int], float] = {}
        others = [other for other in range(parts) if other != part]
        for size in range(parts):
            orders = math.factorial(size) * math.factorial(parts - size - 1)
            for chosen in itertools.combinations(others, size):
                before = frozenset(chosen)
                own[before | {part}] = orders / math.factorial(parts)
                own[before] = -orders / math.factorial(parts)
        of_parts.append(own)
    return of_parts


def attribution(fitted: StageFit, lattice: Lattice) -> Attribution | None:
    """Divide a saving among parts; None if the measure lacks one of the cells."""
    table = _table(lattice, fitted.numbers)
    if table is None:
        return None
    joules = np.exp(fitted.model.means)
    values = -table @ joules.sum(axis=1)
    gradients = -table[:, :, None] * joules[None, :, :]
    return _divided(lattice, fitted, _Parts(values, gradients, None))


def score_attribution(fitted: ScoreFit, lattice: Lattice) -> Attribution | None:
    """Divide a difference of scores among parts; None if a cell lacks the score."""
    table = _table(lattice, fitted.numbers)
    if table is None:
        return None
    values = (table @ fitted.model.means[:, 0]).round(ROUNDING)
    return _divided(lattice, fitted, _Parts(values, table[:, :, None], fitted))


class _Parts(NamedTuple):
    """The contribution of each part, and its derivatives by the cells' means."""

    values: Array
    gradients: Array
    scores: ScoreFit | None

    def bounded(self, fitted: CellFit, values: Array, gradients: Array) -> list[Bounded]:
        """Return intervals of values with these gradients, over test rows too for scores."""
        further = None
        if self.scores is not None:
            further = self.scores.covariance(gradients[:, :, 0])
        return together(fitted.model, values.tolist(), list(gradients), further)


def _divided(lattice: Lattice, fitted: CellFit, parts: _Parts) -> Attribution:
    """Put intervals around the parts, their shares and the whole."""
    total = float(parts.values.sum())
    summed: Array = parts.gradients.sum(axis=0, keepdims=True)
    (whole,) = parts.bounded(fitted, np.array([total]), summed)
    amounts = parts.bounded(fitted, parts.values, parts.gradients)
    shares: list[Bounded] | list[None] = [None] * len(amounts)
    if whole.excludes_zero:
        relative = parts.values / total
        slopes = parts.gradients - relative[:, None, None] * summed
        shares = parts.bounded(fitted, relative, slopes / total)
    divided = []
    for part, amount, share in zip(lattice.parts, amounts, shares, strict=True):
        divided.append(PartShare(part=part, amount=amount, share=share))
    return Attribution(
        cell=lattice.cell,
        measure=fitted.measure,
        unit=fitted.unit,
        whole=whole,
        parts=tuple(divided),
    )


def _table(lattice: Lattice, numbers: Mapping[str, int]) -> Array | None:
    """Return the weight of each known cell (column) in each part's value (row)."""
    if not set(lattice.cells.values()) <= set(numbers):
        return None
    table = np.zeros((len(lattice.parts), len(numbers)))
    for row, own in enumerate(weights(len(lattice.parts))):
        for chosen, weight in own.items():
            table[row, numbers[lattice.cells[chosen]]] += weight
    return table


def _lattice(evidence: TaskEvidence, combined: CombinedCell) -> Lattice | Exclusion:
    """Find the cells of all combinations of a combination's parts, or name those that lack."""
    count = len(combined.parts)
    if count > MOST_PARTS:
        reason = f"it has {count} parts, and at most {MOST_PARTS} are divided among"
        return Exclusion(cell=combined.cell, reason=reason)
    cells = {}
    missing = []
    by_knobs = _by_knobs(evidence, combined)
    for chosen in _subsets(count):
        names = [combined.parts[number] for number in sorted(chosen)]
        on: set[tuple[str, str]] = set()
        for name in names:
            on |= evidence.cells[name].on
        cell = by_knobs.get(frozenset(on))
        if cell is None:
            missing.append(" with ".join(names))
        else:
            cells[chosen] = cell
    if missing:
        lacks = "; ".join(missing)
        reason = f"it is divided among its parts only if these are measured: {lacks}"
        return Exclusion(cell=combined.cell, reason=reason)
    return Lattice(combined.cell, combined.parts, cells)


def _by_knobs(evidence: TaskEvidence, combined: CombinedCell) -> dict[KnobSet, str]:
    """Return the cell that turns on some knobs; of equal ones the combination and its parts."""
    by_knobs = {}
    for name in (*evidence.cells, *combined.parts, combined.cell):
        by_knobs[evidence.cells[name].on] = name
    return by_knobs


def _subsets(count: int) -> list[frozenset[int]]:
    """Return all subsets of so many parts, the smallest first."""
    subsets = []
    for size in range(count + 1):
        for chosen in itertools.combinations(range(count), size):
            subsets.append(frozenset(chosen))
    return subsets
