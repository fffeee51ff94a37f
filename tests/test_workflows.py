"""The command lines of the example workflows give what docs/ci.md promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stub_suite
import yaml

EXAMPLES = Path(__file__).parent.parent / "docs/examples"
FETCHES = ("apt-get", "pip install", "gh run", "curl ")
"""Lines that need a network: installing, and fetching the baseline that another job kept."""
RIGHT = "T2-V0_baseline=0.95,T2-V7_fast=0.95"


def github(event: str) -> list[str]:
    """Return the command lines of the steps that run for an event."""
    steps = yaml.safe_load((EXAMPLES / "github.yml").read_text())["jobs"]["measure"]["steps"]
    return [
        s["run"]
        for s in steps
        if "run" in s and (event in s.get("if", event) or "github" not in s.get("if", ""))
    ]


def gitlab(event: str) -> list[str]:
    """Return the command lines of the job that runs for an event."""
    jobs = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text())
    job: dict[str, Any] = jobs["baseline" if event == "push" else "gates"]
    return [*jobs["default"]["before_script"], *job["script"], *job.get("after_script", [])]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Write the stub suite with a V7, and let a job's variables be set."""
    stub_suite.write(pytester.path)
    (pytester.path / "variants/V1_fast").rename(pytester.path / "variants/V7_fast")
    text = (pytester.path / "experiment.md").read_text()
    (pytester.path / "experiment.md").write_text(text.replace("V1_fast", "V7_fast"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "summary.md"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STUB_ROWS", "100")
    monkeypatch.setenv("STUB_RIGHT", RIGHT)
    return pytester


def job(suite: pytest.Pytester, lines: list[str]) -> list[int]:
    """Run a job's command lines except those that fetch; return their exit codes."""
    mine = [line for line in lines if not any(word in line for word in FETCHES)]
    return [
        subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", line],
            cwd=suite.path,
            check=False,
            capture_output=True,
        ).returncode
        for line in mine
    ]


@pytest.mark.parametrize("service", [github, pytest.param(gitlab, marks=pytest.mark.slow)])
def test_a_change_that_costs_nothing_passes_and_one_that_does_fails(
    service: Any, suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Baseline, gates, summary: the exit codes and the files that the workflow keeps."""
    assert job(suite, service("push")) == [0]
    assert (suite.path / "main.json").exists()
    assert job(suite, service("pull_request")) == [0, 0]
    monkeypatch.setenv("STUB_RIGHT", RIGHT.replace("V7_fast=0.95", "V7_fast=0.55"))
    assert job(suite, service("pull_request")) == [1, 1]
    summary = next(
        p for name in ("summary.md", "greenbench.md") if (p := suite.path / name).exists()
    ).read_text()
    assert "| T2.mcc >= saved-0.2 | T2-V7_fast |" in summary
    assert "REGRESSED |" in summary
    assert "greenbench.energy_j" in (suite.path / "junit.xml").read_text()


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_the_walls_are_installed(name: str) -> None:
    """Without bubblewrap hosted runners would not run generated programs at all."""
    assert "install -y bubblewrap" in (EXAMPLES / name).read_text()
