"""A session cannot end in 0 with nothing judged: by an early exit, or without its plugins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
import stub_suite

from greenbench.cli import main
from greenbench.plugin.early_exit import EarlyExit
from greenbench.run import ending

if TYPE_CHECKING:
    from pathlib import Path

QUIET = ("-q", "--benchmark-quiet", "-k", "V0")


@pytest.fixture
def suite(pytester: pytest.Pytester, libraries: None) -> pytest.Pytester:  # noqa: ARG001
    """Write the stub suite with a gate that its cells meet."""
    stub_suite.write(pytester.path)
    with (pytester.path / "pyproject.toml").open("a") as file:
        file.write('[tool.greenbench]\ngate = "time <= 1000"\n')
    return pytester


@pytest.fixture
def gated(suite: pytest.Pytester) -> Path:
    """Return the suite's folder, for a process of its own."""
    return suite.path


def test_a_cell_that_ends_the_process_ends_it_in_1(gated: Path) -> None:
    """``os._exit(0)`` in a cell is one sentence and exit code 1."""
    ended = stub_suite.run(gated, *QUIET, STUB="T2-V0_baseline=exit")
    assert ended.ret == 1
    ended.stdout.fnmatch_lines(["*ended this process with os._exit(0)*so the exit code is 1"])


def test_a_cell_that_stops_the_session_leaves_its_gate_missing(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``pytest.exit`` with 0 judges what was selected."""
    monkeypatch.setenv("STUB", "T2-V0_baseline=stop")
    ended = stub_suite.run_here(suite, *QUIET)
    assert ended.ret == 1
    ended.stdout.fnmatch_lines(["*MISSING*T2-V0_baseline: it was selected and left no record*"])


@pytest.mark.parametrize(
    ("arguments", "variables", "plugin"),
    [
        (("-p", "no:greenbench"), {}, "greenbench.plugin"),
        (("-p", "no:benchmark"), {}, "pytest_benchmark.plugin"),
        (("-p", "no:greenbench-suite"), {}, "greenbench-suite"),
        ((), {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, "greenbench.plugin"),
    ],
)
def test_a_matrix_without_its_plugins_is_a_usage_error(
    gated: Path, arguments: tuple[str, ...], variables: dict[str, str], plugin: str
) -> None:
    """``use_matrix`` in conftest.py notices that nothing would be measured or judged."""
    ended = stub_suite.run(gated, "-q", "-k", "V0", *arguments, **variables)
    assert ended.ret == 4
    ended.stderr.fnmatch_lines([f"*{plugin} is switched off, so *"])


@pytest.mark.parametrize("option", ["--benchmark-disable", "--benchmark-skip", "--setup-plan"])
def test_a_session_that_measures_nothing_does_not_pass_its_gates(
    suite: pytest.Pytester, option: str
) -> None:
    """Cells that were selected and left no record are missing."""
    ended = stub_suite.run_here(suite, *QUIET, option)
    assert ended.ret == 1
    ended.stdout.fnmatch_lines(["*MISSING*T2-V0_baseline: it was selected and left no record*"])


@pytest.mark.parametrize("option", ["--fixtures", "--collect-only"])
def test_listing_judges_nothing(suite: pytest.Pytester, option: str) -> None:
    """A session that runs no test needs to meet no gate."""
    ended = stub_suite.run_here(suite, "-q", option)
    assert (ended.ret, "MISSING" in ended.stdout.str()) == (0, False)


def run_command(folder: Path, *arguments: str, **variables: str) -> pytest.RunResult:
    """Run ``greenbench run`` in ``folder``."""
    return stub_suite.process(
        folder, sys.executable, "-m", "greenbench", "run", *arguments, **variables
    )


def test_greenbench_run_passes_a_whole_session_on(gated: Path) -> None:
    """A session that ends by itself keeps its exit code."""
    ended = run_command(gated, *QUIET)
    assert (ended.ret, ended.stderr.str()) == (0, "")


def test_greenbench_run_notices_a_program_that_took_the_process(gated: Path) -> None:
    """The process ends in 0 and cannot say that its session did not; its parent does."""
    ended = run_command(gated, *QUIET, STUB="T2-V0_baseline=exec")
    assert ended.ret == 1
    ended.stderr.fnmatch_lines(["greenbench run: pytest ended with 0 before its session's end*"])


def test_greenbench_run_notices_that_its_plugin_is_switched_off(gated: Path) -> None:
    """Without conftest.py and plugin, a test of pytest alone passes, and no gate is judged."""
    (gated / "bench/test_vulnerability.py").write_text("def test_plain():\n    pass\n")
    ended = run_command(gated, "-q", "--noconftest", "-p", "no:greenbench")
    assert ended.ret == 1
    ended.stdout.fnmatch_lines(["1 passed*"])
    ended.stderr.fnmatch_lines(["greenbench run: *without greenbench's plugin*"])


def test_greenbench_run_asks_for_a_version_only(
    gated: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """``--version`` starts no session, and is no failure."""
    monkeypatch.chdir(gated)
    assert main(["run", "--version"]) == 0
    assert "pytest" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("status", "text", "verified"),
    [(0, "0", 0), (0, "1", 1), (0, None, 1), (0, "", 1), (4, None, 4), (-9, None, -9)],
)
def test_only_a_stated_0_is_a_0(
    tmp_path: Path, status: int, text: str | None, verified: int
) -> None:
    """Other exit codes stand as they are."""
    file = tmp_path / "ending"
    if text is not None:
        file.write_text(text)
    found, problem = ending.verified(status, file)
    assert found == verified
    assert bool(problem) == (found != status)


def test_forked_children_may_end_as_they_like() -> None:
    """Only the session's own process is watched, and the original function comes back."""
    original = os._exit
    early_exit = EarlyExit(lambda: None, print)
    try:
        child = os.fork()
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    finally:
        early_exit.restore()
    assert os._exit is original


def test_an_exit_after_the_session_keeps_its_status() -> None:
    """An exit handler that calls ``os._exit(0)`` does not hide a failed gate."""
    code = (
        "import os; from greenbench.plugin.early_exit import EarlyExit\n"
        "EarlyExit(lambda: 3, print); os._exit(0)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 3
