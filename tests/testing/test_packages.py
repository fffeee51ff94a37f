"""A package brings a task with knobs of its own; what is wrong with it is said with its name.

The packages are made by the tests, with the metadata that an installation leaves.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import stub_suite

from greenbench.cli import main
from greenbench.errors import UsageError
from greenbench.experiment import task_definitions
from greenbench.testing import CONTRACT, check_task
from tests.testing import made_tasks

SOURCE = Path(made_tasks.__file__).read_text("utf-8")
TABLES = stub_suite.EXPERIMENT.replace("| T2 | stub | stub | none |", "| spam | stub | - | none |")


def install(folder: Path, code: str, *, package: str = "acme_tasks", task: str = "spam") -> None:
    """Write a package and its metadata, as pip does."""
    (folder / f"{package}.py").write_text(code)
    metadata = folder / f"{package}-1.2.dist-info"
    metadata.mkdir()
    name = package.replace("_", "-")
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    points = f"[greenbench.tasks]\n{task} = {package}:TASK\n"
    (metadata / "entry_points.txt").write_text(points)
    importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on Python's path that packages can be installed into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for package in ("acme_tasks", "other_tasks"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    return folder


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a suite whose one task is no file of its own."""
    folder = tmp_path / "suite"
    folder.mkdir()
    stub_suite.write(folder)
    models = TABLES.replace("| M2 | stub | T2 | none |\n", "")
    fast = models.replace("| - | - | bf16 | - | - |", "| - | - | fewer steps | - | - |")
    without_cap = [line for line in fast.splitlines() if "V10" not in line]
    (folder / "experiment.md").write_text("\n".join(without_cap))
    (folder / "variants/V1_fast/config.yaml").write_text("training:\n  steps: 4\n")
    for file in (folder / "variants/V10_capped").iterdir():
        file.unlink()
    (folder / "variants/V10_capped").rmdir()
    return folder


def test_a_package_brings_a_task_and_its_knobs(
    site: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row is enough: the suite is in order, and a variant sets the package's knob."""
    install(site, f"{SOURCE}\nTASK = Threshold()\n")
    assert main(["check", str(suite)]) == 0, capsys.readouterr()
    assert main(["list", str(suite)]) == 0
    assert "training.steps" in capsys.readouterr().out
    task = task_definitions.find("spam", suite)
    assert "acme-tasks" in task.origin
    assert check_task(task).problems == ()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise ImportError('no such card')", r"ImportError: no such card"),
        ("OTHER = 1", r"TASK"),
        (f"{SOURCE}\nTASK = NoScore()\n", r"has no function score"),
        (f"{SOURCE}\nTASK = NoDirection()\n", r"does not say whether more accuracy is better"),
    ],
)
def test_a_broken_task_is_named_with_its_package(
    site: Path, suite: Path, code: str, problem: str
) -> None:
    """One sentence says which package and task it is, and what is missing."""
    install(site, code)
    with pytest.raises(UsageError, match=problem) as caught:
        task_definitions.find("spam", suite)
    assert "acme-tasks" in str(caught.value)
    assert "spam" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_package_for_another_contract_is_refused(site: Path, suite: Path) -> None:
    """It is told apart before any of it runs."""
    install(site, f"{SOURCE}\nThreshold.CONTRACT = {CONTRACT + 1}\nTASK = Threshold()\n")
    with pytest.raises(UsageError) as caught:
        task_definitions.find("spam", suite)
    place, _, said = str(caught.value).partition(": spam: ")
    assert place.startswith("package acme-tasks ")
    assert said.startswith(f"it is written for version {CONTRACT + 1} of the contract")


def test_a_task_of_two_packages_is_refused_with_both(site: Path, suite: Path) -> None:
    """Nobody can say which one is meant."""
    install(site, f"{SOURCE}\nTASK = Threshold()\n")
    install(site, f"{SOURCE}\nTASK = Threshold()\n", package="other_tasks")
    with pytest.raises(UsageError, match=r"spam is defined in .* and in .*; rename") as caught:
        task_definitions.find("spam", suite)
    assert {"acme-tasks", "other-tasks"} <= set(str(caught.value).split())
