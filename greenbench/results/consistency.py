"""Refuses records that contradict themselves: they are no evidence."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NoReturn

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.results.fields import Fields
    from greenbench.types import Energy, Metric, Round, Window

TOLERANCE = 1e-6
"""Relative difference of two numbers that should be equal."""
SCORE_RANGES = {
    "mcc": (-1.0, 1.0),
    "bleu": (0.0, 100.0),
    "chrf": (0.0, 100.0),
    "codebleu": (0.0, 100.0),
    "r2": (-math.inf, 1.0),
    "pearson": (-1.0, 1.0),
    **dict.fromkeys(("mae", "rmse", "log_loss"), (0.0, math.inf)),
}
"""Lowest and highest value of a score that is no share from 0 to 1."""
KNOWN_SHARES = frozenset(
    {
        *("pass_at_1", "compile_rate", "exact_match"),
        *("macro_f1", "f1", "precision", "recall", "roc_auc", "pr_auc"),
        *("accuracy", "weighted_f1", "brier"),
    }
)


def check_energy(energy: Energy, fields: Fields) -> None:
    """Raise UsageError if a window's stated total or scope is not that of its channels."""
    stated = fields.number("total_j")
    if "total_j" in fields and not _equal(stated, energy.total_j):
        _refuse(fields.place, f"total_j {stated:g}, and its channels sum to {energy.total_j}")
    scope = fields.texts("scope")
    if scope and set(scope) != set(energy.scope):
        known = ", ".join(energy.scope) or "none"
        _refuse(fields.place, f"scope {', '.join(scope)}, and joules are known of {known}")


def check_windows(windows: Sequence[Window], whole: Window, fields: Fields) -> None:
    """Raise UsageError if a stage took longer than its round."""
    for index, window in enumerate(windows):
        if window.seconds > whole.seconds and not _equal(window.seconds, whole.seconds):
            place = f"{fields.place}.windows[{index}]"
            stage = f"{window.seconds:g} s of {window.stage}"
            _refuse(place, f"{stage}, and its round took {whole.seconds:g} s")


def check_scores(quality: Mapping[str, Metric], fields: Fields) -> None:
    """Raise UsageError if a score lies outside of its range or of its own interval."""
    for name, metric in quality.items():
        if metric.value is None:
            continue
        low, high = score_range(name)
        slack = TOLERANCE * max(1.0, abs(high))  # a perfect BLEU is a little above 100
        if not low - slack <= metric.value <= high + slack:
            place = f"{fields.place}.{name}"
            _refuse(place, f"{metric.value:g}, and it lies from {low:g} to {high:g}")
        below = metric.low is not None and metric.low > metric.value + TOLERANCE
        above = metric.high is not None and metric.high < metric.value - TOLERANCE
        if below or above:
            bounds = f"{metric.low} to {metric.high}"
            place = f"{fields.place}.{name}"
            _refuse(place, f"{metric.value:g}, outside of its interval {bounds}")


def check_mean_scores(quality: Mapping[str, Metric], rounds: Sequence[Round], place: str) -> None:
    """Raise UsageError if a cell's score is not the mean of its rounds'."""
    if not any(one_round.judged.quality for one_round in rounds):
        return  # rounds of plain functions have no scores
    for name, metric in quality.items():
        values = []
        for one_round in rounds:
            score = one_round.judged.quality.get(name)
            if score is not None and score.value is not None:
                values.append(score.value)
        if 0 < len(values) < len(rounds):
            continue  # files of an earlier greenbench have the mean of the others: read as unknown
        mean = statistics.fmean(values) if values else None
        if not _equal(metric.value, mean):
            stated, computed = _shown(metric.value), _shown(mean)
            _refuse(f"{place}.{name}", f"{stated}, and the mean of its rounds is {computed}")


def check_rounds(rounds: Sequence[Round], place: str) -> None:
    """Raise UsageError if two rounds have one seed, or are of one block."""
    for name in ("seed", "block"):
        seen = set()
        for one_round in rounds:
            value = getattr(one_round, name)
            if value is not None and value in seen:
                _refuse(place, f"{name} {value} twice, and each round has its own")
            seen.add(value)


def check_positions(rounds: Mapping[str, Sequence[Round]], origin: str) -> None:
    """Raise UsageError if two rounds of a session, by their cells' ids, have one position."""
    cells: dict[int, str] = {}
    for cell, of_cell in rounds.items():
        for one_round in of_cell:
            position = one_round.position
            if position is None:
                continue
            if position in cells:
                twice = f"position {position} in {cells[position]} and in {cell}"
                _refuse(origin, f"{twice}, and each round of a session has its own")
            cells[position] = cell


def score_range(score: str) -> tuple[float, float]:
    """Return the lowest and the highest value of a score; those of a task's own are not known."""
    if score in SCORE_RANGES:
        return SCORE_RANGES[score]
    return (0.0, 1.0) if score in KNOWN_SHARES else (-math.inf, math.inf)


def _shown(value: float | None) -> str:
    return "no value" if value is None else f"{value:g}"


def _equal(stated: float | None, computed: float | None) -> bool:
    if stated is None or computed is None:
        return stated is computed
    return math.isclose(stated, computed, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _refuse(place: str, contradiction: str) -> NoReturn:
    raise UsageError(
        f"{place}: found {contradiction}: the record contradicts itself and is no evidence; "
        "measure it again"
    )
