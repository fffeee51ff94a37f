"""Sessions under pytest-xdist, as a person sees them: measured, written, lost and refused."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

import psutil
import pytest
import stub_suite
from stub_suite import run_here

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.nvml import SimulatedNvml

CELLS = ["T2-V0_baseline", "T2-V1_fast", "T2-V10_capped"]
GATE = "energy <= 9*V0"
SEES_A_CARD = """


def pytest_configure(config):
    from greenbench.plugin.hooks import suite_of

    use_matrix(config, HERE / "experiment.md", HERE / "variants")
    suite_of(config).session.instruments.device = "cuda:0"  # what torch would say beside cards
"""


FILLS_UP = """

write_bytes = Path.write_bytes


def write_until_full(self, data):
    if self.name == "memory.fresh" and len(list(HERE.glob("results/*"))) >= 2:
        raise OSError(28, "No space left on device")
    return write_bytes(self, data)


Path.write_bytes = write_until_full
"""
"""A disk for temporary files that takes no more once two cells have results."""


class Ended(NamedTuple):
    """A session that has ended."""

    folder: Path
    output: pytest.RunResult

    def cells(self) -> dict[str, dict]:
        """Return the records of the results files, by cell."""
        cells = {}
        for file in self.folder.glob("results/*.json"):
            for cell in json.loads(file.read_text())["cells"]:
                cells[cell["id"]] = cell
        return cells

    def saved(self) -> dict:
        """Return what pytest-benchmark saved."""
        return json.loads((self.folder / "run.json").read_text())


def run(folder: Path, *arguments: str, **variables: str) -> Ended:
    """Run the suite in miniature in ``folder``, and save what pytest-benchmark saves."""
    stub_suite.write(folder)
    meeting = folder / "tmp"
    meeting.mkdir()
    variables = {"COLUMNS": "200", "TMPDIR": str(meeting), **variables}
    output = stub_suite.run(folder, "--benchmark-json=run.json", *arguments, **variables)
    assert list(meeting.glob("greenbench*")) == [], "the workers' folder is left behind"
    return Ended(folder, output)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Measure three cells in two blocks by two workers, once for all tests that only read."""
    folder = tmp_path_factory.mktemp("workers")
    return run(folder, "-n2", "-v", "--green-rounds=2", f"--green-gate={GATE}", "--benchmark-only")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Kill the worker that runs the second round of a cell."""
    folder = tmp_path_factory.mktemp("killed")
    variables = {"STUB": "T2-V1_fast=kill", "STUB_ROUND": "1"}
    return run(folder, "-n2", "--green-rounds=2", f"--green-gate={GATE}", **variables)


def test_workers_measure_every_round_once_and_in_turn(measured: Ended) -> None:
    """Places in the session's order are global, and the blocks follow each other."""
    measured.output.assert_outcomes(passed=6)
    places = {}
    for cell in measured.cells().values():
        for one_round in cell["rounds"]:
            places[one_round["position"]] = one_round["block"]
    # Which of the first tests runs first is a matter of which worker started first.
    assert sorted(places) == list(range(6))
    assert [places[number] for number in (0, 1, 4, 5)] == [0, 0, 1, 1]


def test_both_workers_measured(measured: Ended) -> None:
    """Neither waits until the other has done everything."""
    workers = {line.split("]")[0] for line in measured.output.outlines if "PASSED" in line}
    assert workers == {"[gw0", "[gw1"}


def test_pytest_benchmark_saves_a_row_for_each_cell(measured: Ended) -> None:
    """With its usual id, its parameters, and the seconds of all rounds whoever measured them."""
    rows = {row["param"]: row for row in measured.saved()["benchmarks"]}
    assert sorted(rows) == sorted(CELLS)
    for cell, row in rows.items():
        assert row["fullname"] == f"bench/test_vulnerability.py::test_vulnerability[{cell}]"
        assert row["name"] == f"test_vulnerability[{cell}]"
        record = row["extra_info"]["greenbench"]
        assert len(row["stats"]["data"]) == row["stats"]["rounds"] == len(record["rounds"]) == 2
        assert row["options"]["timer"] == "perf_counter"


