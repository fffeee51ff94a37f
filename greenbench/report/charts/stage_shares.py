"""What each stage takes of a cell's mean round, and which of that was not measured in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.analysis.measures import stage_value, whole_value
from greenbench.options import STAGES
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.results.reading import CellRecord
    from greenbench.types import Round

OUTSIDE = "outside"
"""What the round took outside of its stages."""
UNRESOLVED = "unresolved"
"""What stages took together whose own joules no counter resolved."""
NEGLIGIBLE = 0.005
"""Share of a round below which what is outside of its stages is not drawn."""
REUSED, REPEATED = "reused", "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageShare:
    """What a stage takes of a cell's mean round."""

    stage: str
    """``training``, ..., ``outside`` or ``unresolved``."""
    amount: float
    state: str = ""
    """``reused`` or ``repeated``, if that holds for any round; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedCell:
    """The stages of a cell in one measure."""

    cell: str
    is_baseline: bool
    total: float
    shares: tuple[StageShare, ...]


def stacked_cell(cell: CellRecord, measure: str) -> StackedCell | None:
    """Return what each stage of a cell takes on average; None if the whole is unknown."""
    total = _mean([whole_value(measure, one_round) for one_round in cell.rounds])
    if total is None:
        return None
    shares = []
    unresolved = False
    for stage in STAGES:
        values = [stage_value(measure, one_round, stage) for one_round in cell.rounds]
        amount = _mean(values)
        if amount is None:
            unresolved = True
        elif amount > 0:
            shares.append(StageShare(stage=stage, amount=amount, state=_state(cell, stage)))
    rest = total - sum(share.amount for share in shares)
    if rest > NEGLIGIBLE * total:
        shares.append(StageShare(stage=UNRESOLVED if unresolved else OUTSIDE, amount=rest))
    return StackedCell(
        cell=cell.id, is_baseline=is_baseline(cell.variant), total=total, shares=tuple(shares)
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return sum(known) / len(known)


def _state(cell: CellRecord, stage: str) -> str:
    if any(_is_reused(one_round, stage) for one_round in cell.rounds):
        return REUSED
    for one_round in cell.rounds:
        if any(window.stage == stage for window in one_round.repeats):
            return REPEATED
    return ""


def _is_reused(one_round: Round, stage: str) -> bool:
    return any(window.stage == stage for window in one_round.reused)
