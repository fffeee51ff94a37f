"""The tiny profile of T2 is what it claims: learnable in seconds, not by trivial means, and not learnt beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from greenbench.options import Options, TrainingOptions
from greenbench.profiles import PROFILES
from greenbench.stages.toggles import Toggles
from greenbench.tasks import references, vulnerability
from greenbench.tasks.checkpoints import Checkpoint

ROOT = Path(__file__).parents[2]
SIZE = PROFILES["tiny"].tasks["T2"]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_trivial_predictors_stay_low(seed: int) -> None:
    """Neither a bag of words nor length reaches an MCC of 0.3 on held-out functions of the profile."""
    splits = vulnerability.load(SIZE.data, columns={}, sizes=SIZE.sizes, seed=seed)
    scores = references.score_all(splits)
    assert {name: s["mcc"] for name, s in scores.items() if abs(s["mcc"] or 0.0) > 0.3} == {}


def test_without_fine_tuning_nothing_is_known() -> None:
    """The shipped start alone scores an MCC of at most 0.1."""
    splits = vulnerability.load(SIZE.data, columns={}, sizes=SIZE.sizes, seed=0)
    stages = Toggles(Options(training=TrainingOptions(finetune=False)), SIZE, "cpu")
    stages.reset(0)
    model = Checkpoint("M2", SIZE.model)
    batches = stages.data(splits.train, splits.test, model, 0)
    outputs = stages.inference(stages.architecture(model), batches)
    value = vulnerability.score([e.label for e in splits.test], outputs)["mcc"].value
    assert value is not None
    assert abs(value) <= 0.1


@pytest.mark.slow
def test_v0_learns_the_task_with_every_seed(tmp_path: Path) -> None:
    """The command that users type, three rounds: an MCC of at least 0.6 in each."""
    command = [sys.executable, "-m", "pytest", "bench", "-q", "-k", "V0", "--green-rounds=3", f"--green-results={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    (file,) = tmp_path.glob("V0_baseline_*.json")
    cell = json.loads(file.read_text())["cells"][0]
    scores = [r["quality"]["mcc"]["value"] for r in cell["rounds"]]
    assert cell["seeds"] == [0, 1, 2]
    assert min(scores) >= 0.6, scores
