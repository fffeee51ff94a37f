"""Sums up the rounds of a cell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenbench.errors import GreenbenchError
from greenbench.results.record import cell_record
from greenbench.run.doubts import doubts_of
from greenbench.run.effects import Outputs, effect_of
from greenbench.run.efficiency import efficiency, stages
from greenbench.run.yardstick import Yardsticks
from greenbench.stats.over_seeds import DEGENERATE, collapsed, degenerate, mean_quality
from greenbench.stats.uncertainty import energies
from greenbench.types import CellResult, Round

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.pipeline import Pipeline
    from greenbench.types import Status


def status_of(rounds: tuple[Round, ...], error: str | None) -> Status:
    """``failed`` with an error, ``partial`` where a knob did not do what was asked, else ``ok``."""
    if error is not None or not rounds:
        return "failed"
    return "ok" if all(a.holds for r in rounds for a in r.applied) else "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of measuring a target."""

    result: CellResult
    record: dict[str, Any]
    """The same as plain builtins: what goes into ``extra_info`` and the results file."""
    error: Exception | None
    """Why it failed; the rounds before the failure are in the result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a session asks of all its cells."""

    say: Callable[[str], None]
    """Is told what runs."""
    require: Sequence[str] = ()
    """Channels that must be measured, or ``measured``."""
    yardsticks: Yardsticks = field(default_factory=Yardsticks)
    outputs: Outputs = field(default_factory=Outputs)


def _seen(
    done: Sequence[Round],
    pipeline: Pipeline | None,
    gauges: Sequence[dict[str, Any]],
    around: Circumstances,
) -> dict[str, Any]:
    """Return what the session knows of a pipeline's cell besides its rounds: the yardstick, effects, and doubts from both."""
    if pipeline is None:
        return {"doubts": doubts_of(done)}
    told = list(doubts_of(done))
    found: dict[str, Any] = {}
    if gauges:
        before, after = gauges[0], gauges[1] if len(gauges) > 1 else None
        found["yardstick"] = {"before": before, "after": after}
        told += around.yardsticks.doubts(before, after)
    effect, idle = effect_of(done, pipeline.cell.options)
    twins = around.outputs.twins(pipeline.cell, done)
    numbers = any("probabilities_f32" in r.outcomes for r in done)  # texts may well come out alike
    nothing = (*degenerate(done), *(twins if numbers else ()))
    told += [*collapsed(done), *(() if numbers else twins)]
    return {
        **found,
        "effect": effect,
        "without_effect": idle,
        "degenerate": nothing,
        "doubts": tuple(dict.fromkeys((*(f"{DEGENERATE}: {reason}" for reason in nothing), *told))),
    }


def _about(pipeline: Pipeline | None, name: str) -> dict[str, Any]:
    if pipeline is None:
        return {"id": name, "task": "", "variant": "", "model": ""}
    cell = pipeline.cell
    return {
        "id": cell.id,
        "task": cell.task,
        "variant": cell.variant,
        "model": pipeline.model.source,
    }


def _outcome(
    about: Mapping[str, Any],
    done: Sequence[Round],
    pipeline: Pipeline | None,
    error: Exception | None,
    seen: Mapping[str, Any],
) -> Outcome:
    rounds, failure = tuple(done), None if error is None else sentence(error)
    result = CellResult(
        **about,
        data=dict(pipeline.dataset.facts) if pipeline and rounds else {},
        checkpoint=dict(pipeline.model.facts) if pipeline and rounds else {},
        seeds=tuple(r.seed for r in rounds),
        status=status_of(rounds, failure),
        rounds=rounds,
        quality=mean_quality(rounds),
        energy=energies([r.whole.energy for r in rounds]) if rounds else {},
        stages=stages(rounds),
        efficiency=efficiency(rounds) if pipeline and rounds else {},
        error=failure,
        **seen,
    )
    return Outcome(
        result=result,
        record=cell_record(result, pipeline.cell.options if pipeline else None),
        error=error,
    )


def sentence(error: BaseException) -> str:
    """Return an exception as one line."""
    text = str(error).strip() or "no message"
    return (
        text.splitlines()[0]
        if isinstance(error, GreenbenchError)
        else f"{type(error).__name__}: {text.splitlines()[0]}"
    )
