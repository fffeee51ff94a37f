"""What earlier results say that cells will cost."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.types import Cell


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


def forecast(
    asked: Sequence[Cell], earlier: Iterable[Mapping[str, Any]], like: Mapping[str, Like]
) -> Forecast | None:
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
        seconds=sum(
            statistics.median(s for s, _, _ in taken) * cell.rounds for cell, taken in found
        ),
        joules=sum(
            j * cell.rounds for j, (cell, _) in zip(joules, found, strict=True) if j is not None
        )
        if known
        else None,
        sources=tuple(sorted({source for _, taken in found for _, _, source in taken if source})),
        known=len(found),
        asked=len(asked),
    )


def _taken(
    cell: Cell, runs: Sequence[Mapping[str, Any]], like: Like
) -> list[tuple[float, float | None, str]]:
    """Seconds, joules and energy source of each earlier round of ``cell``."""
    return [
        (
            r["seconds"],
            r["energy"]["total_j"],
            "+".join(sorted(set(r["energy"]["sources"].values()) - {"none"})),
        )
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
