"""Turns the answers to test rows into scores with intervals, leads over dummies, and warnings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from greenbench.tasks.dummies import DummyBaselines
from greenbench.types import AnsweredRow, Judged, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.stats.bootstrap import Interval
    from greenbench.stats.summed_answers import SummedAnswers

FEW = 30
"""Test rows below which one more right moves a score by several points."""
UNDEFINED = "it is undefined for these test rows and answers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What answers have to be better than to be a prediction at all."""

    decides: str
    """The score in which they must be."""
    constants: Mapping[str, float] = field(default_factory=dict)
    """What the best constant answer reaches in a score on the same rows, where it is known."""


def judged(
    answers: SummedAnswers,
    baselines: DummyBaselines,
    *,
    scores: Mapping[str, bool],
    primary: str,
    bar: Bar,
    degenerate: tuple[str, ...],
    answered: tuple[AnsweredRow, ...],
    doubts: Sequence[str] = (),
) -> Judged:
    """Score ``answers``; ``scores`` are the names, and whether more is better."""
    from greenbench.stats import bootstrap, summed_answers

    drawn = bootstrap.replicates(answers)
    quality = _quality(answers, bootstrap.intervals(drawn), scores, bar)
    leads = baselines.leads(primary, quality[primary].value, drawn[primary])
    warnings = list(doubts)
    count = len(answers.groups)
    if count < FEW:
        warnings.append(f"the test split has {count} rows: few for a score")
    warnings += baselines.doubts(leads, primary)
    correct = None
    if answers.right is not None:
        correct = int(answers.right.sum())
    references = baselines.with_leads(leads)
    outcomes = summed_answers.record(answers)
    return Judged(
        quality=quality,
        doubts=tuple(warnings),
        correct=correct,
        references=references,
        outcomes=outcomes,
        degenerate=degenerate,
        answered=answered,
    )


def in_words(
    number: int,
    text: str,
    expected: str,
    output: str,
    *,
    right: bool | None,
    outcome: str = "",
) -> AnsweredRow:
    """Return test row ``number`` with the answer to it, by default right or wrong."""
    if not outcome:
        outcome = "right" if right else "wrong"
    return AnsweredRow(
        row=number, source=text, expected=expected, output=output, outcome=outcome, right=right
    )


def _quality(
    answers: SummedAnswers, bounds: Mapping[str, Interval], scores: Mapping[str, bool], bar: Bar
) -> dict[str, Metric]:
    quality = {}
    count = len(answers.groups)
    for name, value in answers.point().items():
        interval = bounds[name]
        constant = bar.constants.get(name)
        decides = name == bar.decides
        metric = Metric(
            value=value,
            n=count,
            higher_is_better=scores[name],
            low=interval.low,
            high=interval.high,
            constant=constant,
            decides=decides,
        )
        if math.isnan(value):
            metric = replace(metric, value=None, low=None, high=None, reason=UNDEFINED)
        quality[name] = metric
    return quality


def dummies(
    answered: Mapping[str, SummedAnswers],
    descriptions: Mapping[str, str],
    scores: Mapping[str, bool],
) -> DummyBaselines:
    """Return dummy baselines, by what each of them answers to the test rows."""
    from greenbench.stats import bootstrap

    points: dict[str, dict[str, float | None]] = {}
    drawn = {}
    for name, answers in answered.items():
        known: dict[str, float | None] = {}
        for score, value in answers.point().items():
            known[score] = None if math.isnan(value) else value
        points[name] = known
        drawn[name] = bootstrap.replicates(answers)
    lower = tuple(score for score, more_is_better in scores.items() if not more_is_better)
    return DummyBaselines(
        scores=points, drawn=drawn, descriptions=descriptions, lower_is_better=lower
    )
