"""The hooks that pytest calls before it is known whether anything is measured.

Importing this leaves torch, Zeus and the data libraries alone. ``plugin.suite`` has the hooks of a
session that measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.experiment.settings import OPTIONS
from greenbench.plugin import benchmark_rows, budgets, distribution
from greenbench.plugin.early_exit import EarlyExit
from greenbench.plugin.errors import one_sentence, usage_errors
from greenbench.plugin.selection import (
    cell_of,
    leave_out_others,
    refuse_missing_file,
    runs_tests,
    selected_cells,
    selection_of,
    sources_of,
)
from greenbench.run import ending
from greenbench.run.stopping import Termination

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from greenbench.machine.energy import Meter
    from greenbench.plugin.suite import Suite

SUITE: pytest.StashKey[Suite] = pytest.StashKey()
ENDING: pytest.StashKey[Path | None] = pytest.StashKey()
"""The file that ``greenbench run`` waits for, if it started this session."""
EARLY_EXIT: pytest.StashKey[EarlyExit] = pytest.StashKey()
TERMINATION: pytest.StashKey[Termination] = pytest.StashKey()
MISSING = object()
STATUS: pytest.StashKey[int] = pytest.StashKey()
NEEDED = (("--green-gate", "greenbench.plugin"), ("--benchmark-json", "pytest_benchmark.plugin"))
"""An option of each plugin that a matrix needs."""
MARKER = "greenbench(task): the test measures the cells of this task, one for each variant"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every ``--green-*`` option; all can also stand in ``[tool.greenbench]``."""
    title = "energy, time and quality of pipeline variants (greenbench)"
    group = parser.getgroup("greenbench", title)
    for option in OPTIONS:
        group.addoption(option.flag, **option.keywords())


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and run nothing if a plan is requested."""
    config.stash[ENDING] = ending.requested()
    for marker in (MARKER, *budgets.MARKERS):
        config.addinivalue_line("markers", marker)
    refuse_missing_file(config)
    if config.getoption("--green-plan"):
        config.option.collectonly = True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Keep the exit status that all hooks have left."""
    yield
    session.config.stash[STATUS] = int(session.exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Tell ``greenbench run`` how the session ended; ``pytest --help`` has none, and is fine."""
    if EARLY_EXIT in config.stash:
        config.stash[EARLY_EXIT].restore()
    if TERMINATION in config.stash:
        config.stash[TERMINATION].restore()
    file = config.stash.get(ENDING, None)
    if file is not None:
        file.write_text(str(config.stash.get(STATUS, 0)), "ascii")


def use_matrix(config: pytest.Config, experiment: Path, variants: Path) -> None:
    """Measure the matrix of ``experiment`` (an experiment.md) and ``variants`` (a folder).

    For a suite's own conftest.py. Raises pytest.UsageError, all problems listed, if the two
    disagree or an option is wrong.
    """
    for option, plugin in NEEDED:
        if config.getoption(option, MISSING) is MISSING:
            raise pytest.UsageError(
                f"{experiment}: its plugin {plugin} is switched off, so nothing would be measured; "
                "leave out -p no:... and PYTEST_DISABLE_PLUGIN_AUTOLOAD, or add -p "
                f"{plugin}"
            )
    with usage_errors():
        suite = _open(config, experiment, variants)
        if suite.session.settings.plan:
            config.option.collectonly = True
        if config.option.collectonly:
            config.option.dist = "no"  # so that pytest-benchmark does not warn of workers
        _distribute(config, suite)


def _distribute(config: pytest.Config, suite: Suite) -> None:
    """Join the process that started this worker, or get ready to start some; raises UsageError."""
    if distribution.is_worker(config):
        from greenbench.plugin.workers import MeasuringWorker

        distribution.hide_only(config)
        config.pluginmanager.register(
            MeasuringWorker(suite, distribution.told(config)), "greenbench-worker"
        )
    elif distribution.starts_workers(config):
        from greenbench.plugin.controller import Controller

        distribution.refuse_unfit(config, suite.session.settings)
        distribution.hide_only(config)
        config.pluginmanager.register(Controller(config, suite), "greenbench-controller")
    elif distribution.passes_for_worker(config):
        distribution.hide_only(config)
        config.pluginmanager.register(distribution.NoWorker(), "greenbench-no-worker")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Let no gate be passed over: without a matrix no process judges what workers do."""
    if SUITE not in config.stash and config.getoption("--green-gate"):
        raise pytest.UsageError(
            "--green-gate: under pytest-xdist gates are judged only in a suite whose conftest.py "
            "calls use_matrix; run without -n"
        )


def suite_of(config: pytest.Config) -> Suite:
    """Return the suite; one without a matrix is made if no conftest.py named any.

    Raises UsageError.
    """
    if SUITE not in config.stash:
        _open(config, None, None).check_gates()
    return config.stash[SUITE]


def _open(config: pytest.Config, experiment: Path | None, variants: Path | None) -> Suite:
    from greenbench.plugin.interleaving import RoundItems
    from greenbench.plugin.suite import Suite

    suite = Suite(config, experiment, variants)
    config.stash[SUITE] = suite
    if config.pluginmanager.register(suite, "greenbench-suite") is None:
        raise pytest.UsageError(
            "greenbench-suite is switched off, so no gate would be judged; leave out "
            "-p no:greenbench-suite"
        )
    config.stash[EARLY_EXIT] = EarlyExit(
        lambda: config.stash.get(STATUS, None),
        lambda text: suite.progress.announce(text),  # noqa: PLW0108  pytest's terminal is made later
    )
    if not distribution.is_worker(config):  # the process that started it ends it
        config.stash[TERMINATION] = Termination()
    config.pluginmanager.register(RoundItems(suite.session.memory), "greenbench-rounds")
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes no part if ``--green-factorial`` or ``--green-knob`` is given."""
    if SUITE in config.stash:
        leave_out_others(config, items, config.stash[SUITE].session.takes_part)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Note what is left out: a gate does not miss it."""
    if items:
        selection_of(items[0].config).deselect(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Before the first cell runs, find every reason why the run could not succeed."""
    from greenbench.plugin.interleaving import interleave
    from greenbench.plugin.resuming import take_over
    from greenbench.plugin.until_sure import look_at_blocks
    from greenbench.run.meeting import remove_leftovers

    config = session.config
    with usage_errors():
        budgets.check_budgets(session.items)
    selection = selection_of(config)
    cells = selected_cells(session.items)
    selection.select(session.items)
    # A gate of a suite that measures nothing must not hold silently.
    gated = SUITE in config.stash or config.getoption("--green-gate")
    if not runs_tests(config) or not (cells or gated or selection.functions):
        return
    with usage_errors():
        suite = suite_of(config)
        if distribution.is_worker(config):  # the process that started it checks
            suite.session.selected = tuple(cells)
        else:
            suite.check(cells, sources_of(session))
            remove_leftovers(suite.session.messages.show)
        interleave(session, suite.session.settings)
        look_at_blocks(config, suite, cells)
        resumes = suite.session.settings.resume and not distribution.is_worker(config)
        if cells and resumes and benchmark_rows.measures(config):
            parts = suite.session, suite.attempts, suite.summary
            suite.taken_over = take_over(session, *parts)
        suite.progress.schedule.plan(
            [cell for cell in map(cell_of, session.items) if cell is not None]
        )


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a test to its budgets of joules and seconds; its fixtures do not count."""
    limits = budgets.budgets_of(item)
    if not limits:
        return (yield)
    return (yield from budgets.within(limits, lambda: _meter(item.config)))


def _meter(config: pytest.Config) -> Meter:
    with one_sentence():
        return suite_of(config).session.instruments.meter
