"""Which tests a gate judges: each by its file, its last attempt, and only what was selected."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import stub_suite

if TYPE_CHECKING:
    from pathlib import Path

GATE = "--green-gate=time <= 1000*saved"
CI = f"""
[tool.pytest.ini_options]
addopts = "{stub_suite.LEAN}"
markers = ["smoke: quick ones"]
"""
CONFTEST = """
import types

import pytest
from greenbench.machine.energy import open_window

@pytest.fixture
def takes(measure, monkeypatch):
    clock = types.SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(open_window, "time", clock)
    seconds = []

    def work():
        clock.now += seconds[-1]
        seconds[-1] *= 1.01

    def measured(each):
        seconds.append(each)
        measure(work, rounds=2)

    return measured
"""
"""Functions take the seconds that they say, by a clock that nobody else moves."""
QUICK = """
import pytest

@pytest.mark.smoke
def test_step(takes):
    takes(0.002)

def test_other(takes):
    takes(0.002)
"""
SLOW = """
def test_step(takes):
    takes(0.2)
"""
RERUN = """
import pytest
from _pytest.runner import runtestprotocol

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    for attempt in (1, 2):
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        again = attempt == 1 and any(report.failed for report in reports)
        for report in reports:
            if again and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
        if not again:
            return True
        item._initrequest()
"""
FLAKY = """
ATTEMPTS = []

def test_flaky(measure):
    measure(lambda: None, rounds=2)
    ATTEMPTS.append(1)
    assert len(ATTEMPTS) > 1
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure functions of one name in two files, with main.json beside them."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "pyproject.toml").write_text(CI)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_a.py").write_text(QUICK)
    (folder / "sub").mkdir()
    (folder / "sub/test_b.py").write_text(SLOW)
    arguments = ["-q", "--import-mode=importlib", "--benchmark-json=main.json", "."]
    session = stub_suite.run_pytest(folder, *arguments)
    assert session.ret == 0
    return folder


@pytest.fixture
def suite(
    pytester: pytest.Pytester,
    measured: Path,
    monkeypatch: pytest.MonkeyPatch,
    libraries: None,  # noqa: ARG001
) -> pytest.Pytester:
    """Copy the measured functions."""
    shutil.copytree(measured, pytester.path, dirs_exist_ok=True)
    monkeypatch.setenv("COLUMNS", "200")
    return pytester


def run(suite: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the functions inside this process."""
    options = ("-p", "no:cacheprovider", "--import-mode=importlib", "--benchmark-quiet")
    return suite.runpytest_inprocess(*options, *arguments)


def test_functions_of_one_name_are_told_apart_by_their_files(suite: pytest.Pytester) -> None:
    """The slow one of the two is judged too; the other's record took its place before."""
    done = run(suite, "--green-gate=time <= 0.1")
    assert done.ret == 1
    done.stdout.fnmatch_lines_random(
        ["sub/test_b.py::test_step *FAIL*", "test_a.py::test_step *PASS*"]
    )
    assert not (suite.path / "results").exists()


def test_a_saved_run_of_short_names_is_read_by_its_node_ids(suite: pytest.Pytester) -> None:
    """An earlier greenbench named functions without their files."""
    file = suite.path / "main.json"
    data = json.loads(file.read_text())
    for benchmark in data["benchmarks"]:
        benchmark["extra_info"]["greenbench"]["id"] = benchmark["name"]
    file.write_text(json.dumps(data))
    done = run(suite, "--benchmark-compare=main.json", GATE)
    assert done.ret == 0
    done.stdout.fnmatch_lines_random(
        ["sub/test_b.py::test_step * x *PASS*", "test_a.py::test_step * x *PASS*"]
    )


@pytest.mark.parametrize(
    ("arguments", "unselected"),
    [
        (("-m", "smoke"), "sub/test_b.py::test_step, test_a.py::test_other"),
        (("-k", "other"), "sub/test_b.py::test_step, test_a.py::test_step"),
        (("--deselect=test_a.py::test_other",), "test_a.py::test_other"),
        (("test_a.py::test_step",), "sub/test_b.py::test_step, test_a.py::test_other"),
        (("test_a.py",), "sub/test_b.py::test_step"),
        (("sub",), "test_a.py::test_step, test_a.py::test_other"),
        (("--ignore=sub",), "sub/test_b.py::test_step"),
        (("--ignore-glob=*_b.py",), "sub/test_b.py::test_step"),
    ],
)
def test_what_was_not_selected_is_told_and_not_judged(
    suite: pytest.Pytester, arguments: tuple[str, ...], unselected: str
) -> None:
    """However a person leaves out tests, they are not missing."""
    done = run(suite, *arguments, "--benchmark-compare=main.json", GATE)
    assert done.ret == 0
    done.stdout.fnmatch_lines([f"- not selected, and so not judged: {unselected} of main.json"])


@pytest.mark.parametrize(
    ("change", "arguments", "missing"),
    [
        (("test_a.py", "def test_other", "def test_renamed"), ("test_a.py",), "test_other"),
        (("test_a.py", "def test_other", "def test_renamed"), ("-m", "smoke"), "test_other"),
        (("test_a.py", "def test_other", "def helper"), ("-k", "step"), "test_other"),
        (
            ("test_a.py", "def test_other(takes):", "def test_other():\n    return"),
            (),
            "test_other",
        ),
    ],
)
def test_what_is_gone_is_missing_whatever_was_selected(
    suite: pytest.Pytester, change: tuple[str, str, str], arguments: tuple[str, ...], missing: str
) -> None:
    """A test that was renamed, removed, or measures nothing any more, fails the gate."""
    name, old, new = change
    file = suite.path / name
    file.write_text(file.read_text().replace(old, new))
    done = run(suite, *arguments, "--benchmark-compare=main.json", GATE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        [f"*MISSING*test_a.py::{missing}: main.json has it and this run has*"]
    )


@pytest.mark.parametrize("arguments", [(), ("--benchmark-disable",), ("--benchmark-skip",)])
def test_a_selected_function_that_leaves_no_record_is_missing(
    suite: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    """A test that is skipped, or benchmarks that are switched off, pass no gate of the project."""
    (suite.path / "pyproject.toml").write_text(f'{CI}\n[tool.greenbench]\ngate = "time <= 1000"\n')
    file = suite.path / "test_a.py"
    file.write_text(file.read_text().replace("@pytest.mark.smoke", "@pytest.mark.skip"))
    done = run(suite, *arguments, "test_a.py")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*MISSING*test_a.py::test_step*it was selected and left no record*"])


def test_of_several_attempts_the_last_counts_and_the_earlier_is_told(
    suite: pytest.Pytester,
) -> None:
    """A rerun leaves one record in the report and in the saved run, which is a baseline again."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(RERUN)
    (suite.path / "test_flaky.py").write_text(FLAKY)
    done = run(suite, "test_flaky.py", "--benchmark-json=flaky.json", "--green-gate=time <= 1000")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["Gates: 1 PASS.", "*the attempt before the last one failed*"])
    (saved,) = json.loads((suite.path / "flaky.json").read_text())["benchmarks"]
    record = saved["extra_info"]["greenbench"]
    assert (record["id"], record["outcome"]) == ("test_flaky.py::test_flaky", "passed")
    assert run(suite, "test_flaky.py", "--benchmark-compare=flaky.json", GATE).ret == 0
