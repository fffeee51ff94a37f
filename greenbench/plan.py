"""What will run: the cells of a matrix in a profile, and what earlier results say they will cost."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from greenbench.types import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.options import Options
    from greenbench.types import Profile, Variant


def cells(task: str, variants: Sequence[Variant], profile: Profile, *, seed: int, rounds: int | None) -> tuple[Cell, ...]:
    """Return the cells of ``task``: one a variant, or one for each value of what a variant sweeps, in the matrix's order."""
    return tuple(
        Cell(
            task=task,
            variant=variant.name,
            options=options,
            profile=profile.name,
            seed=seed,
            rounds=rounds or profile.rounds,
            suffix=suffix,
        )
        for variant in variants
        for options, suffix in _swept(variant)
    )


def _swept(variant: Variant) -> Iterable[tuple[Options, str]]:
    """Yield the options and the id's suffix for each combination of swept values; without a sweep, the options alone."""
    for values in itertools.product(*variant.sweep.values()):
        options, suffix = variant.options, ""
        for knob, value in zip(variant.sweep, values, strict=True):
            options, suffix = with_knob(options, knob, value), f"{suffix}-{_short(knob)}{value}"
        yield options, suffix


def _short(knob: str) -> str:
    """``data.batch_size`` stands as ``b`` in an id (a promise to saved baselines); other knobs by their name."""
    name = knob.partition(".")[2]
    return {"batch_size": "b"}.get(name, f"{name}=")


def with_knob(options: Options, knob: str, value: Any) -> Options:
    """Return ``options`` with ``knob`` (``stage.name``) at ``value``."""
    stage, _, name = knob.partition(".")
    return replace(options, **{stage: replace(getattr(options, stage), **{name: value})})


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What earlier results say about the cells to come."""

    seconds: float
    joules: float | None
    sources: tuple[str, ...]
    known: int
    """Cells that an earlier result speaks of."""
    asked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """What an earlier cell must have had in common with the cells to come, for its cost to say something of theirs."""

    host: str
    device: str | None
    """None: whichever ``auto`` took."""
    model: str
    data: str


def forecast(asked: Sequence[Cell], earlier: Iterable[Mapping[str, Any]], like: Mapping[str, Like]) -> Forecast | None:
    """Sum what each cell took in ``earlier`` runs (median over them); None where none is known.

    Only runs of the same profile count, and of these only cells that are ``like`` their task's: on this host, with this
    model and these data.
    """
    runs = list(earlier)
    found = [(cell, taken) for cell in asked if (taken := _taken(cell, runs, like[cell.task]))]
    if not found:
        return None
    joules = [_median([j for _, j, _ in taken if j is not None]) for _, taken in found]
    known = [j for j in joules if j is not None]
    return Forecast(
        seconds=sum(statistics.median(s for s, _, _ in taken) * cell.rounds for cell, taken in found),
        joules=sum(j * cell.rounds for j, (cell, _) in zip(joules, found, strict=True) if j is not None) if known else None,
        sources=tuple(sorted({source for _, taken in found for _, _, source in taken if source})),
        known=len(found),
        asked=len(asked),
    )


def _taken(cell: Cell, runs: Sequence[Mapping[str, Any]], like: Like) -> list[tuple[float, float | None, str]]:
    """Seconds, joules and energy source of each earlier round of ``cell``."""
    return [
        (r["seconds"], r["energy"]["total_j"], "+".join(sorted(set(r["energy"]["sources"].values()) - {"none"})))
        for run in runs
        if run["profile"] == cell.profile and run["environment"].get("host") == like.host
        if like.device in {None, run["environment"].get("device")}
        for c in run["cells"]
        if c["id"] == cell.id and c["status"] != "failed"
        if (c["model"], c["data"].get("asked")) == (like.model, like.data)
        for r in c["rounds"]
    ]


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None
