"""The command lines of workflows give what docs/ci.md and CONTRIBUTING.md promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stub_suite
import yaml

import greenbench
from tests.run.change.conftest import change, git

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "docs/examples"
FETCHES = ("apt-get", "pip install", "gh api")
"""Lines that need a network: installing, and keeping the comment up to date."""
BLOCKS = "--blocks 16"
"""What the examples measure; tests measure two blocks."""


def github() -> list[str]:
    """Return the command lines of the workflow's steps."""
    steps = yaml.safe_load((EXAMPLES / "github.yml").read_text())["jobs"]["measure"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def gitlab() -> list[str]:
    """Return the command lines of the job."""
    jobs = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    return [*jobs["default"]["before_script"], *jobs["gates"]["script"]]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clone a repository of the stub suite with a V7, as a service does, for a branch of a change.

    A job's variables are set.
    """
    origin = tmp_path / "origin"
    origin.mkdir()
    stub_suite.write(origin)
    (origin / "variants/V1_fast").rename(origin / "variants/V7_fast")
    text = (origin / "experiment.md").read_text()
    (origin / "experiment.md").write_text(text.replace("V1_fast", "V7_fast"))
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", "-A")
    git(origin, "commit", "--quiet", "-m", "the suite")
    git(tmp_path, "clone", "--quiet", str(origin), "checkout")
    git(tmp_path / "checkout", "checkout", "--quiet", "-b", "change")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "checkout/summary.md"))
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    monkeypatch.setenv("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "checkout"


def job(checkout: Path, lines: list[str]) -> list[int]:
    """Run a job's command lines except those that need a network; return their exit codes."""
    codes = []
    for line in lines:
        if not any(word in line for word in FETCHES):
            command = ["bash", "-e", "-o", "pipefail", "-c", line.replace(BLOCKS, "--blocks 2")]
            ended = subprocess.run(command, cwd=checkout, check=False, capture_output=True)
            codes.append(ended.returncode)
    return codes


@pytest.mark.slow
def test_a_change_that_does_more_fails(checkout: Path) -> None:
    """On GitHub: the exit code, the comment and the JUnit file that the workflow keeps."""
    change(checkout, '"flops_training": 1000', '"flops_training": 1100')
    assert job(checkout, github()) == [1, 0]
    comment = (checkout / "comment.md").read_text()
    assert comment.startswith("<!-- greenbench -->\n")
    assert (
        "| flops &lt;= saved | T2-V7_fast | 1110 FLOP | 1010 FLOP | x 1.099 | REGRESSED |"
        in comment
    )
    assert 'classname="flops &lt;= saved"' in (checkout / "junit.xml").read_text()
    assert (checkout / "summary.md").read_text() == comment


@pytest.mark.slow
def test_a_change_that_costs_nothing_passes(checkout: Path) -> None:
    """On GitLab: another message in the suite is no loss."""
    change(checkout, "the stub fails here", "the stub fails")
    assert job(checkout, gitlab()) == [0, 0]


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_walls_are_installed(name: str) -> None:
    """Without bubblewrap hosted runners would not run generated programs at all."""
    assert "install -y bubblewrap" in (EXAMPLES / name).read_text()


@pytest.mark.parametrize("lines", [github(), gitlab()], ids=["github", "gitlab"])
def test_examples_measure_enough_blocks(lines: list[str]) -> None:
    """The number that docs/ci.md has error rates for."""
    assert sum(BLOCKS in line for line in lines) == 1


def release() -> dict[str, Any]:
    """Return the jobs of the release workflow."""
    return yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]


@pytest.mark.parametrize(
    ("tag", "heading", "said"),
    [
        (f"v{greenbench.__version__}", "(2026-12-24)", ""),
        (f"v{greenbench.__version__}", "(unreleased)", "docs/changelog.md has no section"),
        ("v999.0", "(2026-12-24)", f"says {greenbench.__version__}"),
    ],
)
def test_a_release_is_the_version_and_in_the_changelog(
    tmp_path: Path, tag: str, heading: str, said: str
) -> None:
    """The workflow's own lines refuse another tag, and a version whose section has no date."""
    for name in ("greenbench/__init__.py", "docs/changelog.md"):
        (tmp_path / name).parent.mkdir()
        text = (ROOT / name).read_text("utf-8")
        (tmp_path / name).write_text(text.replace("(unreleased)", heading))
    (step,) = [s for s in release()["build"]["steps"] if s.get("name", "").startswith("Refuse")]
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        env={**os.environ, "GITHUB_REF_NAME": tag},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (said == ""), done.stdout
    assert said in done.stdout


def test_a_release_is_published_without_a_token() -> None:
    """The one job that may prove who it is runs no code of the repository."""
    jobs = release()
    assert "permissions" not in jobs["build"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"
    steps = [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]]
    assert steps == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert "with" not in jobs["publish"]["steps"][1]


def test_issue_forms_ask_for_what_an_answer_needs() -> None:
    """Each form has a name, and one text at least that must be given."""
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
    assert [form.stem for form in forms] == ["bug", "idea", "number"]
    for form in forms:
        asked = yaml.safe_load(form.read_text("utf-8"))
        assert {"name", "description", "body"} <= set(asked)
        required = [part for part in asked["body"] if part.get("validations", {}).get("required")]
        assert required, form.name


def test_the_citation_has_what_its_format_requires() -> None:
    """The fields that version 1.2.0 of the Citation File Format demands."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    assert cited["authors"] == [{"name": "The greenbench authors"}]
