"""What pytest prints after collection: a plan, a forecast, or that no cell is selected."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.plugin.errors import usage_errors
from greenbench.report import cost, factorial
from greenbench.report.texts import printable
from greenbench.run.plan import forecast_keys, plan_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.run.session import Session
    from greenbench.types import Cell


def outlook(session: Session, cells: Sequence[Cell], *, collect_only: bool) -> list[str]:
    """Return what the run will cost, if earlier results tell; all that is known, for a plan.

    The lines are safe to print.
    """
    return list(map(printable, _lines(session, cells, collect_only=collect_only)))


def _lines(session: Session, cells: Sequence[Cell], *, collect_only: bool) -> list[str]:
    if collect_only and not session.settings.plan:
        return []
    combinations = [] if session.factorial is None else factorial.lines(session.factorial)
    return [*combinations, *_cost_lines(session, cells)]


def _cost_lines(session: Session, cells: Sequence[Cell]) -> list[str]:
    if not cells and session.offered:
        return [f"greenbench: no cell is selected; there are {', '.join(session.offered)}"]
    if session.settings.plan:
        session.selected = tuple(cells)
        with usage_errors():
            return plan_lines(session)
    measured = session.selected
    if session.settings.block is not None:
        measured = tuple(replace(cell, rounds=1) for cell in measured)
    return cost.lines(session.settings.results, measured, forecast_keys(session))
