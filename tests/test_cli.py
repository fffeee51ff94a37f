"""The command line, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def greenbench(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Run the command in a process of its own."""
    code = "import sys; from greenbench.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def test_check_passes_on_the_project_itself() -> None:
    """experiment.md and variants/ agree."""
    done = greenbench("check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 folders of variants/ agree; tasks: T1, T2" in done.stdout


def test_check_lists_what_is_wrong_and_exits_with_2(tmp_path: Path) -> None:
    """No traceback, and the file is named."""
    done = greenbench("check", str(tmp_path))
    assert done.returncode == 2
    assert "experiment.md" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"), [(("--nonsense",), "--nonsense"), (("-k", "V7"), "-k"), ((".", "second"), "second")]
)
def test_check_refuses_what_it_does_not_know(arguments: tuple[str, ...], named: str) -> None:
    """A word too many is no folder, and no option of pytest's is swallowed."""
    done = greenbench("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"unrecognized arguments: {named}\n" in done.stderr
    assert "usage: greenbench check" in done.stderr


def test_run_passes_arguments_on_in_their_order(suite: pytest.Pytester) -> None:
    """What follows is pytest's, options with values of their own too; one cell runs and exit code 0 comes back."""
    done = greenbench("run", "-k", "V0 and T2", "--green-rounds", "2", "-p", "no:cacheprovider", "-rA", cwd=suite.path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED bench/test_vulnerability.py::test_vulnerability[T2-V0_baseline]" in done.stdout
    assert "V1_fast" not in done.stdout
    (file,) = (suite.path / "results").glob("*.json")
    assert len(json.loads(file.read_text())["cells"][0]["rounds"]) == 2


@pytest.mark.parametrize(
    ("arguments", "fault", "code"),
    [(["-k", "V0"], "T2-V0_baseline=raise", 1), (["--green-profile=huge"], "", 4), (["-k", "V99"], "", 5)],
)
def test_run_passes_exit_codes_on(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: list[str], fault: str, code: int
) -> None:
    """A failed cell, a wrong option and an empty selection end as they do in pytest."""
    monkeypatch.setenv("STUB", fault)
    assert greenbench("run", *arguments, "-p", "no:cacheprovider", cwd=suite.path).returncode == code


def test_run_with_plan_prints_it_and_runs_nothing(suite: pytest.Pytester) -> None:
    """``--plan`` may stand anywhere; no result is written."""
    done = greenbench("run", "-k", "V1_", "--plan", "-p", "no:cacheprovider", cwd=suite.path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "greenbench: profile tiny" in done.stdout
    assert "T2-V1_fast: 1 round of" in done.stdout
    assert not (suite.path / "results").exists()


def test_run_without_a_suite_says_where_it_looks(tmp_path: Path) -> None:
    """One sentence names the folder."""
    done = greenbench("run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"greenbench run: there is no folder bench in {tmp_path}")
