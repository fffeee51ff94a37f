"""The public fixtures of the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import GreenbenchError
from greenbench.plugin.benchmark_rows import measures, taken_row
from greenbench.plugin.distribution import HOPELESS, RECORD, ROW, is_worker, told
from greenbench.plugin.errors import one_sentence
from greenbench.plugin.hooks import suite_of
from greenbench.plugin.refused import tell_refused
from greenbench.report.texts import error_text, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.energy.meter import Meter
    from greenbench.pipeline import Pipeline
    from greenbench.plugin.suite import Suite
    from greenbench.protocols import ModelHandle, WarmingStages
    from greenbench.run.measure import CellOutcome
    from greenbench.stages.system import System
    from greenbench.tasks.dataset import TaskDataset
    from greenbench.types import Cell, CellResult, Round


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Cell:
    """Return the requested cell: a variant on a task, in a profile, with a seed."""
    if not hasattr(request, "param"):
        pytest.fail(
            f"{request.node.nodeid}: it requests 'cell' and lacks "
            "@pytest.mark.greenbench(task='NAME'), NAME being a task of experiment.md",
            pytrace=False,
        )
    requested: Cell = request.param
    return requested


@pytest.fixture
def dataset(cell: Cell, pytestconfig: pytest.Config) -> TaskDataset:
    """Return a lazy handle of the cell's data: loaded and split on first use, outside windows."""
    return suite_of(pytestconfig).session.inputs(cell.task).dataset


@pytest.fixture
def model(cell: Cell, pytestconfig: pytest.Config) -> ModelHandle:
    """Return a lazy handle of the cell's model: its weights are loaded in their window."""
    return suite_of(pytestconfig).session.inputs(cell.task).model


