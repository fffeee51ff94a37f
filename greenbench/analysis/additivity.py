"""Whether the parts of a combination add up: what it takes against what they predict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis import nulls, simultaneous
from greenbench.results.consistency import SCORE_RANGES

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
    change: float | None = None
    """Observed over expected, or for scores observed minus expected."""
    low: float | None = None
    """Bounds of the 95 % interval of ``change``, which hold for all combinations at once."""
    high: float | None = None
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


class JudgedEffect(NamedTuple):
    """An effect with its simultaneous interval, and what that shows."""

    value: float
    low: float
    high: float
    verdict: str
    blocks_needed: int | None


class _Rule(NamedTuple):
    """What counts as no effect, and how effects above and below it are called."""

    margins: tuple[float, float]
    words: tuple[str, str]


def additivity(
    fitted: StageFit, combined: Sequence[CombinedCell], tolerance: float = TOLERANCE
) -> Additivity:
    """Compare each combination, all of whose parts are known, with what they predict."""
    known = fitted.having(combined)
    margins = (math.log1p(-tolerance), math.log1p(tolerance))
    by_null = []
    for null in nulls.NULLS:
        by_null.append(_under(null, fitted, known, _Rule(margins, WORDS)))
    effects = []
    for place, one in enumerate(known):
        expected = tuple(of_null[place] for of_null in by_null)
        effects.append(_effect(fitted, one, expected))
    return _all_of(fitted, effects, _warnings(fitted))


def score_additivity(fitted: ScoreFit, combined: Sequence[CombinedCell]) -> Additivity:
    """Compare the score of each combination with V0's plus what its parts add."""
    known = fitted.having(combined)
    weights = [_interaction(one, fitted.numbers) for one in known]
    means = fitted.model.means[:, 0]
    _, best = SCORE_RANGES.get(fitted.measure, (0.0, 1.0))
    margin = SCORE_TOLERANCE * best
    judged = judged_effects(
        fitted.model,
        [round(float(row @ means), ROUNDING) for row in weights],
        [row[:, None] for row in weights],
        _Rule((-margin, margin), SCORE_WORDS),
        fitted.covariance(np.array(weights)) if weights else None,
    )
    effects = []
    for one, effect in zip(known, judged, strict=True):
        observed = float(means[fitted.numbers[one.cell]])
        expected = _expected("savings", effect, observed - effect.value)
        effects.append(
            CombinedEffect(
                cell=one.cell,
                parts=one.parts,
                observed=observed,
                expected=(expected,),
                excess_by_stage={},
            )
        )
    warnings = []
    if fitted.resampled is None:
        warnings.append(f"{fitted.measure}: intervals are over seeds alone, not over test rows")
    return _all_of(fitted, effects, warnings)


def judged_effects(
    model: BlockModel,
    values: Sequence[float],
    weights: Sequence[Array],
    rule: _Rule,
    further: Array | None = None,
) -> list[JudgedEffect]:
    """Judge contrasts of a model together.

    ``further`` is a covariance that more blocks do not reduce.
    """
    if not values:
        return []
    contrasts = model.contrasts(np.array(weights), further)
    factors = simultaneous.factors(contrasts)
    effects = []
    for place, value in enumerate(values):
        standard, factor = float(contrasts.standard[place]), float(factors[place])
        low, high = value - factor * standard, value + factor * standard
        verdict = simultaneous.judge(low, high, *rule.margins, rule.words)
        needed = None
        if verdict == simultaneous.CANNOT_TELL and further is None:
            freedom = float(contrasts.freedom[place])
            spread = simultaneous.BlockSpread(standard, factor, freedom, model.blocks)
            needed = simultaneous.blocks_needed(value, spread, rule.margins)
        effects.append(JudgedEffect(value, low, high, verdict, needed))
    return effects


def _all_of(
    fitted: CellFit, effects: Sequence[CombinedEffect], warnings: Sequence[str]
) -> Additivity:
    model = fitted.model
    return Additivity(
        measure=fitted.measure,
        unit=fitted.unit,
        blocks=model.blocks,
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
    return CombinedEffect(
        cell=combined.cell,
        parts=combined.parts,
        observed=float(joules.sum()),
        expected=expected,
        excess_by_stage=dict(zip(fitted.stages, excess, strict=True)),
    )


def _under(
    null: str, fitted: StageFit, combined: Sequence[CombinedCell], rule: _Rule
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
            effect = _as_ratio(next(judged))
            found.append(_expected(null, effect, math.exp(prediction.value)))
    return found


def _as_ratio(effect: JudgedEffect) -> JudgedEffect:
    """Return an effect on logarithms as a ratio."""
    value, low, high = map(math.exp, effect[:3])
    return effect._replace(value=value, low=low, high=high)


def _expected(null: str, effect: JudgedEffect, value: float) -> Expected:
    return Expected(
        null=null,
        verdict=effect.verdict,
        value=value,
        change=effect.value,
        low=effect.low,
        high=effect.high,
        blocks_needed=effect.blocks_needed,
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
