"""The command lines of the example workflows give what docs/ci.md promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import stub_suite
import yaml

from tests.run.change.conftest import change, git

EXAMPLES = Path(__file__).parent.parent / "docs/examples"
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
