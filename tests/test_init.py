"""``greenbench init``: a suite that runs at once, in any repository, and never over a file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_extras import WITHOUT

from greenbench.cli import main
from greenbench.experiment import matrix
from greenbench.experiment.knobs import changes
from greenbench.experiment.starter.kinds import KINDS

Tree = dict[str, bytes]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> Tree:
    """Return all files with their bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that has to end with a sentence and to leave everything as it was."""
    before = tree(Path())
    folders = sorted(Path().rglob("*/"))
    assert main(["init", *arguments, "--yes"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("greenbench init: ")
    assert tree(Path()) == before
    assert sorted(Path().rglob("*/")) == folders
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_a_suite_of_each_kind_passes_check(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It has V0 and two variants, each of which changes something."""
    assert main(["init", "--task", kind, "--yes"]) == 0
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert said.endswith(f"tasks: {KINDS[kind].task}\n")
    baseline, *others = matrix.load(Path("experiment.md"), Path("variants")).variants
    assert not changes(baseline)
    assert len(others) == 2
    assert all(map(changes, others))


def test_a_second_run_changes_nothing_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever it is asked for then; a variant can be added to what was made."""
    assert main(["init", "--yes", "--task", "function"]) == 0
    assert capsys.readouterr().out.endswith("next:\n  pytest bench\n  greenbench compare results\n")
    made = tree(Path())
    assert main(["init", "--yes", "--task", "function"]) == 0
    assert "there is a suite already; nothing was changed" in capsys.readouterr().out
    assert tree(Path()) == made
    assert main(["new", "V3_thread", "--set", "system.cpu_threads=1"]) == 0
    assert main(["check"]) == 0


def test_what_an_ended_run_has_left_is_taken_over() -> None:
    """The experiment's tables are written last: where they lack, the rest is completed."""
    assert main(["init", "--yes", "--task", "function"]) == 0
    made = tree(Path())
    Path("experiment.md").unlink()
    Path("tasks/points.py").unlink()
    assert main(["init", "--yes", "--task", "function"]) == 0
    assert tree(Path()) == made


@pytest.mark.parametrize(
    "path", ["bench/conftest.py", "bench/test_mine.py", "variants/V0_old/config.yaml"]
)
def test_a_file_in_the_way_is_named_and_nothing_is_written(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not overwritten; a folder of its own would work, and does."""
    Path(path).parent.mkdir(parents=True)
    Path(path).write_text("mine")
    said = refused(capsys)
    assert said.startswith(f"greenbench init: {path} is there already")
    assert main(["init", "green", "--yes", "--task", "function"]) == 0
    assert Path(path).read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task", "poetry"], "--task poetry: there is no such kind; take function"),
        (["--task", "function", "--data", "x.csv"], "--data: a task of kind function says it"),
        (["--name", "two words"], "--name two words: a task's name is one word"),
        (["--name", "energy"], "nothing has changed, as the suite would not run"),
        (["--task", "function", "file/green"], "file"),
    ],
)
def test_a_wrong_call_ends_in_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And leaves no file and no folder."""
    Path("file").touch()
    assert said in refused(capsys, *arguments)


def test_what_is_around_stays_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are added to .gitignore; conftest.py, options of pytest and a workflow stay."""
    Path("conftest.py").write_text("# mine\n")
    Path("pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    Path(".gitignore").write_bytes(b"*.log\n/results/")
    place = Path(".github/workflows/greenbench.yml")
    place.parent.mkdir(parents=True)
    place.write_text("mine: true\n")
    assert main(["init", "--yes", "--task", "function"]) == 0
    said = capsys.readouterr().out
    assert "not touched: conftest.py, pyproject.toml; bench/conftest.py opens the suite" in said
    assert f"not touched: {here / place}, which is there already" in said
    assert "added to .gitignore: /.benchmarks/ __pycache__/" in said
    assert Path(".gitignore").read_bytes() == b"*.log\n/results/\n/.benchmarks/\n__pycache__/\n"
    assert Path("conftest.py").read_text() == "# mine\n"
    assert place.read_text() == "mine: true\n"
    assert not Path("pytest.ini").exists()


def test_a_suite_of_functions_runs_without_any_extra(here: Path) -> None:
    """From nothing to a table, its files and a comparison; every knob is proved."""
    commands = [
        ["greenbench", "init", "--yes"],
        ["greenbench", "check"],
        ["pytest", "bench", "-p", "no:cacheprovider"],
        ["greenbench", "compare", "results"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        input=json.dumps(commands),
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE) == ["0"] * 4, said
    assert "points V1" in done.stdout
    for file in Path("results").glob("V[12]_*.json"):
        (cell,) = json.loads(file.read_text())["cells"]
        assert cell["status"] == "ok", cell
        assert cell["quality"]["accuracy"]["value"] > 0.5