def test_cells_files_and_rows_are_those_of_a_session_without_workers(
    measured: Ended, suite: pytest.Pytester
) -> None:
    """Apart from what was measured: same files, keys, table rows, gates and order of cells."""
    run_here(
        suite, "--green-rounds=2", f"--green-gate={GATE}", "--benchmark-json=run.json"
    ).assert_outcomes(passed=6)
    alone = Ended(suite.path, measured.output)
    assert {f.name.split("_2")[0] for f in (suite.path / "results").iterdir()} == {
        f.name.split("_2")[0] for f in (measured.folder / "results").iterdir()
    }
    for cell, record in alone.cells().items():
        assert shape(measured.cells()[cell]) == shape(record)
    here, there = alone.saved(), measured.saved()
    assert there["greenbench"]["session"].pop("workers") == 2
    assert shape(there["greenbench"]["session"]) == shape(here["greenbench"]["session"])
    assert shape(there["benchmarks"][0]["stats"]) == shape(here["benchmarks"][0]["stats"])
    names = [line.split()[1] for line in measured.output.outlines if line.startswith("T2 V")]
    assert names[:3] == ["V0", "V1", "V10"]


def shape(value: object) -> object:
    """Return the keys of a JSON value, in place of what they hold."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value if isinstance(inner, dict)]
    return None


def test_gates_are_judged_once_by_the_session(measured: Ended) -> None:
    """A variant without effect fails it, and the verdicts stand in every file."""
    assert measured.output.ret == pytest.ExitCode.TESTS_FAILED
    measured.output.stdout.fnmatch_lines(["Gates: 1 PASS, 1 NO-EFFECT."])
    for file in measured.folder.glob("results/*.json"):
        assert len(json.loads(file.read_text())["gates"]["verdicts"]) == 2


def test_nobody_says_that_benchmarks_are_disabled(measured: Ended) -> None:
    """pytest-benchmark would, as it knows nothing of our workers."""
    assert "disabled" not in measured.output.stdout.str() + measured.output.stderr.str()


def test_a_killed_worker_loses_its_running_cell_alone(killed: Ended) -> None:
    """The session says so and fails; the cell's earlier round stays, and passes no gate."""
    killed.output.assert_outcomes(passed=5, failed=1)
    killed.output.stdout.fnmatch_lines(
        ["*worker 'gw?' crashed while running*T2-V1_fast*", "*MISSING: *T2-V1_fast*crashed*"]
    )
    statuses = {cell: record["status"] for cell, record in killed.cells().items()}
    assert statuses == {
        "T2-V0_baseline": "ok",
        "T2-V1_fast": "failed",
        "T2-V10_capped": "partial",
    }
    lost = killed.cells()["T2-V1_fast"]
    assert (lost["outcome"], len(lost["rounds"])) == ("failed", 1)
    assert "crashed" in lost["error"]
    (row,) = [row for row in killed.saved()["benchmarks"] if row["param"] == "T2-V1_fast"]
    assert row["extra_info"]["greenbench"]["status"] == "failed"
    assert not any("several times" in doubt for doubt in lost["doubts"])


def test_a_worker_that_was_killed_is_replaced(killed: Ended) -> None:
    """What another cell measured before and after stands in one record."""
    for cell in ("T2-V0_baseline", "T2-V10_capped"):
        assert [r["block"] for r in killed.cells()[cell]["rounds"]] == [0, 1]


def test_a_worker_that_exits_with_0_fails_the_session(tmp_path: Path) -> None:
    """``os._exit(0)`` in a worker does not pass as an end without failures."""
    ended = run(tmp_path, "-n1", "-k", "V1_", STUB="T2-V1_fast=exit")
    assert ended.output.ret == pytest.ExitCode.TESTS_FAILED
    ended.output.stdout.fnmatch_lines(["*crashed while running*T2-V1_fast*"])


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "4"])
def test_any_number_of_workers_gives_the_same_cells(tmp_path: Path, workers: str) -> None:
    """One, and more than there are cells; tests above have two, and a session without workers."""
    ended = run(tmp_path, "-n", workers, "--green-rounds=3")
    ended.output.assert_outcomes(passed=9)
    assert sorted(ended.cells()) == sorted(CELLS)
    for cell in ended.cells().values():
        assert [r["block"] for r in cell["rounds"]] == [0, 1, 2]
        assert cell["seeds"] == [0, 1, 2]
    assert len(list(ended.folder.glob("results/*"))) == 3
    positions = sorted(r["position"] for c in ended.cells().values() for r in c["rounds"])
    assert positions == list(range(9))


