"""The HTML report that ``--green-report`` asks for, written at the session's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.experiment.settings import Settings
    from greenbench.gates.verdict import Measured
    from greenbench.report.summary import Summary


def write_report(settings: Settings, summary: Summary, measured: Sequence[Measured]) -> None:
    """Write the report of the session's cells, if it is asked for.

    What keeps it from being written is a problem of the session.
    """
    if settings.report is None or not measured:
        return
    from greenbench.report.page.contents import page
    from greenbench.report.page.saving import save
    from greenbench.report.report_data import report_data

    older: list[Measured] = []
    for cells in summary.sessions.values():
        older += cells
    try:
        data = report_data(
            "this session", measured, older=older, earlier=summary.earlier, allow=settings.allow
        )
        save(settings.report, page([data], allow=settings.allow))
    except (GreenbenchError, OSError) as error:
        summary.problems.append(f"--green-report: {settings.report} was not written ({error})")
        return
    summary.reports.append(settings.report)
