"""Whether the parts of a combination add up: what it takes against what they predict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis import nulls
from greenbench.analysis.simultaneous import (
    CANNOT_TELL,
    BlockSpread,
    Bounded,
    Rule,
    blocks_needed,
    bounded,
    judge,
    together,
)
from greenbench.analysis.tolerance import scale_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.block_model import BlockModel
    from greenbench.analysis.combining import CombinedCell
    from greenbench.analysis.evidence import Exclusion
    from greenbench.analysis.fits import CellFit, ScoreFit, StageFit
    from greenbench.stats.shrinkage import Array

TOLERANCE = 0.05
"""A ratio within it of 1, either way, counts as no effect."""
SCORE_TOLERANCE = 0.02
"""And so does a difference of scores; of scores up to 100, a hundred times as much."""
WORDS = ("sub-additive", "super-additive")
"""More joules than the parts predict, and fewer."""
SCORE_WORDS = ("better", "worse")
IMPOSSIBLE = "impossible"
"""The savings of the parts exceed what V0 takes."""
OUTSIDE = 0.02
"""Share of a round outside of its stages from which on it is worth a warning."""
ROUNDING = 12
"""Decimal places beyond which a sum of scores is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the parts of a combination predict under one null hypothesis."""

    null: str
    """``stages``, ``totals`` or ``savings``; for scores ``savings`` alone."""
    verdict: str
    """``additive``, ``sub-additive``, ``super-additive``, ``cannot tell`` or ``impossible``; for
    scores ``worse`` and ``better`` than the parts predict."""
    value: float | None = None
    """In the measure's unit; None if it is impossible."""
    change: Bounded | None = None
    """Observed over expected, or for scores observed minus expected; the interval holds for all
    combinations at once."""
    blocks_needed: int | None = None
    """About how many blocks would tell; None if it is known, or 2,000 would not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedEffect:
    """A combination against its parts."""

    cell: str
    parts: tuple[str, ...]
    observed: float
    """Mean over the blocks, the geometric one where stages multiply."""
    expected: tuple[Expected, ...]
    """Under each null, the default one first."""
    excess_by_stage: Mapping[str, float]
    """Observed minus expected of each stage, in the measure's unit; empty for scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Additivity:
    """All combinations of a task in one measure."""

    measure: str
    unit: str
    blocks: int
    without_first: bool
    """Whether a first block was left out as warm-up."""
    correlation: float
    """Of the errors of neighbouring rounds."""
    combinations: tuple[CombinedEffect, ...]
    left_out: tuple[Exclusion, ...]
    warnings: tuple[str, ...] = ()
    n_of: str = "block"
    """What ``blocks`` stand for: ``host`` where a run's hosts count, and not their blocks."""


class JudgedEffect(NamedTuple):
    """An effect, what its interval shows, and the blocks that would show more."""

    effect: Bounded
    verdict: str
    blocks_needed: int | None


def additivity(
    fitted: StageFit, combined: Sequence[CombinedCell], tolerance: float = TOLERANCE
) -> Additivity:
    """Compare each combination, all of whose parts are known, with what they predict."""
    known = fitted.having(combined)
    rule = Rule(math.log1p(-tolerance), math.log1p(tolerance), *WORDS)
    by_null = []
    for null in nulls.NULLS:
        by_null.append(_under(null, fitted, known, rule))
    effects = []
    for place, one in enumerate(known):
        expected = tuple(of_null[place] for of_null in by_null)
        effects.append(_effect(fitted, one, expected))
    return _all_of(fitted, effects, _warnings(fitted))


def score_additivity(fitted: ScoreFit, combined: Sequence[CombinedCell]) -> Additivity:
    """Compare the score of each combination with V0's plus what its parts add."""
    known = fitted.having(combined)
    means = fitted.model.means[:, 0]
    margin = SCORE_TOLERANCE * scale_of(fitted.measure, float(means[0]))
    rule = Rule(-margin, margin, *SCORE_WORDS)
    effects = []
    for one, effect in zip(known, _interactions(fitted, known), strict=True):
        observed = float(means[fitted.numbers[one.cell]])
        expected = observed - effect.value
        verdict = judge(effect, rule)
        prediction = Expected(null="savings", verdict=verdict, value=expected, change=effect)
        effects.append(_combined(one, observed, (prediction,), {}))
    warnings = []
    if fitted.resampled is None:
        warnings.append(f"{fitted.measure}: intervals are over seeds alone, not over test rows")
    return _all_of(fitted, effects, warnings)


