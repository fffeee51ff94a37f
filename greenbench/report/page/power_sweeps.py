"""Power sweeps on the page: what each answers, and what it was measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.report.charts.sources import in_a_word
from greenbench.report.cost import plural
from greenbench.report.page.circumstances import machine_facts
from greenbench.report.sweep import answer

if TYPE_CHECKING:
    from greenbench.report.page.provenance import Fact
    from greenbench.report.report_data import ReportData
    from greenbench.results.sweep_files import SweepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerSweepView:
    """A power sweep, in words."""

    sentence: str
    """Its answer, and n."""
    cell: str
    started: str
    profile: str
    points: int
    facts: tuple[Fact, ...]
    """The machine, and where the joules come from."""
    sources: str


def power_sweeps(data: ReportData) -> tuple[PowerSweepView, ...]:
    """Return the power sweeps of a folder."""
    return tuple(_view(sweep) for sweep in data.sweeps)


def _view(sweep: SweepRecord) -> PowerSweepView:
    count = f"n = {plural(sweep.rounds, 'round')} of each point"
    if sweep.sources:
        count = f"{count}; {in_a_word(sweep.sources)} joules"
    return PowerSweepView(
        sentence=f"{answer(sweep.cell, sweep.points)} {count}.",
        cell=sweep.cell,
        started=sweep.started,
        profile=sweep.profile or "unknown",
        points=len(sweep.points),
        facts=tuple(machine_facts(sweep.environment)),
        sources=", ".join(sweep.sources) or "none",
    )
