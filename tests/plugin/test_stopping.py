"""Ctrl-C in a round: once ends the session after it, twice at once; both leave files and table."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

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


def test_greenbench_run_waits_for_pytest(suite: pytest.Pytester) -> None:
    """Ctrl-C reaches both processes; pytest's exit code and its files are passed on."""
    command = (sys.executable, "-m", "greenbench", "run", ROUNDS, "-p", "no:cacheprovider")
    output = stub_suite.process(suite.path, *command, STUB="T2-V0_baseline=ctrl-c")
    assert output.ret == pytest.ExitCode.INTERRUPTED
    assert rounds(suite.path) == {"T2-V0_baseline": 1}