def _interactions(fitted: ScoreFit, combined: Sequence[CombinedCell]) -> list[Bounded]:
    """Return observed minus expected scores, with intervals over seeds and test rows."""
    if not combined:
        return []
    rows = np.array([_interaction(one, fitted.numbers) for one in combined])
    values = (rows @ fitted.model.means[:, 0]).round(ROUNDING)
    weights = list(rows[:, :, None])
    return together(fitted.model, values.tolist(), weights, fitted.covariance(rows))


def _combined(
    one: CombinedCell,
    observed: float,
    expected: tuple[Expected, ...],
    excess: Mapping[str, float],
) -> CombinedEffect:
    return CombinedEffect(
        cell=one.cell,
        parts=one.parts,
        observed=observed,
        expected=expected,
        excess_by_stage=excess,
    )


def judged_effects(
    model: BlockModel, values: Sequence[float], weights: Sequence[Array], rule: Rule
) -> list[JudgedEffect]:
    """Judge contrasts of a model together."""
    if not values:
        return []
    contrasts = model.contrasts(np.array(weights))
    judged = []
    for place, effect in enumerate(bounded(values, contrasts)):
        verdict = judge(effect, rule)
        needed = None
        if verdict == CANNOT_TELL:
            standard = float(contrasts.standard[place])
            freedom = float(contrasts.freedom[place])
            half = effect.high - effect.value
            spread = BlockSpread(standard, half, freedom, model.blocks)
            needed = blocks_needed(effect.value, spread, rule)
        judged.append(JudgedEffect(effect, verdict, needed))
    return judged


def _all_of(
    fitted: CellFit, effects: Sequence[CombinedEffect], warnings: Sequence[str]
) -> Additivity:
    model = fitted.model
    return Additivity(
        measure=fitted.measure,
        unit=fitted.unit,
        blocks=model.blocks,
        n_of=model.n_of,
        without_first=model.without_first,
        correlation=model.correlation,
        combinations=tuple(effects),
        left_out=fitted.left_out,
        warnings=tuple(warnings),
    )


def _effect(
    fitted: StageFit, combined: CombinedCell, expected: tuple[Expected, ...]
) -> CombinedEffect:
    numbers = fitted.numbers
    means = fitted.model.means
    parts = [numbers[part] for part in combined.parts]
    predicted = np.exp(nulls.logarithms_by_stage(means, parts))
    joules = np.exp(means[numbers[combined.cell]])
    excess = (joules - predicted).tolist()
    by_stage = dict(zip(fitted.stages, excess, strict=True))
    return _combined(combined, float(joules.sum()), expected, by_stage)


def _under(
    null: str, fitted: StageFit, combined: Sequence[CombinedCell], rule: Rule
) -> list[Expected]:
    """Return what each combination's parts predict under one null, intervals simultaneous."""
    means, numbers = fitted.model.means, fitted.numbers
    predictions = []
    changes, weights = [], []
    for one in combined:
        here = nulls.observed(means, numbers[one.cell])
        there = nulls.expected(null, means, [numbers[part] for part in one.parts])
        predictions.append(there)
        if there is not None:
            changes.append(here.value - there.value)
            weights.append(here.gradient - there.gradient)
    judged = iter(judged_effects(fitted.model, changes, weights, rule))
    found = []
    for prediction in predictions:
        if prediction is None:
            found.append(Expected(null=null, verdict=IMPOSSIBLE))
        else:
            value = math.exp(prediction.value)
            found.append(_expected(null, value, next(judged)))
    return found


def _expected(null: str, value: float, judged: JudgedEffect) -> Expected:
    return Expected(
        null=null,
        verdict=judged.verdict,
        value=value,
        change=judged.effect.as_ratio,
        blocks_needed=judged.blocks_needed,
    )


def _interaction(combined: CombinedCell, numbers: Mapping[str, int]) -> Array:
    """Return the weights of cells in observed minus expected."""
    weights = np.zeros(len(numbers))
    weights[numbers[combined.cell]] += 1
    for part in combined.parts:
        weights[numbers[part]] -= 1
    weights[0] += len(combined.parts) - 1
    return weights


def _warnings(fitted: StageFit) -> list[str]:
    warnings = []
    if fitted.outside > OUTSIDE:
        share = f"{100 * fitted.outside:.0f} % of V0's {fitted.measure}"
        warnings.append(f"{share} is outside of its stages and is in no sum here")
    if fitted.model.without_first:
        warnings.append(f"{fitted.measure}: a first block is left out as warm-up")
    return warnings
