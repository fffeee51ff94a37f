"""Listing and planning end to end: what is printed, without torch or a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import stub_suite
from stub_suite import run_here

ROOT = Path(__file__).parents[2]
LISTENING = """
import os, sys
HEARD = []


def hear(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        HEARD.append(event)


sys.addaudithook(hear)


def pytest_unconfigure(config):
    print("network:", HEARD, "torch:", "torch" in sys.modules, end=" ")
    print("hub:", "huggingface_hub" in sys.modules)
"""


def planned(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Print a plan in another process, and whether it used the network or imported torch."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(LISTENING)
    return stub_suite.run(suite.path, "--green-plan", *arguments)


@pytest.mark.parametrize("more", [(), ("--collect-only",), ("--collect-only", "-qq")])
def test_a_plan_is_printed_and_nothing_runs(suite: pytest.Pytester, more: tuple[str, ...]) -> None:
    """The plan names model, data and cells; no test runs and no file is written."""
    output = planned(suite, *more)
    assert output.ret == pytest.ExitCode.OK
    output.stdout.fnmatch_lines(
        [
            "greenbench: profile tiny",
            "T2: model M2 = modernbert_tiny, *,* parameters",
            "    data generated: * / * / * train / valid / test",
            "    T2-V0_baseline: 1 round of * steps; no earlier result",
            "    T2-V10_capped: 1 round of * steps; no earlier result",
            "all 3 cells: time and joules unknown, no earlier result of this host*",
            "network: [[]] torch: False hub: False",
        ]
    )
    output.stdout.no_fnmatch_line("*passed*")
    output.stdout.no_fnmatch_line("*mcc*")
    assert not (suite.path / "results").exists()


def test_a_plan_is_of_the_cells_that_are_selected(suite: pytest.Pytester) -> None:
    """``-k`` and ``--green-rounds`` apply."""
    output = run_here(suite, "--green-plan", "-k", "V1_", "--green-rounds=3")
    output.stdout.fnmatch_lines(["    T2-V1_fast: 3 rounds of * steps;*", "1 cell:*"])
    output.stdout.no_fnmatch_line("    T2-V0_baseline*")


def test_a_plan_of_nothing_lists_the_cells(suite: pytest.Pytester) -> None:
    """A misspelt variant gives the list of the cells."""
    run_here(suite, "--green-plan", "-k", "V99").stdout.fnmatch_lines(
        ["greenbench: no cell is selected; there are T2-V0_baseline, T2-V1_fast*"]
    )


def test_a_plan_can_stand_in_the_file(suite: pytest.Pytester) -> None:
    """``plan = true`` in pyproject.toml runs nothing either."""
    with (suite.path / "pyproject.toml").open("a") as file:
        file.write("[tool.greenbench]\nplan = true\n")
    output = run_here(suite)
    output.stdout.fnmatch_lines(["greenbench: profile tiny"])
    assert not (suite.path / "results").exists()


def test_a_plan_of_models_and_data_on_the_hub_uses_no_network(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is looked up although offline mode is off; what only the hub knows is unknown."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_HOME", str(suite.path / "empty"))
    output = planned(suite, "--green-profile=full")
    output.stdout.fnmatch_lines(
        [
            "T2: model M2 = answerdotai/ModernBERT-base at revision *, 149,606,402 parameters",
            "    data bstee615/bigvul*: sizes unknown before it is here",
            "    T2-V0_baseline: 5 rounds of unknown steps; no earlier result",
            "network: [[]] torch: False hub: False",
        ]
    )


def test_a_plan_shows_what_cells_took_before(suite: pytest.Pytester) -> None:
    """Cells with earlier results have their seconds and joules, and the others are counted."""
    run_here(suite, "-k", "V0")
    output = run_here(suite, "--green-plan")
    output.stdout.fnmatch_lines(
        [
            "    T2-V0_baseline: 1 round of * steps; by earlier results * s*",
            "    T2-V1_fast: 1 round of * steps; no earlier result",
            "all 3 cells: by earlier results * s*, set-up and scoring not included; 2 of *",
        ]
    )


def test_a_plan_counts_the_user_s_own_rows(suite: pytest.Pytester) -> None:
    """A local file is read and split, without torch, and the steps follow from it."""
    rows = [
        json.dumps({"func": f"int f{i}(void) {{ return {i}; }}", "target": i % 2})
        for i in range(400)
    ]
    (suite.path / "own.jsonl").write_text("\n".join(rows))
    output = planned(suite, "--green-data=T2=own.jsonl", "-k", "V0")
    output.stdout.fnmatch_lines(
        [
            "    data own.jsonl: 320 / 40 / 40 train / valid / test",
            "    T2-V0_baseline: 1 round of * steps;*",
        ]
    )
    output.stdout.fnmatch_lines(["network: [[]] torch: False *"])


@pytest.mark.parametrize("path", ["nowhere.jsonl", f"{300 * 'x'}.jsonl"])
def test_wrong_data_end_a_plan_in_a_sentence(suite: pytest.Pytester, path: str) -> None:
    """The exit code is 4, and there is no traceback: nor for a name that is too long for a file."""
    output = run_here(suite, "--green-plan", f"--green-data=T2={path}")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    text = output.stdout.str() + output.stderr.str()
    assert path in text
    assert "Traceback" not in text


def test_a_plan_runs_nothing_in_another_repository(pytester: pytest.Pytester) -> None:
    """Without a matrix there is no plan, and still no test runs."""
    pytester.makepyfile("def test_x(): raise SystemExit(3)")
    output = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--green-plan")
    assert output.ret == pytest.ExitCode.OK
    output.stdout.fnmatch_lines(["*1 test collected*"])


LISTING = """
import sys, pytest

for more in [], ["--green-plan"], ["--green-plan", "--green-profile=full"]:
    pytest.main(["bench", "--collect-only", "-q", "-p", "no:cacheprovider", *more])
    print("torch:", "torch" in sys.modules)
"""


def test_listing_and_planning_the_real_suite_leave_torch_alone() -> None:
    """Both tasks are listed at once, and planned, without torch, so that it stays instant."""
    output = subprocess.run(
        [sys.executable, "-c", LISTING], capture_output=True, text=True, check=True, cwd=ROOT
    )
    *listed, rest = output.stdout.split("torch: False\n")
    assert (len(listed), rest) == (3, "")
    for place, text in enumerate(listed):
        for name in ("test_translation[T1-V0_baseline]", "test_vulnerability[T2-V7_all_optimised]"):
            assert name in text
        planned = "T1: model M1 = " in text and "T2-V7_all_optimised: " in text
        assert planned == (place > 0)
