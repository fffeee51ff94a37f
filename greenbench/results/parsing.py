"""Turns records of a results file back into the types that they were written from.

Every value is checked for its type; what contradicts itself is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from greenbench.results import consistency
from greenbench.results.fields import (
    Fields,
    amount,
    amounts,
    count,
    optional_count,
    optional_counts,
    optional_numbers,
    texts_by_key,
    values_of,
)
from greenbench.types import (
    ALL_CHANNELS,
    REUSABLE,
    AnsweredRow,
    Applied,
    Energy,
    Facts,
    Judged,
    Metric,
    Quantity,
    Round,
    State,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


def energy(fields: Fields) -> Energy:
    """Read the joules of a window; raises UsageError if they contradict their total or scope."""
    uncertainty = {}
    if "uncertainty_j" in fields:
        causes = fields.fields("uncertainty_j")
        for channel in ALL_CHANNELS:
            if channel in causes:
                uncertainty[channel] = amounts(causes, channel)
    joules = Energy(
        gpu_j=amount(fields, "gpu_j"),
        cpu_j=amount(fields, "cpu_j"),
        dram_j=amount(fields, "dram_j"),
        node_j=amount(fields, "node_j"),
        sources=texts_by_key(fields, "sources"),
        reasons=texts_by_key(fields, "reasons"),
        uncertainty_j=uncertainty,
        idle_j=amounts(fields, "idle_j"),
        idle_uncertainty_j=amounts(fields, "idle_uncertainty_j"),
        coarse=fields.texts("coarse"),
        doubts=fields.texts("doubts"),
    )
    consistency.check_energy(joules, fields)
    return joules


def seconds(fields: Fields) -> float:
    """Read a duration; raises UsageError if it is unknown or negative."""
    value = amount(fields, "seconds")
    if value is None:
        fields.refuse("no seconds", "a number that is not negative")
    return value


def window(fields: Fields) -> Window:
    """Read a stage's window, whose joules stand beside its seconds."""
    return Window(
        stage=fields.text("stage"),
        seconds=seconds(fields),
        energy=energy(fields),
        state=cast("State", fields.text("state", "cold")),
        passes=count(fields, "passes", 1, least=1),
    )


def metric(fields: Fields) -> Metric:
    """Read one score."""
    return Metric(
        value=fields.number("value"),
        n=count(fields, "n", 0),
        higher_is_better=fields.flag("higher_is_better", default=True),
        low=fields.number("low"),
        high=fields.number("high"),
        constant=fields.number("constant"),
        decides=fields.flag("decides", default=False),
        reason=fields.text("reason", ""),
    )


def quality(fields: Fields) -> dict[str, Metric]:
    """Read all scores of a cell or a round; raises UsageError if one is out of its range."""
    if "quality" not in fields:
        return {}
    stated = fields.fields("quality")
    scores = stated.values(metric)
    consistency.check_scores(scores, stated)
    return scores


def quantity(fields: Fields) -> Quantity:
    """Read one number with its uncertainty."""
    return Quantity(
        value=fields.number("value"),
        uncertainty=amount(fields, "uncertainty"),
        standard=amount(fields, "standard"),
        causes=amounts(fields, "causes"),
        lacks=fields.texts("lacks"),
        n=count(fields, "n", 0),
        reason=fields.text("reason", ""),
    )


def quantities(fields: Fields) -> dict[str, Quantity]:
    """Read all numbers of one kind: a cell's joules, a stage's, or those by work done."""
    return fields.values(quantity)


def judged(fields: Fields) -> Judged:
    """Read what the task said of a round's outputs; a round holds it beside its other values."""
    failures = {}
    for reason, number in optional_counts(fields, "failures").items():
        failures[reason] = number or 0
    return Judged(
        quality=quality(fields),
        failures=failures,
        correct=optional_count(fields, "correct"),
        references=values_of(fields, "references", optional_numbers),
        outcomes=outcomes(fields.fields("outcomes")),
        degenerate=fields.texts("degenerate"),
        tools=texts_by_key(fields, "tools"),
        answered=fields.each("answered", answered_row),
    )


def answered_row(fields: Fields) -> AnsweredRow:
    """Read a test row in words, with the answer to it."""
    right = None
    if "right" in fields:
        right = fields.flag("right", default=False)
    return AnsweredRow(
        row=count(fields, "row"),
        source=fields.text("source"),
        expected=fields.text("expected"),
        output=fields.text("output"),
        outcome=fields.text("outcome"),
        right=right,
        cut=count(fields, "cut", 0),
    )


def outcomes(fields: Fields) -> Facts:
    """Read the answers to each example, which stay as they are; raises UsageError without n."""
    if fields.whole():
        count(fields, "n")
    return fields.whole()


def applied(fields: Fields) -> Applied:
    """Read the proof of one knob."""
    values: Mapping[str, object] = fields.whole()
    return Applied(
        stage=fields.text("stage"),
        knob=fields.text("knob"),
        asked=values.get("asked"),
        got=values.get("got"),
        how=fields.text("how", ""),
        note=fields.text("note", ""),
        before=values.get("before"),
        evidence=fields.mapping("evidence"),
        proved=fields.flag("proved", default=True),
    )


def one_round(fields: Fields) -> Round:
    """Read a round: its whole window, those of its stages, and what was judged.

    Raises UsageError for a stage that took longer than the round.
    """
    whole = Window(
        stage="whole",
        seconds=seconds(fields),
        energy=energy(fields.fields("energy")),
    )
    windows = fields.each("windows", window)
    consistency.check_windows(windows, whole, fields)
    return Round(
        seed=fields.integer("seed"),
        whole=whole,
        windows=windows,
        judged=judged(fields),
        repeats=fields.each("repeats", window),
        work=optional_counts(fields, "work"),
        outputs_sha256=fields.optional_text("outputs_sha256"),
        machine=fields.mapping("machine"),
        origins=_origins(fields),
        applied=fields.each("applied", applied),
        doubts=fields.texts("doubts"),
        block=optional_count(fields, "block"),
        position=optional_count(fields, "position"),
    )


def _origins(fields: Fields) -> dict[str, Facts]:
    """Read where the stages that may be taken over were measured; nothing of others."""
    origins = {}
    for stage in REUSABLE:
        if stage not in fields:
            continue
        origin = fields.fields(stage)
        origin.optional_text("cell")
        amount(origin, "measured_seconds")
        amount(origin, "measured_j")
        if origin.whole():
            origins[stage] = origin.whole()
    return origins
