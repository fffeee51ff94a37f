"""``greenbench init``: a suite that runs at once, in any repository, and never over a file."""

from __future__ import annotations

import builtins
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from test_extras import WITHOUT

from greenbench import extras
from greenbench.cli import main
from greenbench.experiment import matrix
from greenbench.experiment.knobs import changes
from greenbench.experiment.starter.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

Tree = dict[str, bytes]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tree(folder: Path) -> Tree:
    """Return all files with their bytes, but for bytecode."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def folders_of(folder: Path) -> list[Path]:
    """Return all folders, but for those of bytecode."""
    return sorted(path for path in folder.rglob("*/") if path.name != "__pycache__")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that has to end with a sentence and to leave everything as it was."""
    before = tree(Path())
    folders = folders_of(Path())
    assert main(["init", *arguments, "--yes"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("greenbench init: ")
    assert tree(Path()) == before
    assert folders_of(Path()) == folders
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
    assert main(["init", "--yes", "--task", "regression"]) == 0
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


def test_a_task_that_is_there_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """The suite is made around it, with V0 alone, and says how the first variant is made."""
    assert main(["init", "other", "--yes", "--task", "function"]) == 0
    Path("tasks").mkdir()
    file = Path("other/tasks/points.py").rename("tasks/mine.py")
    text = file.read_text()
    assert "--task: tasks/mine.py is there, and says it" in refused(
        capsys, "--name", "mine", "--task", "function"
    )
    assert main(["init", "--yes", "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "task mine (function), V0 alone\n" in said
    commands = ["greenbench knobs", "greenbench new V1_name --set STAGE.KNOB=VALUE", "pytest bench"]
    assert "next:\n  " + "\n  ".join(commands) in said
    assert file.read_text() == text
    assert main(["new", "V1_short", "--set", "training.epochs=2"]) == 0
    assert main(["check"]) == 0
    assert 'task="mine"' in Path("bench/test_mine.py").read_text()


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
        (["--task", "poetry"], "--task poetry: there is no such kind; take text-classification"),
        (["--task", "function", "--data", "x.csv"], "--data: a task of kind function says it"),
        (["--data", "missing.csv"], "--data missing.csv: there is no such file"),
        (["--data", "own.csv"], "no column for the label (label, class, category, topic,"),
        (["--data", "own.csv"], "among review, opinion; say which has it: --columns label:COLUMN"),
        (["--data", "own.csv", "--columns", "label:x"], "no column for the label (x)"),
        (["--data", "both.csv"], "several columns for the text"),
        (["--model", "./missing"], "--model ./missing: there is no such file or folder"),
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
    Path("own.csv").write_text("review,opinion\na,b\n")
    Path("both.csv").write_text("review,text,label\na,b,c\n")
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


def test_a_suite_in_a_folder_has_options_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """The workflow, at the top of the repository, works in the folder."""
    Path("pyproject.toml").write_text("[project]\nname = 'a'\n")
    Path("requirements.txt").touch()
    Path("reviews.csv").write_text("text,stars\nfine,5\nbad,1\n")
    call = ["init", "perf/green", "--yes", "--data", "reviews.csv", "--columns", "label:stars"]
    assert main(call) == 0
    assert "  cd perf/green\n  pytest bench\n" in capsys.readouterr().out
    assert Path("perf/green/pytest.ini").is_file()
    assert not Path("perf/green/.github").exists()
    job = yaml.safe_load(Path(".github/workflows/greenbench.yml").read_text())["jobs"]["measure"]
    assert job["defaults"]["run"]["working-directory"] == "perf/green"
    (install,) = [s["run"] for s in job["steps"] if s.get("name") == "Install"]
    assert install == "pip install -r ../../requirements.txt -e ../.. 'greenbench[suite]'"
    (gates,) = [s["run"] for s in job["steps"] if "greenbench ci" in s.get("run", "")]
    assert '--gate "reviews.accuracy >= saved-0.02"' in gates
    task = yaml.safe_load(Path("perf/green/tasks/reviews.yaml").read_text())
    assert task["data"] == {"source": "../../reviews.csv", "columns": {"label": "stars"}}
    assert not Path("perf/green/data").exists()


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Sit at a terminal and give these answers; return the questions as they come."""
    waiting: Iterator[str] = iter(answers)
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        try:
            return next(waiting)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(builtins, "input", answer)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    return asked


def test_a_terminal_is_asked_three_questions_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong kind is asked for again; Return takes what is offered; options answer beforehand."""
    asked = answering(monkeypatch, "poetry", "seq2seq", "", "")
    assert main(["init", "a"]) == 0
    assert [question.split(":")[0] for question in asked] == [
        *["Which kind of task"] * 2,
        "Which data",
        "Which model",
    ]
    assert "[llama_tiny]" in asked[-1]
    assert "task tickets (causal-lm), V0 and 2 variants" in capsys.readouterr().out
    asked = answering(monkeypatch)
    assert main(["init", "b", "--task", "function"]) == 0
    assert asked == []
    assert main(["init", "c"]) == 2
    assert "the input has ended, and nothing was written" in capsys.readouterr().err
    assert not Path("c").exists()


def test_without_torch_the_functions_are_one_s_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another kind is made if it is asked for, with the line that installs what it needs."""
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert main(["init", "a", "--yes"]) == 0
    assert "(function)" in capsys.readouterr().out
    assert main(["init", "b", "--yes", "--task", "regression"]) == 0
    assert (
        "lacks what its model runs in: pip install 'greenbench[suite]'" in capsys.readouterr().out
    )


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
    *others, compared = re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE)
    assert others == ["0"] * 3, said
    # On a busy machine a variant may have taken longer: that is a verdict and no fault.
    assert compared in {"0", "1"}, said
    verdicts = done.stdout.partition("$ greenbench compare results")[2]
    assert re.search(r"points-V1_fewer_epochs .* x .*(PASS|FAIL|INCONCLUSIVE)", verdicts), said
    for file in Path("results").glob("V[12]_*.json"):
        (cell,) = json.loads(file.read_text())["cells"]
        assert cell["status"] == "ok", cell
        assert cell["quality"]["accuracy"]["value"] > 0.5


@pytest.mark.slow
def test_a_suite_of_texts_runs(here: Path) -> None:
    """The default where torch is installed, with the shipped model and a part of its data."""
    python = [sys.executable, "-m"]
    few = "--green-size=tickets=train:96,valid:16,test:48,epochs:1"
    bench = ["pytest", "bench", "-p", "no:cacheprovider", few]
    for command in (["greenbench", "init", "--yes"], bench):
        done = subprocess.run(
            [*python, *command], cwd=here, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "tickets V1" in done.stdout
    for file in Path("results").glob("V*.json"):
        (cell,) = json.loads(file.read_text())["cells"]
        assert cell["status"] == "ok", cell
