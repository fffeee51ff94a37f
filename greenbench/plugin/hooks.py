"""The hooks that pytest calls before it is known whether anything is measured.

Importing this leaves torch, Zeus and the data libraries alone. ``plugin.suite`` has the hooks of a
session that measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.experiment.settings import OPTIONS
from greenbench.plugin.errors import usage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.plugin.suite import Suite

SUITE: pytest.StashKey[Suite] = pytest.StashKey()
MARKER = "greenbench(task): the test measures the cells of this task, one for each variant"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every ``--green-*`` option; all can also stand in ``[tool.greenbench]``."""
    title = "energy, time and quality of pipeline variants (greenbench)"
    group = parser.getgroup("greenbench", title)
    for option in OPTIONS:
        group.addoption(option.flag, **option.keywords())


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and run nothing if a plan is requested."""
    config.addinivalue_line("markers", MARKER)
    if config.getoption("--green-plan"):
        config.option.collectonly = True


def use_matrix(config: pytest.Config, experiment: Path, variants: Path) -> None:
    """Measure the matrix of ``experiment`` (an experiment.md) and ``variants`` (a folder).

    For a suite's own conftest.py. Raises pytest.UsageError, all problems listed, if the two
    disagree or an option is wrong.
    """
    with usage_errors():
        suite = _open(config, experiment, variants)
    if suite.session.settings.plan:
        config.option.collectonly = True


def suite_of(config: pytest.Config) -> Suite:
    """Return the suite; one without a matrix is made if no conftest.py named any.

    Raises UsageError.
    """
    if SUITE not in config.stash:
        _open(config, None, None).check_gates()
    return config.stash[SUITE]


def _open(config: pytest.Config, experiment: Path | None, variants: Path | None) -> Suite:
    from greenbench.plugin.suite import Suite

    suite = Suite(config, experiment, variants)
    config.stash[SUITE] = suite
    config.pluginmanager.register(suite, "greenbench-suite")
    return suite


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise a test that requests ``cell`` with the cells of its task."""
    marker = metafunc.definition.get_closest_marker("greenbench")
    if marker is None or "cell" not in metafunc.fixturenames:
        return
    task = str(marker.kwargs.get("task", *marker.args[:1]))  # of a bare marker "None" is no task
    with usage_errors():
        cells = suite_of(metafunc.config).session.cells(task)
    metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first cell runs, find every reason why the run could not succeed."""
    from greenbench.plugin.suite import selected_cells

    config = session.config
    cells = selected_cells(session.items)
    # A gate of a suite that measures nothing must not hold silently.
    gated = SUITE in config.stash or config.getoption("--green-gate")
    if config.option.collectonly or not (cells or gated):
        return
    with usage_errors():
        suite_of(config).check(cells)