@pytest.fixture(scope="session")
def warm_session(pytestconfig: pytest.Config) -> None:
    """Warm the process up once, before the first cell: imports and first uses are no cell's."""
    from greenbench.plugin.progress import announcing

    suite = suite_of(pytestconfig)
    try:
        with announcing(suite.session.messages, suite.progress):
            suite.session.warm_up()
        tell_refused(pytestconfig, suite)
    except GreenbenchError as error:  # nothing has run yet, and no cell would do better
        if is_worker(pytestconfig):
            pytestconfig.stash[HOPELESS] = error_text(error)
            raise pytest.fail.Exception(error_text(error), pytrace=False) from None
        pytest.exit(error_text(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.fixture
def toggles(cell: Cell, warm_session: None, pytestconfig: pytest.Config) -> WarmingStages:  # noqa: ARG001
    """Return the cell's optimisation switches, one call a stage."""
    return suite_of(pytestconfig).session.toggles(cell)


@pytest.fixture
def power(cell: Cell, pytestconfig: pytest.Config) -> System:
    """Return the guarded system stage: a context that restores the previous device settings."""
    return suite_of(pytestconfig).session.power(cell)


@pytest.fixture
def energy(pytestconfig: pytest.Config) -> Meter:
    """Return the meter: ``with energy.window("training"): ...`` measures seconds and joules."""
    with one_sentence():
        return suite_of(pytestconfig).session.instruments.meter


@pytest.fixture
def pipeline(
    cell: Cell,
    dataset: TaskDataset,
    model: ModelHandle,
    toggles: WarmingStages,
    power: System,
    energy: Meter,
    pytestconfig: pytest.Config,
) -> Pipeline:
    """Return the cell's pipeline: a bench test is ``measure(pipeline)``."""
    from greenbench.run.measure import build_pipeline

    session = suite_of(pytestconfig).session
    return build_pipeline(
        session, cell, dataset=dataset, model=model, toggles=toggles, meter=energy, power=power
    )


@pytest.fixture
def measure(
    request: pytest.FixtureRequest,
    benchmark: Any,
    energy: Meter,  # noqa: ARG001  opened before the first call
) -> Callable[..., CellResult]:
    """Return a function that runs a pipeline, or any function, through pytest-benchmark.

    ``measure(pipeline)`` runs the rounds of its cell; ``measure(function, rounds=3)`` calls
    ``function()`` three times. Both return a CellResult. Time, joules, quality and proofs go into
    ``benchmark.extra_info["greenbench"]``.
    """
    if is_worker(request.config):
        with one_sentence():
            told(request.config)
    benchmark.disabled = not measures(request.config)  # xdist switches it off

    def run(target: Any, *, rounds: int = 1) -> CellResult:
        try:
            outcome = _measured(request, benchmark, target, rounds)
            if benchmark.enabled:
                with one_sentence():
                    _keep(request, benchmark, outcome)
        except BaseException:
            # pytest-benchmark notes an Exception alone, and cannot save what Ctrl-C left empty
            benchmark.has_error = True
            raise
        _fail(request, outcome)
        return outcome.result

    return run


def _measured(
    request: pytest.FixtureRequest, benchmark: Any, target: Any, rounds: int
) -> CellOutcome:
    from greenbench.pipeline import Pipeline
    from greenbench.run.measure import measure_function

    suite = suite_of(request.config)
    session, say = suite.session, suite.progress.say
    try:
        if isinstance(target, Pipeline):
            return _measured_whole(request, target, benchmark, suite)
        name = request.node.nodeid  # tests of two files may have one name
        return measure_function(target, benchmark, session, say, name=name, rounds=rounds)
    finally:
        say("")


def _measured_whole(
    request: pytest.FixtureRequest, pipeline: Pipeline, benchmark: Any, suite: Suite
) -> CellOutcome:
    """Measure a cell, or a round of it; the first Ctrl-C ends the session afterwards."""
    from greenbench.run.measure import measure_cell
    from greenbench.run.stopping import REASON

    session, progress = suite.session, suite.progress
    stop = session.memory.stop
    rounds: Sequence[Round] = ()
    progress.schedule.begin(pipeline.cell)
    try:
        with stop.deferred(progress.announce), progress.repeated(), one_sentence():
            outcome = measure_cell(pipeline, benchmark, session, progress.say)
        rounds = _latest(pipeline.cell, outcome.result.rounds)
        return outcome
    finally:
        progress.schedule.end(rounds)
        if stop.made:
            request.session.shouldstop = REASON


def _latest(cell: Cell, rounds: Sequence[Round]) -> Sequence[Round]:
    """Return the rounds that were measured in one call: in blocks the last one, else all."""
    return [one_round for one_round in rounds if one_round.block == cell.block]


def _keep(request: pytest.FixtureRequest, benchmark: Any, outcome: CellOutcome) -> None:
    """Hand the record to the test's report, to pytest-benchmark, and to JUnit files."""
    from greenbench.report.junit import properties
    from greenbench.results.reading import CellRecord

    request.node.stash[RECORD] = outcome.record
    benchmark.extra_info["greenbench"] = outcome.record
    _keep_row(request, benchmark)
    request.node.user_properties += properties(CellRecord.of(outcome.record))


def _keep_row(request: pytest.FixtureRequest, benchmark: Any) -> None:
    """Keep what pytest-benchmark saves of this test: for its report, or in the row of its cell."""
    from greenbench.plugin.interleaving import CELL_ID, share_row
    from greenbench.plugin.selection import cell_of

    node = request.node
    cell = cell_of(node)
    if benchmark.stats is None:  # it failed before its first round
        return
    if is_worker(request.config):
        test = node.stash.get(CELL_ID, node.nodeid)
        node.stash[ROW] = taken_row(benchmark, request.config, test)
    elif cell is not None and cell.block is not None:
        runs = suite_of(request.config).session.memory.runs
        share_row(runs.so_far(cell), benchmark, request.config)


def _fail(request: pytest.FixtureRequest, outcome: CellOutcome) -> None:
    """Raise what ended the cell, or fail it if it is partial and partial cells are to fail."""
    strict = suite_of(request.config).session.settings.strict
    result = outcome.result
    with one_sentence():
        if outcome.error is not None:
            raise outcome.error
        if "partial" in strict and result.status == "partial":
            message = printable(f"{result.id} is partial: {_notes(result)}")
            raise pytest.fail.Exception(message, pytrace=False)


def _notes(result: CellResult) -> str:
    """Return why a cell is partial: its knobs that did not act as requested."""
    notes: dict[str, None] = {}
    for one_round in result.rounds:
        for proof in one_round.applied:
            if proof.note:
                notes[f"{proof.stage}.{proof.knob}: {proof.note}"] = None
    return "; ".join(notes)