@pytest.mark.slow
@pytest.mark.parametrize("passed", [0, 7])
def test_any_worker_may_be_killed_at_any_moment(tmp_path: Path, passed: int) -> None:
    """One cell is lost at most; the others have each of their rounds once."""
    stub_suite.write(tmp_path)
    command = [*stub_suite.PYTEST, "bench", "-n2", "-v", "--green-rounds=4"]
    environment = {**os.environ, "STUB_SCORING": "0.2", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            passed -= "PASSED" in line
            if passed <= 0 and "::test_" in line:
                break
        time.sleep(random.uniform(0, 0.3))
        workers = []
        for child in psutil.Process(process.pid).children():
            if "exec(eval(" in " ".join(child.cmdline()):  # as execnet starts them
                workers.append(child)
        random.choice(workers).kill()
        process.stdout.read()
    cells = Ended(tmp_path, pytest.RunResult(process.returncode, [], [], duration=0)).cells()
    whole = [cell for cell in cells.values() if cell["status"] != "failed"]
    assert len(whole) >= len(CELLS) - 1
    assert process.returncode in {0, 1}
    assert process.returncode == 1 or len(whole) == len(CELLS)  # it may die after its last cell
    assert all([r["block"] for r in cell["rounds"]] == [0, 1, 2, 3] for cell in whole)
    positions = [r["position"] for cell in cells.values() for r in cell["rounds"]]
    assert len(set(positions)) == len(positions)


@pytest.mark.slow
def test_a_full_disk_for_temporary_files_ends_the_session_in_a_sentence(tmp_path: Path) -> None:
    """Workers cannot tell each other any more; files and table stay, and can be continued."""
    stub_suite.write(tmp_path)
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(FILLS_UP)
    output = stub_suite.run(tmp_path, "-n2", "--green-rounds=2", COLUMNS="200")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert "INTERNALERROR" not in output.stdout.str()
    output.stdout.fnmatch_lines(["T2 V0 *", "!*Interrupted: *could not be written (No space left*"])
    for path in tmp_path.glob("results/*.json"):
        assert json.loads(path.read_text())["conclusion"]["in_a_hurry"]


@pytest.mark.slow
def test_two_gpus_measure_a_block_each(nvml: SimulatedNvml, tmp_path: Path) -> None:
    """Each round has the watts of its own card, as without workers; the host's joules are null.

    Cells of a block share a card: a card that draws three times as much makes no cell dearer.
    """
    loads = {}
    for card, watts in zip(nvml.plug(2), (100, 300), strict=True):
        card.update_s, card.power_w = 0.005, watts
        loads[card.uuid] = watts
    ended = run_on_cards(tmp_path / "two", nvml, "-n2")
    assert ended.output.ret == 0
    blocks: dict[int, set[str]] = {}
    for cell in ended.cells().values():
        for one_round in cell["rounds"]:
            (card,) = one_round["machine"]["gpus"]
            blocks.setdefault(one_round["block"], set()).add(card["uuid"])
            assert watts_of(one_round) == pytest.approx(loads[card["uuid"]], rel=0.05)
            assert one_round["energy"]["cpu_j"] is one_round["energy"]["dram_j"] is None
            assert "side by side" in one_round["energy"]["reasons"]["cpu"]
    assert sorted(map(len, blocks.values())) == [1, 1]
    assert set.union(*blocks.values()) == set(loads)
    ended.output.stdout.fnmatch_lines(["*blocks ran side by side, each on a GPU of its own*"])
    environment = json.loads(next(ended.folder.glob("results/*")).read_text())["environment"]
    assert [gpu["uuid"] for gpu in environment["gpus"]] == list(loads)
    alone = run_on_cards(tmp_path / "one", nvml, "-n0")
    for cell in alone.cells().values():
        for one_round in cell["rounds"]:
            assert watts_of(one_round) == pytest.approx(100, rel=0.05)


def run_on_cards(folder: Path, nvml: SimulatedNvml, workers: str) -> Ended:
    """Measure two cells in two blocks, as if torch saw the simulated cards."""
    folder.mkdir()
    stub_suite.write(folder)
    with (folder / "conftest.py").open("a") as conftest:
        conftest.write(SEES_A_CARD)
    variables = {"COLUMNS": "200", "STUB_TIMES": "40", **nvml.environment()}
    arguments = (workers, "--green-rounds=2", "-k", "V0 or V1_")
    return Ended(folder, stub_suite.run(folder, *arguments, **variables))


def watts_of(one_round: dict) -> float:
    """Return the mean watts of the round's cards."""
    return one_round["energy"]["gpu_j"] / one_round["seconds"]


def test_a_wrong_gate_is_a_usage_error_before_a_worker_runs_anything(tmp_path: Path) -> None:
    """As without workers."""
    ended = run(tmp_path, "-n1", "--green-gate=energy <= 2*V99")
    assert ended.output.ret == pytest.ExitCode.USAGE_ERROR
    assert "V99" in ended.output.stderr.str()
    assert not ended.cells()


def test_what_makes_every_cell_fail_ends_the_session_with_its_sentence(tmp_path: Path) -> None:
    """Exit code 4, as without workers, and not an internal error of pytest-xdist."""
    stub_suite.write(tmp_path)
    with (tmp_path / "conftest.py").open("a") as conftest:
        conftest.write(
            "\n\n@pytest.fixture(autouse=True)\n"
            "def warmed(warm_session):\n    pass\n\n\n"
            "from greenbench.errors import UnavailableError\n"
            "from greenbench.run.session import Session\n\n\n"
            "def warm_up(self):\n    raise UnavailableError('there is no such data set')\n\n\n"
            "Session.warm_up = warm_up\n"
        )
    output = stub_suite.run(tmp_path, "-n1")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert "there is no such data set" in output.stdout.str() + output.stderr.str()
    assert "INTERNALERROR" not in output.stdout.str()


def test_a_plan_needs_no_worker(suite: pytest.Pytester) -> None:
    """``--green-plan`` prints the same as without ``-n``."""
    output = run_here(suite, "-n2", "--green-plan")
    assert output.ret == 0
    assert "created: " not in output.stdout.str()
    assert "disabled" not in output.stdout.str() + output.stderr.str()
    output.stdout.fnmatch_lines(["*T2-V1_fast*"])


def test_a_session_that_a_worker_started_measures(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits the worker's variable, by which pytest-benchmark switches itself off."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    output = run_here(suite, "-k", "V0", "--benchmark-only")
    output.assert_outcomes(passed=1, deselected=2)
    output.stdout.fnmatch_lines(["wrote results/V0_baseline_*"])
    assert "disabled" not in output.stdout.str() + output.stderr.str()


def test_a_repository_without_a_matrix_is_told_to_leave_n_out(pytester: pytest.Pytester) -> None:
    """No process would write and judge there."""
    pytester.makepyfile("def test_step(measure):\n    measure(lambda: None)\n")
    output = stub_suite.run_pytest(pytester.path, "-n1")
    assert output.ret != 0
    output.stdout.fnmatch_lines(["*only in a suite whose conftest.py calls use_matrix*"])


def test_a_gate_without_a_matrix_is_not_passed_over(pytester: pytest.Pytester) -> None:
    """It would hold silently, since no process judges it."""
    pytester.makepyfile("def test_step():\n    pass\n")
    output = stub_suite.run_pytest(pytester.path, "-n1", "--green-gate=time <= 1")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert "gates are judged only in a suite" in output.stderr.str()


def test_benchmarks_that_are_disabled_record_nothing(suite: pytest.Pytester) -> None:
    """``--benchmark-disable`` runs the cells once and writes no file."""
    shutil.rmtree(suite.path / "results", ignore_errors=True)
    output = stub_suite.run(suite.path, "-n1", "--benchmark-disable", "-k", "V0")
    output.assert_outcomes(passed=1)
    assert list(suite.path.glob("results/*")) == []
