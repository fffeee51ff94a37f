"""Suites whose tasks are files: planned, refused and measured as a user does it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import task_suites

from greenbench.results.loading import load_folder

if TYPE_CHECKING:
    from pathlib import Path

PYTEST = (sys.executable, "-m", "pytest", "bench", "-q", "-p", "no:cacheprovider")
TASKS = {"T3": "text-classification", "T4": "regression"}


@pytest.mark.slow
def test_two_tasks_of_files_are_measured_and_gated(tmp_path: Path) -> None:
    """V0 and a variant of three labels and of numbers, with a gate on an error."""
    task_suites.write(tmp_path, TASKS, rows=240)
    gates = ["--green-gate=T3.accuracy >= 0.5", "--green-gate=T4.mae <= 1.2*V0"]
    ended = subprocess.run(
        [*PYTEST, *gates], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    runs, problems = load_folder(tmp_path / "results")
    assert problems == []
    cells = {cell.id: cell for run in runs for cell in run.cells}
    assert set(cells) == {"T3-V0_baseline", "T3-V1_other", "T4-V0_baseline", "T4-V1_other"}
    numbers = cells["T4-V1_other"]
    assert numbers.definition.primary == ("mae",)
    assert not numbers.quality["mae"].higher_is_better
    assert numbers.data["asked"] == "data/T4.csv"
    accuracy = cells["T3-V0_baseline"].score("accuracy")
    assert accuracy is not None
    assert accuracy > 0.5, ended.stdout


@pytest.mark.slow
def test_tags_of_words_are_measured(tmp_path: Path) -> None:
    """In packed batches, which are proved; the score is that of spans."""
    few = "profiles:\n  tiny: {train: 64, valid: 16, test: 40, epochs: 1}\n"
    config = "data: {batching: packed}\n"
    claim = "packed | - | - | - | -"
    kinds = {"T6": "token-classification"}
    task_suites.write(tmp_path, kinds, rows=150, config=config, claim=claim, more=few)
    ended = subprocess.run(
        [*PYTEST, "-k", "V1"], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    runs, problems = load_folder(tmp_path / "results")
    assert problems == [], ended.stdout
    (cell,) = [cell for run in runs for cell in run.cells]
    assert cell.definition.primary == ("f1", "accuracy")
    assert cell.score("f1") is not None
    accuracy = cell.score("accuracy")
    assert accuracy is not None
    assert accuracy > 0.3, ended.stdout
    assert ended.returncode == 0, ended.stdout


def test_a_plan_shows_a_task_of_a_file(tmp_path: Path) -> None:
    """Its data are read and split, and nothing runs."""
    task_suites.write(tmp_path, {"T4": "regression"}, rows=60)
    ended = subprocess.run(
        [*PYTEST, "--green-plan"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "T4: model M1 = modernbert_tiny" in ended.stdout
    assert "48 training" in ended.stdout or "48" in ended.stdout
