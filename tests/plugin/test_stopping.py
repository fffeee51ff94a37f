"""Ctrl-C in a round ends the session after it, twice or SIGTERM at once; files and table stay."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

import psutil
import pytest
import stub_suite
from stub_suite import run_here

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = "--green-rounds=2"


def rounds(folder: Path) -> dict[str, int]:
    """Return how many rounds the results files have of each cell."""
    counts = {}
    for path in (folder / "results").glob("*.json"):
        file = json.loads(path.read_text())
        assert file["conclusion"]["in_a_hurry"] is True
        for cell in file["cells"]:
            counts[cell["id"]] = len(cell["rounds"])
    return counts


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Write the suite in miniature."""
    stub_suite.write(pytester.path)
    return pytester


def test_once_ends_the_session_after_the_round(suite: pytest.Pytester) -> None:
    """The round is whole and on disk, the table shows it, the exit code is 2; it can go on."""
    output = stub_suite.run(suite.path, ROUNDS, "--benchmark-json=b.json", STUB="T2-V1_fast=ctrl-c")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 1, "T2-V1_fast": 1}
    output.stdout.fnmatch_lines(
        [
            "greenbench: Ctrl-C: this round ends, then the session; Ctrl-C once more *",
            "T2 V1 *",
            "!* Interrupted: Ctrl-C: stopped after a whole round; --green-resume continues *!",
        ]
    )
    assert len(json.loads((suite.path / "b.json").read_text())["benchmarks"]) == 2
    continued = run_here(suite, ROUNDS, "--green-resume")
    continued.assert_outcomes(passed=6)
    continued.stdout.fnmatch_lines(["*measured again: 2 rounds of a block that was not finished"])


def test_twice_ends_it_at_once(suite: pytest.Pytester) -> None:
    """What was measured before the round is on disk and in the table; the exit code is 2."""
    output = stub_suite.run(suite.path, ROUNDS, STUB="T2-V1_fast=ctrl-c-twice")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 1}
    output.stdout.fnmatch_lines(["T2 V0 *", "!* KeyboardInterrupt *!"])


def test_rounds_in_a_row_end_after_the_one_that_runs(suite: pytest.Pytester) -> None:
    """The cell is incomplete and leaves no record; those before it do."""
    output = stub_suite.run(suite.path, ROUNDS, "--green-interleave=off", STUB="T2-V1_fast=ctrl-c")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 2}


def ended(suite: pytest.Pytester, fault: str) -> pytest.RunResult:
    """Run the suite with two workers, of which the one that runs V1 raises a signal in all."""
    output = stub_suite.run(suite.path, "-n2", ROUNDS, STUB=f"T2-V1_fast={fault}")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert "T2-V10_capped" not in rounds(suite.path)
    assert not left_processes(suite.path)
    return output


def left_processes(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder, beside this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process)
    return found


def test_workers_end_their_rounds_and_any_number_of_them_continues(
    suite: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C reaches all processes of a terminal; then one worker, at last none go on."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    output = ended(suite, "ctrl-c")
    assert rounds(suite.path)["T2-V1_fast"] == 1
    output.stdout.fnmatch_lines(
        ["*greenbench: Ctrl-C: this round ends, then *", "!*: stopped after a whole round; *!"]
    )
    continued = stub_suite.run(
        suite.path, "-n1", ROUNDS, "--green-resume", STUB="T2-V1_fast=ctrl-c", STUB_ROUND="1"
    )
    assert continued.ret == pytest.ExitCode.INTERRUPTED
    continued.stdout.fnmatch_lines(["greenbench: taken over from the session of *"])
    assert list(tmp_path.glob("greenbench-workers-*")) == []
    whole = run_here(suite, ROUNDS, "--green-resume", "--benchmark-json=run.json")
    assert whole.ret == 0
    places = set()
    for path in (suite.path / "results").glob("*.json"):
        for cell in json.loads(path.read_text())["cells"]:
            assert [one_round["block"] for one_round in cell["rounds"]] == [0, 1]
            places.update(one_round["position"] for one_round in cell["rounds"])
    assert len(places) == 6
    rows = json.loads((suite.path / "run.json").read_text())["benchmarks"]
    assert [row["stats"]["rounds"] for row in rows] == [2, 2, 2]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["ctrl-c-twice", "sigterm"])
def test_workers_end_within_their_rounds(
    suite: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The rounds before are in files and table, and nothing of the workers is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    output = ended(suite, fault)
    assert "T2-V1_fast" not in rounds(suite.path)
    output.stdout.fnmatch_lines(["!* KeyboardInterrupt*!"])
    assert list(tmp_path.glob("greenbench-workers-*")) == []


def test_sigterm_ends_a_session_as_ctrl_c_does(suite: pytest.Pytester) -> None:
    """Batch systems send it before they kill."""
    output = stub_suite.run(suite.path, ROUNDS, STUB="T2-V1_fast=sigterm")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 1}
    output.stdout.fnmatch_lines(["T2 V0 *", "!* KeyboardInterrupt: SIGTERM: stopped within *!"])


def test_greenbench_run_waits_for_pytest(suite: pytest.Pytester) -> None:
    """Ctrl-C reaches both processes; pytest's exit code and its files are passed on."""
    command = (sys.executable, "-m", "greenbench", "run", ROUNDS, "-p", "no:cacheprovider")
    output = stub_suite.process(suite.path, *command, STUB="T2-V0_baseline=ctrl-c")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 1}
