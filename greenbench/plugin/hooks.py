"""The pytest plugin: options, hooks and the public fixtures. It does nothing where no test asks for a fixture of it.

It holds no logic of its own: cells come from ``plan``, rounds from ``measuring``, files from ``store``, tables from
``report``. Importing it leaves torch, Zeus and the data libraries alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.experiment.settings import OPTIONS
from greenbench.plugin.errors import usage_errors

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from greenbench.plugin.gates import GateHooks
    from greenbench.report.summary import Summary
    from greenbench.run.session import Session
    from greenbench.types import Cell

SESSION: pytest.StashKey[Session] = pytest.StashKey()
SUMMARY: pytest.StashKey[Summary] = pytest.StashKey()
GATES: pytest.StashKey[GateHooks] = pytest.StashKey()
RECORD: pytest.StashKey[dict[str, Any]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every ``--green-*`` option; all can also stand in ``[tool.greenbench]``."""
    group = parser.getgroup(
        "greenbench", "energy, time and quality of pipeline variants (greenbench)"
    )
    for option in OPTIONS:
        group.addoption(option.flag, **option.keywords())


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and run nothing where a plan is asked for."""
    config.addinivalue_line(
        "markers",
        "greenbench(task): the test measures the cells of this task, one for each variant",
    )
    if config.getoption("--green-plan"):
        config.option.collectonly = True


def use_matrix(config: pytest.Config, experiment: Path, variants: Path) -> None:
    """Measure the matrix of ``experiment`` (an experiment.md) and ``variants``; for a suite's own conftest.py.

    Raises pytest.UsageError, all problems listed, where the two disagree or an option is wrong.
    """
    with usage_errors():
        _open(config, experiment, variants)
    if config.stash[SESSION].settings.plan:
        config.option.collectonly = True


def session_of(config: pytest.Config) -> Session:
    """Return the session; one without a matrix is made where no conftest.py named any. Raises UsageError."""
    if SESSION not in config.stash:
        _open(config, None, None)
        config.stash[GATES].check()
    return config.stash[SESSION]


def _open(config: pytest.Config, experiment: Path | None, variants: Path | None) -> None:
    from greenbench.plugin.gates import GateHooks
    from greenbench.report.summary import Summary
    from greenbench.run.session import Session

    session = Session(config.getoption, config.rootpath, experiment, variants)
    config.stash[SESSION], config.stash[SUMMARY] = (
        session,
        Summary(session.settings.results, config.rootpath),
    )
    config.pluginmanager.register(Writer(session, config.stash[SUMMARY]), "greenbench-writer")
    config.stash[GATES] = GateHooks(config, session, config.stash[SUMMARY])
    config.pluginmanager.register(config.stash[GATES], "greenbench-gates")


class Writer:
    """Hands each finished cell to the session's one writer; registered once a session exists."""

    def __init__(self, session: Session, summary: Summary) -> None:
        """Hold both."""
        self._session, self._summary = session, summary

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the record that travels on the report; a full disk is told at the end and fails the session."""
        record = getattr(report, "greenbench", None)
        if record is None:
            return
        self._summary.records.append(record)
        if record["variant"]:
            try:
                self._session.record(record)
            except OSError as error:
                self._summary.problems.append(
                    f"{record['id']}: its results could not be written ({error}); the table below has them"
                )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for ``cell`` the cells of its task."""
    marker = metafunc.definition.get_closest_marker("greenbench")
    if marker is None or "cell" not in metafunc.fixturenames:
        return
    with usage_errors():
        cells = session_of(metafunc.config).cells(marker.kwargs.get("task", *marker.args[:1]))
    metafunc.parametrize("cell", cells, ids=[c.id for c in cells])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first cell runs, find every reason why the run could not succeed."""
    config = session.config
    cells = [c for item in session.items if (c := _cell_of(item)) is not None]
    gated = SESSION in config.stash or config.getoption(
        "--green-gate"
    )  # a suite that measures nothing keeps no gate
    if config.option.collectonly or not (cells or gated):
        return
    with usage_errors():
        session_of(config).check(cells)
        config.stash[GATES].check()


def _cell_of(item: pytest.Item) -> Cell | None:
    """Return the cell that a benchmark of a matrix will run; another test's argument of that name is its own business."""
    call = getattr(item, "callspec", None)
    return (
        call.params.get("cell")
        if call is not None and item.get_closest_marker("greenbench")
        else None
    )


def pytest_report_collectionfinish(
    config: pytest.Config, items: Sequence[pytest.Item]
) -> list[str]:
    """Say what the run will cost, where earlier results know; all that is known, where a plan is asked for."""
    if SESSION not in config.stash:
        return []
    session = config.stash[SESSION]
    cells = [c for item in items if (c := _cell_of(item)) is not None]
    if config.option.collectonly and not session.settings.plan:
        return []
    if not cells and session.offered:
        return [f"greenbench: no cell is selected; there are {', '.join(session.offered)}"]
    if session.settings.plan:
        with usage_errors():
            return session.outlook(cells)
    return config.stash[SUMMARY].forecast(session.asked, session.likes)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a cell's record travel on its test report, with the outcome of its test."""
    report = yield
    if report.when == "call" and RECORD in item.stash:
        item.stash[RECORD]["outcome"] = report.outcome
        report.__dict__["greenbench"] = item.stash[
            RECORD
        ]  # what stands there travels with the report
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, the doubts and the files."""
    if SESSION in config.stash:
        session = config.stash[SESSION]
        asked = [c.id for c in session.asked]
        config.stash[SUMMARY].show(
            terminalreporter, asked, session.written, config.option.keyword, session.matrix
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Release the meter, and fail a session whose results could not be written."""
    if SESSION not in session.config.stash:
        return
    summary = session.config.stash[SUMMARY]
    try:
        hurry = session.exitstatus == pytest.ExitCode.INTERRUPTED
        summary.notes += session.config.stash[SESSION].release(hurry=hurry)
    except OSError as error:
        summary.problems.append(f"what the session's end showed could not be written ({error})")
    if summary.problems and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
