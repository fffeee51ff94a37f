"""Which test rows a variant alone gets right, and which V0 alone: counts by round."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.paired import paired_outcomes
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord


class DiscordantRows(NamedTuple):
    """How a cell and V0 differ on the same test rows, all of it written."""

    cell: str
    rows: str
    rounds: str
    right_here: str
    """Rows that it alone gets right, on average over the rounds."""
    right_in_v0: str
    p: str
    """McNemar's p-value of the first round."""


def discordant_rows(data: ReportData) -> list[DiscordantRows]:
    """Return a line for each cell whose rounds answered the rows that V0's answered too."""
    lines = []
    for comparison in data.comparisons:
        baseline = comparison.baseline
        if baseline is None or baseline.failed:
            continue
        for record in comparison.cells:
            if record.failed or is_baseline(record.variant):
                continue
            line = _line(record, baseline)
            if line is not None:
                lines.append(line)
    return lines


def _line(record: CellRecord, baseline: CellRecord) -> DiscordantRows | None:
    from greenbench.stats.paired import mcnemar

    pairs = paired_outcomes(record, baseline)
    if not pairs:
        return None
    tests = []
    for here, there in pairs:
        test = mcnemar(here, there)
        if test is None:
            return None
        tests.append(test)
    return DiscordantRows(
        cell=record.id,
        rows=str(pairs[0][0]["n"]),
        rounds=str(len(pairs)),
        right_here=f"{fmean(test.only_one for test in tests):.1f}",
        right_in_v0=f"{fmean(test.only_other for test in tests):.1f}",
        p=f"{tests[0].p:.2g}",
    )
