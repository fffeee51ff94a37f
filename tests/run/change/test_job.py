"""``greenbench ci`` on a real repository: what it writes, how it ends, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.run.change import environments
from greenbench.run.change.cleanup import Workspace
from tests.run.change.conftest import change, git, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORK = "self.uses(0.7)"
"""What training takes in each cell of the suite, in joules."""
BLOCKS = 2


class Ended(NamedTuple):
    """A job that has ended."""

    status: int
    output: str
    errors: str


@pytest.fixture
def ci(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Ended]:
    """Run ``greenbench ci`` inside this process, and check that it leaves nothing behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(project)

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        status = main(["ci", "--base", "main", *arguments])
        assert list(temporary.iterdir()) == []
        assert len(git(project, "worktree", "list").splitlines()) == 1
        return Ended(status, *capfd.readouterr())

    return run


class Measured(NamedTuple):
    """A job in a process of its own, and what it wrote."""

    done: subprocess.CompletedProcess[str]
    project: Path

    @property
    def results(self) -> dict:
        """The results file."""
        (file,) = (self.project / "results").iterdir()
        return json.loads(file.read_text())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measure a change whose training takes ten times as much, which the gate allows."""
    project = write_project(tmp_path_factory.mktemp("measured") / "project")
    change(project, WORK, "self.uses(7)")
    command = [sys.executable, "-m", "greenbench", "ci", "--base=main", f"--blocks={BLOCKS}"]
    command += ["--gate=training.energy <= 1000*saved", "--comment=comment.md", "--junit=junit.xml"]
    command += ["--", "-k", "V0"]
    done = subprocess.run(command, cwd=project, check=False, capture_output=True, text=True)
    return Measured(done, project)


def test_each_side_runs_its_own_code(measured: Measured) -> None:
    """The ratio is that of the two trees' work, not 1."""
    (verdict,) = measured.results["verdicts"]
    assert (verdict["cell"], verdict["outcome"]) == ("T2-V0_baseline", "PASS")
    assert 9 < verdict["change"] < 11
    assert verdict["reference"] == f"T2-V0_baseline of main ({head_of(measured)[:9]})"


def head_of(measured: Measured) -> str:
    """Return the commit that is checked out."""
    return git(measured.project, "rev-parse", "HEAD")


def test_blocks_begin_with_either_side_in_turn(measured: Measured) -> None:
    """A drift strikes both sides alike."""
    sessions = measured.results["sessions"]
    sides = ["base", "head", "head", "base"]
    assert [s["side"] for s in sessions] == sides
    assert [s["block"] for s in sessions] == [0, 0, 1, 1]
    assert [s["position"] for s in sessions] == list(range(2 * BLOCKS))


def test_blocks_of_a_side_have_seeds_of_their_own(measured: Measured) -> None:
    """And both sides of a block the same one, so that they do the same work."""
    seeds = {"base": [], "head": []}
    for session in measured.results["sessions"]:
        (benchmark,) = session["saved_run"]["benchmarks"]
        seeds[session["side"]] += benchmark["extra_info"]["greenbench"]["seeds"]
    assert seeds == {"base": [0, 1], "head": [0, 1]}


def test_the_results_file_says_what_was_compared(measured: Measured) -> None:
    """Commits, gates and where they come from."""
    results, commit = measured.results, head_of(measured)
    assert results["base"] == {"ref": "main", "commit": commit}
    assert results["head"] == {"commit": commit, "dirty": True}
    assert results["gates_of"] == "the command line"
    assert results["failed"] is False


def test_the_comment_can_be_found_by_its_first_line(measured: Measured) -> None:
    """So a workflow keeps one comment up to date."""
    lines = (measured.project / "comment.md").read_text().splitlines()
    assert lines[0] == "<!-- greenbench -->"
    assert lines[1].startswith("## ")
    assert lines[1].endswith(": passed")
    assert "| training.energy &lt;= 1000*saved | T2-V0_baseline |" in "\n".join(lines)
    assert "- 2 blocks of both in turns, in one job" in lines


