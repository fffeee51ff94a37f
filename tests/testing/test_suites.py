"""A suite of stubs runs in a process of its own; its cells and verdicts are what was planted."""

from __future__ import annotations

from pathlib import Path

import pytest
import stub_suite

from greenbench.errors import UsageError
from greenbench.testing import SuiteRun, run_suite

STUBS = """

from greenbench.testing import PlantedMeter, StubStages, StubSystem


@pytest.fixture
def toggles(cell):
    sure = 0.9 + 0.001 * len(cell.variant)  # equal answers of two cells are a warning
    return StubStages(cell.options, lambda rows: [sure, 0.1] * (len(rows) // 2))


@pytest.fixture
def power(cell):
    return StubSystem(cell.options)


@pytest.fixture
def energy(cell):
    saves = cell.variant == "V1_fast"
    return PlantedMeter({"training": 5.0 if saves else 10.0, "inference": 1.0})
"""
GATE = "training.energy <= 0.6*V0"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> SuiteRun:
    """Run a suite whose fixtures are this package's stubs, once."""
    folder = tmp_path_factory.mktemp("suite")
    stub_suite.write(folder)
    conftest = folder / "conftest.py"
    conftest.write_text(conftest.read_text() + STUBS)
    return run_suite(folder, "--green-rounds=2", f"--green-gate={GATE}")


def test_cells_have_the_joules_and_answers_of_the_stubs(ran: SuiteRun) -> None:
    """Each stage has what was planted for it, the round their sum, and the stubs say what they are.

    The suite's own conftest.py asserts that torch is not imported.
    """
    fast, base = ran.cells["T2-V1_fast"], ran.cells["T2-V0_baseline"]
    assert fast.energy["total_j"].value == 6.0
    assert base.energy["total_j"].value == 11.0
    assert fast.sources == {"cpu": "simulated:planted"}
    assert not fast.without_effect
    assert any("stubs" in doubt for doubt in fast.doubts)


def test_verdicts_follow_from_what_was_planted(ran: SuiteRun) -> None:
    """A variant that takes half passes, one that takes as much fails, and so does the session."""
    assert ran.status == 1, ran.output + ran.errors
    assert ran.verdicts["T2-V1_fast"] == {GATE: "PASS"}
    assert ran.verdicts["T2-V10_capped"] == {GATE: "NO-EFFECT"}
    assert GATE in ran.output


def test_a_folder_without_a_suite_is_refused(tmp_path: Path) -> None:
    """The error says what is missing, and what makes it."""
    with pytest.raises(UsageError, match=r"no experiment\.md .* greenbench init"):
        run_suite(tmp_path)


def test_a_session_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """It is killed with what it started, and the error says how long it had."""
    (tmp_path / "experiment.md").touch()
    (tmp_path / "conftest.py").write_text("import time; time.sleep(600)")
    with pytest.raises(UsageError, match=r"took more than 0\.5 s"):
        run_suite(tmp_path, timeout_s=0.5)
    assert not any(_works_in(tmp_path, process) for process in Path("/proc").glob("[1-9]*"))


def _works_in(folder: Path, process: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:  # another user's, or it has ended
        return False
