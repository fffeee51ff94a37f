"""Scores what a suite's functions predict, by the ``score`` that the suite wrote.

A score with a value for each row is their mean, with an interval by the bootstrap over rows, and is
compared row by row with other cells. A score that is one number has no interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.tasks.dummies import DummyBaselines
from greenbench.tasks.functions.rows import contents_sha256, row_count, row_digests
from greenbench.tasks.functions.words import answered_rows
from greenbench.types import MOST_ANSWERED, Judged, Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.protocols import Opaque
    from greenbench.stats.classification_scores import Array
    from greenbench.stats.row_answers import Means
    from greenbench.tasks.dummies import Lead
    from greenbench.tasks.functions.functions import TaskFunctions
    from greenbench.tasks.functions.splits import FunctionSplits
    from greenbench.types import AnsweredRow

FEWEST_ROWS = 2
"""Rows from which on one answer for all is no prediction."""


class Predictions:
    """What ``predict`` returned; its ``repr`` is a checksum of all of it."""

    def __init__(self, values: Opaque, where: str, by: str = "predict") -> None:
        """Keep ``values``; of an iterator those that it gives.

        ``where`` begins what is said of them, and ``by`` is what returned them.
        """
        is_listed = hasattr(values, "__len__") or not hasattr(values, "__iter__")
        self.values = values if is_listed else list(values)
        self.where, self.by = where, by
        self.what = f"{where}: what {by} returned"

    def __repr__(self) -> str:
        """Return the checksum of the contents: equal if and only if all predictions are.

        Raises UsageError for predictions without one.
        """
        return contents_sha256(self.values, self.what)


@dataclass(frozen=True, slots=True)
class ScoreValues:
    """What ``score`` gave: numbers, and values by row."""

    numbers: dict[str, float] = field(default_factory=dict)
    by_row: dict[str, Array] = field(default_factory=dict)


def judge(
    functions: TaskFunctions,
    splits: FunctionSplits,
    predictions: Predictions,
    baselines: DummyBaselines,
) -> Judged:
    """Score the predictions for the test rows; raises UsageError for what ``score`` gave."""
    scored = score(functions, splits, predictions)
    means = _means(scored, splits, functions)
    rows = splits.test_rows
    quality = {}
    for name, value in scored.numbers.items():
        quality[name] = Metric(value=value, n=rows, higher_is_better=functions.directions[name])
    drawn: dict[str, Array] = {}
    if means is not None:
        drawn = _drawn(means)
        quality |= _with_intervals(means, drawn, functions.directions)
    primary = functions.primary
    lead = _leads(baselines, quality[primary], drawn.get(primary), primary)
    return Judged(
        quality=quality,
        doubts=(*_doubts(scored), *_unbeaten(baselines, lead, primary)),
        correct=None if means is None or means.right is None else int(means.right.sum()),
        references=baselines.with_leads(lead),
        outcomes=_kept(means),
        degenerate=_degenerate(predictions, rows),
        answered=_in_words(splits, predictions, primary, means),
    )


def _in_words(
    splits: FunctionSplits, predictions: Predictions, primary: str, means: Means | None
) -> tuple[AnsweredRow, ...]:
    """Return test rows with predictions, and the primary score of each where it is known."""
    if means is None:
        return answered_rows(splits.test, predictions.values, (), None)
    outcomes = []
    for value in means.values.get(primary, ())[:MOST_ANSWERED]:
        outcomes.append(f"{primary} {value:.4g}")
    right = None
    if means.right is not None:
        right = means.right.tolist()
    return answered_rows(splits.test, predictions.values, outcomes, right)


def score(
    functions: TaskFunctions, splits: FunctionSplits, predictions: Predictions
) -> ScoreValues:
    """Call ``score`` and look at what it gives; raises UsageError."""
    where, rows = functions.where, splits.test_rows
    _refuse_single_values(predictions)
    answered = row_count(predictions.values, predictions.what)
    if answered != rows:
        raise UsageError(
            f"{where}: {predictions.by} returned {answered} predictions for {rows} rows"
        )
    given = functions.score(splits.test, predictions.values)
    if not isinstance(given, Mapping) or functions.primary not in given:
        found = ", ".join(map(str, given)) if isinstance(given, Mapping) else repr(given)
        raise UsageError(
            f"{where}: score returned {found or 'nothing'}; return each score by its name, "
            f"{functions.primary} among them: {{{functions.primary!r}: ...}}"
        )
    scored = ScoreValues()
    for name, value in given.items():
        if name not in functions.directions:
            raise UsageError(
                f"{where}: score returned {name}, and HIGHER_IS_BETTER does not say whether more "
                f"of it is better; write {{{functions.primary!r}: True, {name!r}: ...}} there"
            )
        _sort_in(scored, name, value, rows, where)
    _refuse_infinite(scored, predictions)
    return scored


def _refuse_infinite(scored: ScoreValues, predictions: Predictions) -> None:
    """Raise UsageError for a score that is NaN or infinite, be it of one row."""
    import numpy as np

    everything: dict[str, Opaque] = {**scored.numbers, **scored.by_row}
    for name, value in everything.items():
        values = np.atleast_1d(value)
        wrong = int((~np.isfinite(values)).sum())
        if wrong:
            raise UsageError(
                f"{predictions.where}: {name}, which score gives of what {predictions.by} "
                f"returned, has {wrong} of {values.size} values that are no finite numbers; "
                "return finite ones, or mend what makes them NaN or infinite"
            )


def _refuse_single_values(predictions: Predictions) -> None:
    """Raise UsageError for a tuple of single values: a tuple is taken for columns."""
    values = predictions.values
    who = f"{predictions.where}: {predictions.by}"
    if isinstance(values, tuple) and any(map(_is_single, values)):
        raise UsageError(
            f"{who} returned a tuple of {len(values)} single values, and a tuple is "
            "columns like (labels, scores); return a list with one prediction a row"
        )


def _is_single(value: Opaque) -> bool:
    is_text = isinstance(value, str | bytes)
    return is_text or getattr(value, "shape", None) == () or not hasattr(value, "__len__")


def _sort_in(scored: ScoreValues, name: str, value: Opaque, rows: int, where: str) -> None:
    """Add one score to those that are numbers, or to those by row."""
    import numpy as np

    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: score gives {name} = {value!r:.60}; give a number, or a number for each row"
        ) from error
    if values.ndim == 0:
        scored.numbers[name] = float(values)
    elif values.shape == (rows,):
        scored.by_row[name] = values
    else:
        raise UsageError(
            f"{where}: score gives {name} of shape {values.shape} for {rows} rows; give a number, "
            "or one for each row"
        )


def _means(scored: ScoreValues, splits: FunctionSplits, functions: TaskFunctions) -> Means | None:
    """Return the scores by row; None if there are none.

    A row is right whose primary score is 1, or 0 where less is better, if each row has one of both.
    """
    import numpy as np

    from greenbench.stats.row_answers import Means

    if not scored.by_row:
        return None
    deciding = scored.by_row.get(functions.primary)
    right = None
    if deciding is not None and np.isin(deciding, (0.0, 1.0)).all():
        right = deciding == (1 if functions.directions[functions.primary] else 0)
    return Means(values=scored.by_row, rows_sha256=splits.test_sha256, right=right)


def _drawn(means: Means) -> dict[str, Array]:
    from greenbench.stats import bootstrap

    return bootstrap.replicates(means)


def _with_intervals(
    means: Means, drawn: Mapping[str, Array], directions: Mapping[str, bool]
) -> dict[str, Metric]:
    from greenbench.stats import bootstrap

    quality = {}
    for name, value in means.point().items():
        bounds = bootstrap.interval(drawn[name])
        quality[name] = Metric(
            value=value,
            n=means.rows,
            higher_is_better=directions[name],
            low=bounds.low,
            high=bounds.high,
        )
    return quality


def _leads(
    baselines: DummyBaselines, metric: Metric, drawn: Array | None, primary: str
) -> dict[str, Lead]:
    """Return by how much the predictions are better than those of each baseline."""
    if metric.higher_is_better:
        return baselines.leads(primary, metric.value, drawn)
    below = DummyBaselines(
        scores={name: _negated(known) for name, known in baselines.scores.items()},
        drawn={name: _mirrored(known) for name, known in baselines.drawn.items()},
        descriptions=baselines.descriptions,
    )
    own = {} if drawn is None else _mirrored({primary: drawn})
    value = _negated({primary: metric.value})
    return below.leads(primary, value[primary], own.get(primary))


def _negated(scores: Mapping[str, float | None]) -> dict[str, float | None]:
    negated = {}
    for name, score in scores.items():
        negated[name] = None if score is None else -score
    return negated


def _mirrored(drawn: Mapping[str, Array]) -> dict[str, Array]:
    mirrored = {}
    for name, values in drawn.items():
        mirrored[name] = -values
    return mirrored


def _unbeaten(baselines: DummyBaselines, leads: Mapping[str, Lead], primary: str) -> list[str]:
    """Say which baselines the predictions are not shown to beat."""
    sentences = []
    for name, lead in leads.items():
        ahead = lead[f"{primary}_lead"]
        low = lead[f"{primary}_lead_low"]
        if ahead is None:
            continue
        if low is not None and low > 0:
            continue
        description = baselines.descriptions[name]
        known = baselines.scores[name]
        score = known[primary]
        scores = f"{description} scores {primary} {score:.3f}"
        sentences.append(f"{scores}, which the model is not shown to beat")
    return sentences


def _kept(means: Means | None) -> dict[str, object]:
    from greenbench.stats import row_answers

    return {} if means is None else dict(row_answers.record(means))


def _doubts(scored: ScoreValues) -> tuple[str, ...]:
    if not scored.numbers:
        return ()
    names = ", ".join(scored.numbers)
    return (f"{names}: no interval, as score gives one number and no value for each row",)


def _degenerate(predictions: Predictions, rows: int) -> tuple[str, ...]:
    if rows < FEWEST_ROWS:
        return ()
    different = set(row_digests(predictions.values, predictions.what))
    return (f"all {rows} predictions are the same",) if len(different) == 1 else ()


def baselines(functions: TaskFunctions, splits: FunctionSplits) -> DummyBaselines:
    """Return what the suite's own dummy predictions reach; nothing if it gives none."""
    given: Mapping[str, Opaque] = {}
    if functions.baselines is not None:
        given = _predictions_by_name(functions.baselines(splits.data), functions.where)
    scores: dict[str, dict[str, float | None]] = {}
    drawn: dict[str, dict[str, Array]] = {}
    for name, values in given.items():
        dummy = Predictions(values, functions.where, f"the baseline {name}")
        scored = score(functions, splits, dummy)
        means = _means(scored, splits, functions)
        scores[name] = dict(scored.numbers)
        drawn[name] = {}
        if means is None:
            continue
        point = means.point()
        scores[name] |= point
        drawn[name] = _drawn(means)
    return DummyBaselines(scores=scores, drawn=drawn, descriptions=_descriptions(list(scores)))


def _predictions_by_name(given: object, where: str) -> Mapping[str, Opaque]:
    """Return what ``baselines`` gave; raises UsageError for anything but a mapping."""
    if isinstance(given, Mapping):
        return given
    found = "None" if given is None else f"a {type(given).__name__}"
    raise UsageError(
        f'{where}: baselines returned {found}; return predictions by name: {{"constant": ...}}'
    )


def _descriptions(names: Sequence[str]) -> dict[str, str]:
    return {name: f"the baseline {name}" for name in names}