def test_junit_has_a_case_for_each_verdict(measured: Measured) -> None:
    """With the figures in words."""
    suite = ET.parse(measured.project / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("1", "0", "0")
    (case,) = suite
    assert case.get("classname") == "training.energy <= 1000*saved"
    assert "change x " in (case.findtext("system-out") or "")


def test_the_job_says_what_it_does_and_leaves_no_worktree(measured: Measured) -> None:
    """Progress on standard error, the answer on standard output."""
    assert measured.done.returncode == 0, measured.done.stderr
    assert "block 2 of 2: head, then base; about " in measured.done.stderr
    assert "wrote results/ci_" in measured.done.stdout
    assert len(git(measured.project, "worktree", "list").splitlines()) == 1


def test_the_results_file_is_compared_as_the_job_was(
    measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same gate, from the file alone, the verdict is the same."""
    (file,) = (measured.project / "results").iterdir()
    gate = "--gate=training.energy <= 1000*saved"
    assert main(["compare", str(file), gate, "--json"]) == 0
    (comparison,) = json.loads(capsys.readouterr().out)
    assert comparison["verdicts"] == measured.results["verdicts"]


PLAIN = """
import time


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_step(measure):
    measure(lambda: burn(0.02))
"""


@pytest.mark.slow
def test_plain_functions_are_compared_without_a_matrix(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """In a repository that measures code of its own, and has no folder bench."""
    shutil.rmtree(project / "bench")
    (project / "conftest.py").unlink()
    (project / "test_plain.py").write_text(PLAIN)
    git(project, "add", "-A")
    git(project, "commit", "--quiet", "-m", "plain functions")
    git(project, "branch", "--quiet", "--force", "main")
    (project / "test_plain.py").write_text(PLAIN.replace("0.02", "0.2"))
    ended = ci("--blocks=2", "--gate=energy <= 1000*saved", "--comment=comment.md")
    assert ended.status == 0, ended.errors
    comment = (project / "comment.md").read_text()
    assert "| energy &lt;= 1000*saved | test_plain.py::test_step |" in comment


@pytest.mark.slow
def test_a_loss_is_confirmed_by_fresh_blocks_before_it_fails(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """A stage of the change takes 60 % more joules."""
    change(project, WORK, "self.uses(1.12)")
    ended = ci("--blocks=2", "--gate=training.energy <= 1.05*saved", "--", "-k", "V0")
    assert ended.status == 1
    assert "2 blocks of both in turns, in one job, and as many fresh ones after" in ended.output
    (file,) = (project / "results").iterdir()
    results = json.loads(file.read_text())
    (verdict,) = results["verdicts"]
    assert verdict["outcome"] == "REGRESSED"
    assert 1.3 < verdict["change"] < 2.0
    assert "confirmed by a second set of blocks" in verdict["reason"]
    assert [s["set"] for s in results["sessions"]] == [1] * 4 + [2] * 4


def test_a_test_that_fails_ends_the_job(project: Path, ci: Callable[..., Ended]) -> None:
    """It would fail in every block; its cell is MISSING, with the reason."""
    change(project, "        end = time", "        raise ValueError('broken')\n        end = time")
    arguments = ("--comment=comment.md", "--junit=junit.xml", "--", "-k", "V0")
    ended = ci("--gate=energy <= saved", *arguments)
    assert ended.status == 1
    assert "block 2 of" not in ended.errors
    comment = (project / "comment.md").read_text()
    assert "MISSING" in comment
    assert "the cell failed: ValueError: broken" in comment
    assert "a test of head failed in block 1" in comment
    assert 'failures="2"' in (project / "junit.xml").read_text()


def test_a_session_that_measures_nothing_is_an_error(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """The end of its output says why, and which side it was."""
    change(project, "import contextlib", "import a_module_that_is_not_there, contextlib")
    git(project, "commit", "--quiet", "-am", "a mistake")
    git(project, "branch", "--quiet", "--force", "main")
    ended = ci("--", "-k", "V0")
    assert ended.status == 2
    assert ended.errors.splitlines()[1].startswith("greenbench ci: base, main (")
    assert "a_module_that_is_not_there" in ended.errors
    assert "Traceback" not in ended.errors.partition("its output ended with")[0]


def test_a_base_that_runs_the_code_of_the_change_is_refused(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """A path within the suite leads both sides to one tree, and every gate would pass."""
    (project / "product.py").write_text("")
    path = f"sys.path.insert(0, {str(project)!r}); import product; HERE ="
    change(project, "HERE =", path)
    git(project, "add", "-A")
    git(project, "commit", "--quiet", "-m", "a path")
    git(project, "branch", "--quiet", "--force", "main")
    ended = ci("--", "-k", "V0")
    assert ended.status == 2
    assert "1 of its modules come from head, such as product (" in ended.errors


def test_other_dependencies_that_nothing_installs_are_refused(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """The base's figures would be those of the change's packages; the worktree is gone again."""
    (project / "constraints.txt").write_text("numpy==2.0\n")
    ended = ci()
    assert ended.status == 2
    assert "constraints.txt of main (" in ended.errors
    assert "--base-python" in ended.errors


def test_the_interpreter_of_the_change_may_stand_for_both(
    project: Path, ci: Callable[..., Ended]
) -> None:
    """It says that other pins do not matter; then the session's own error is the first one."""
    (project / "constraints.txt").write_text("numpy==2.0\n")
    ended = ci(f"--base-python={sys.executable}", "--", "bench/not_there.py")
    assert ended.status == 2
    assert "pytest ended with 4" in ended.errors


def test_an_environment_that_cannot_be_made_is_an_error(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the end of the output; pip itself is not reached here."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        pytest.raises(UsageError, match=r"cannot be made \(pip install -e \.\); mend that"),
        workspace_in(tmp_path, project) as workspace,
    ):
        environments.build(workspace, project, "-e .")


@contextlib.contextmanager
def workspace_in(folder: Path, project: Path) -> Iterator[Workspace]:
    """Give a workspace whose cleaning process does not need the interpreter of this one."""
    workspace = Workspace(project)
    workspace.folder = folder
    yield workspace


@pytest.mark.parametrize(
    ("files", "arguments"),
    [
        ({}, ""),
        ({"constraints.txt": "a==1"}, ""),
        ({"requirements.txt": "a"}, "-r requirements.txt 'greenbench[suite]'"),
        ({"pyproject.toml": "[project]\nname = 'a'\n"}, "-e . 'greenbench[suite]'"),
        ({"../setup.py": ""}, "-e .. 'greenbench[suite]'"),
        ({"pyproject.toml": '[project]\nname = "greenbench"\n'}, "-e '.[suite]'"),
        ({"pyproject.toml": "[tool.pytest]\n"}, ""),
        (
            {"constraints.txt": "", "requirements.txt": "", "pyproject.toml": "[project]\na = 1\n"},
            "-c constraints.txt -r requirements.txt -e . 'greenbench[suite]'",
        ),
    ],
)
def test_a_base_is_installed_as_its_files_say(
    tmp_path: Path, files: dict[str, str], arguments: str
) -> None:
    """With what its suite needs of greenbench; constraints alone install nothing."""
    folder = tmp_path / "suite"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    assert environments.install_arguments(tmp_path, folder, {"suite"}) == arguments


@pytest.mark.slow
def test_a_base_with_other_dependencies_gets_them(
    tmp_path: Path, project: Path, ci: Callable[..., Ended]
) -> None:
    """Its sessions see another version of a package (one that nothing here imports)."""
    wheel(tmp_path, "here", "1.0", f"import site; site.addsitedir({site_packages()!r})")
    wheel(tmp_path, "vllm", "0.0.1", "")
    (project / "constraints.txt").write_text("vllm==0.0.2\n")
    install = f"--no-index --find-links {tmp_path} here vllm==0.0.1"
    arguments = [f"--base-install={install}", "--blocks=2", "--gate=flops <= saved"]
    ended = ci(*arguments, "--comment=comment.md", "--", "-k", "V0")
    assert ended.status == 0, ended.errors
    note = "the base ran in an environment of its own, as constraints.txt differs: pip install "
    assert note in (project / "comment.md").read_text()
    (file,) = (project / "results").iterdir()
    versions = {"base": set(), "head": set()}
    for session in json.loads(file.read_text())["sessions"]:
        packages = session["saved_run"]["greenbench"]["environment"]["packages"]
        versions[session["side"]].add(packages.get("vllm"))
    assert versions == {"base": {"0.0.1"}, "head": {None}}


def site_packages() -> str:
    """Return the folder of the packages that this process uses."""
    return sysconfig.get_path("purelib")


def wheel(folder: Path, name: str, version: str, path_line: str) -> None:
    """Write a package of which nothing but a line for Python's start is installed."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}.pth", path_line)
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        file.writestr(f"{info}/METADATA", metadata)
        tag = "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr(f"{info}/WHEEL", tag)
        file.writestr(f"{info}/RECORD", "")


def test_an_interpreter_that_is_not_there_is_refused(ci: Callable[..., Ended]) -> None:
    """Before anything is measured."""
    ended = ci("--base-python=/nowhere/python")
    assert ended.status == 2
    assert "--base-python=/nowhere/python: it cannot be run" in ended.errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--blocks=1"], "--blocks=1: give 2 or more"),
        (["--gate=time <= 3"], "--gate: no gate compares the change with its base"),
        (["--gate=nonsense"], "--green-gate: there is no metric 'nonsense'"),
        (["--allow=nonsense"], "nonsense"),
        (["--", "--green-rounds=3"], "--green-rounds is set for each session of a job"),
        (["--", "--benchmark-json", "x"], "--benchmark-json is set for each session of a job"),
    ],
)
def test_a_wrong_call_is_refused_in_clear_words(
    ci: Callable[..., Ended], arguments: list[str], sentence: str
) -> None:
    """With exit code 2, before anything is measured."""
    ended = ci(*arguments)
    assert (ended.status, ended.output) == (2, "")
    assert sentence in ended.errors
    assert "Traceback" not in ended.errors


def test_an_option_of_pytest_needs_two_dashes_before_it(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt option of this command does not get lost among pytest's."""
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit) as ended:
        main(["ci", "--base=main", "--bloks=3"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --bloks=3" in capsys.readouterr().err
