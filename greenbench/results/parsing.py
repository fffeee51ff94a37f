"""Turns records of a results file back into the types that they were written from.

Every value is checked for its type; what contradicts itself is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from greenbench.results import consistency
from greenbench.results.fields import (
    Fields,
    numbers,
    optional_integers,
    optional_numbers,
    texts_by_key,
)
from greenbench.types import (
    CHANNELS,
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
    causes = fields.fields("uncertainty_j")
    uncertainty = {}
    for channel in CHANNELS:
        if channel in causes:
            uncertainty[channel] = numbers(causes.fields(channel))
    joules = Energy(
        gpu_j=fields.number("gpu_j"),
        cpu_j=fields.number("cpu_j"),
        dram_j=fields.number("dram_j"),
        sources=texts_by_key(fields.fields("sources")),
        reasons=texts_by_key(fields.fields("reasons")),
        uncertainty_j=uncertainty,
        idle_j=numbers(fields.fields("idle_j")),
        idle_uncertainty_j=numbers(fields.fields("idle_uncertainty_j")),
        coarse=fields.texts("coarse"),
        doubts=fields.texts("doubts"),
    )
    consistency.check_energy(joules, fields)
    return joules


def seconds(fields: Fields) -> float:
    """Read a duration; raises UsageError if it is unknown or negative."""
    value = fields.number("seconds")
    if value is None or value < 0:
        found = "no seconds" if value is None else f"{value:g} as seconds"
        fields.refuse(found, "a number that is not negative")
    return value


def window(fields: Fields) -> Window:
    """Read a stage's window, whose joules stand beside its seconds."""
    return Window(
        stage=fields.text("stage"),
        seconds=seconds(fields),
        energy=energy(fields),
        state=cast("State", fields.text("state", "cold")),
        passes=fields.integer("passes", 1),
    )


def metric(fields: Fields) -> Metric:
    """Read one score."""
    return Metric(
        value=fields.number("value"),
        n=fields.integer("n", 0),
        higher_is_better=fields.flag("higher_is_better", default=True),
        low=fields.number("low"),
        high=fields.number("high"),
        constant=fields.number("constant"),
        decides=fields.flag("decides", default=False),
        reason=fields.text("reason", ""),
    )


def quality(fields: Fields) -> dict[str, Metric]:
    """Read all scores of a cell or a round; raises UsageError if one is out of its range."""
    scores = fields.values(metric)
    consistency.check_scores(scores, fields.place)
    return scores


def quantity(fields: Fields) -> Quantity:
    """Read one number with its uncertainty."""
    return Quantity(
        value=fields.number("value"),
        uncertainty=fields.number("uncertainty"),
        standard=fields.number("standard"),
        causes=numbers(fields.fields("causes")),
        lacks=fields.texts("lacks"),
        n=fields.integer("n", 0),
        reason=fields.text("reason", ""),
    )


def quantities(fields: Fields) -> dict[str, Quantity]:
    """Read all numbers of one kind: a cell's joules, a stage's, or those by work done."""
    return fields.values(quantity)


def judged(fields: Fields) -> Judged:
    """Read what the task said of a round's outputs; a round holds it beside its other values."""
    failures = {}
    for reason, count in optional_integers(fields.fields("failures")).items():
        failures[reason] = count or 0
    return Judged(
        quality=quality(fields.fields("quality")),
        failures=failures,
        correct=fields.integer("correct") if "correct" in fields else None,
        references=fields.fields("references").values(optional_numbers),
        outcomes=outcomes(fields.fields("outcomes")),
        degenerate=fields.texts("degenerate"),
        tools=_tools(fields.fields("tools")),
    )


def _tools(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields.whole()}


def outcomes(fields: Fields) -> Facts:
    """Read the answers to each example, which stay as they are; raises UsageError without n."""
    if fields.whole():
        fields.integer("n")
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
    )


def one_round(fields: Fields) -> Round:
    """Read a round: its whole window, those of its stages, and what was judged."""
    whole = Window(
        stage="whole",
        seconds=seconds(fields),
        energy=energy(fields.fields("energy")),
    )
    return Round(
        seed=fields.integer("seed"),
        whole=whole,
        windows=fields.each("windows", window),
        judged=judged(fields),
        repeats=fields.each("repeats", window),
        work=optional_integers(fields.fields("work")),
        outputs_sha256=fields.optional_text("outputs_sha256"),
        machine=fields.mapping("machine"),
        applied=fields.each("applied", applied),
        doubts=fields.texts("doubts"),
        block=_place(fields, "block"),
        position=_place(fields, "position"),
    )


def _place(fields: Fields, name: str) -> int | None:
    """Read a round's block or position; raises UsageError if it is negative."""
    if name not in fields:
        return None
    place = fields.integer(name)
    if place < 0:
        fields.refuse(f"{name} {place}", "a whole number that is not negative")
    return place
