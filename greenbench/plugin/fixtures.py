"""The public fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import GreenbenchError
from greenbench.plugin.errors import one_sentence
from greenbench.plugin.hooks import RECORD, session_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.machine.energy.meter import Meter
    from greenbench.types import Cell, CellResult


@pytest.fixture
def cell(request: pytest.FixtureRequest) -> Cell:
    """Return what is asked: a variant, a task, a profile and a seed."""
    if not hasattr(request, "param"):
        pytest.fail(
            f"{request.node.nodeid}: it asks for 'cell' and lacks @pytest.mark.greenbench(task='T2')",
            pytrace=False,
        )
    asked: Cell = request.param
    return asked


@pytest.fixture
def dataset(cell: Cell, pytestconfig: pytest.Config) -> Any:
    """Return a lazy handle of the cell's data: loaded and split on first use, outside every window."""
    return session_of(pytestconfig).dataset(cell.task)


@pytest.fixture
def model(cell: Cell, pytestconfig: pytest.Config) -> Any:
    """Return a lazy handle of the cell's model: its weights are loaded inside the architecture window."""
    return session_of(pytestconfig).model(cell.task)


@pytest.fixture
def toggles(cell: Cell, pytestconfig: pytest.Config) -> Any:
    """Return the cell's optimisation switches, one call a stage; each works when the pipeline calls it in its window."""
    session = session_of(pytestconfig)
    try:
        session.get_ready()
    except GreenbenchError as error:  # nothing has run yet, and no cell would do better
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    return session.toggles(cell)


@pytest.fixture
def power(cell: Cell, pytestconfig: pytest.Config) -> Any:
    """Return the guarded system stage: a context around the others that puts the previous settings back."""
    session = session_of(pytestconfig)
    session.live = progress(pytestconfig)
    return session.power(cell)


@pytest.fixture
def energy(pytestconfig: pytest.Config) -> Meter:
    """Return the meter: ``with energy.window("training"): ...`` measures the seconds and joules of its body."""
    with one_sentence():
        return session_of(pytestconfig).meter


@pytest.fixture
def measure(
    request: pytest.FixtureRequest, benchmark: Any, energy: Meter
) -> Callable[..., CellResult]:
    """Return a function that runs a cell's pipeline, or any function, through pytest-benchmark and returns what it took.

    ``measure(pipeline)`` runs the rounds that the cell asks for; ``measure(function, rounds=3)`` calls ``function()`` three
    times. Time, joules, quality and proofs go into ``benchmark.extra_info["greenbench"]``.
    """
    refuse_xdist(request.config)

    def run(target: Any, *, rounds: int = 1) -> CellResult:
        from greenbench.report.junit import properties
        from greenbench.run.cell_result import Circumstances
        from greenbench.run.rounds import measured

        session, say = session_of(request.config), progress(request.config)
        around = Circumstances(
            say=say,
            require=session.settings.require,
            yardsticks=session.yardsticks,
            outputs=session.outputs,
        )
        outcome = measured(
            target, benchmark, energy, name=request.node.name, rounds=rounds, around=around
        )
        say("")
        if benchmark.enabled:
            request.node.stash[RECORD] = benchmark.extra_info["greenbench"] = outcome.record
            request.node.user_properties += properties(outcome.record)
        with one_sentence():
            if outcome.error is not None:
                raise outcome.error
            if "partial" in session.settings.strict and outcome.result.status == "partial":
                raise pytest.fail.Exception(
                    f"{outcome.result.id} is partial: {_notes(outcome.result)}", pytrace=False
                )
        return outcome.result

    return run


def _notes(result: CellResult) -> str:
    """Return why a cell is partial: its knobs that did not do what was asked."""
    told = dict.fromkeys(
        f"{a.stage}.{a.knob}: {a.note}" for one in result.rounds for a in one.applied if a.note
    )
    return "; ".join(told)


def progress(config: pytest.Config) -> Callable[[str], None]:
    """Return a function that shows on the terminal what runs, past pytest's capturing; an empty text wipes it."""
    from greenbench.report.progress import Progress

    capture: Any = config.pluginmanager.getplugin("capturemanager")
    return Progress(capture.global_and_fixture_disabled).say


def refuse_xdist(config: pytest.Config) -> None:
    """Raise pytest.UsageError under xdist, which switches pytest-benchmark off: nothing would be measured."""
    asked = [config.getoption(name, None) for name in ("numprocesses", "tx")]
    if hasattr(config, "workerinput") or any(asked) or config.getoption("dist", "no") != "no":
        raise pytest.UsageError(
            "greenbench does not measure under pytest-xdist: cells side by side disturb each other; run without -n"
        )
