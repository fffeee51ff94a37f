"""The tiny profile of T2 is learnable in seconds, not by dummies, and not learnt beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.data.splits import Wanted
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.stages.toggles import Toggles
from greenbench.stats import bootstrap
from greenbench.tasks import BUILT_IN
from greenbench.tasks.vulnerability import dummies as references
from greenbench.tasks.vulnerability import load as vulnerability
from greenbench.tasks.vulnerability import scores as vulnerability_scores
from greenbench.types import MOST_ANSWERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.data.splits import Splits

ROOT = Path(__file__).parents[2]
SIZE = BUILT_IN["T2"].sizes["tiny"]


@pytest.mark.parametrize("seed", [0, 1])
def test_trivial_predictors_stay_low(seed: int) -> None:
    """Neither a bag of words nor length reaches an MCC of 0.3 on the held-out functions."""
    splits = vulnerability.load(SIZE.data, columns={}, wanted=Wanted(seed=seed, sizes=SIZE.sizes))
    scores = references.baselines(splits).scores
    assert {name: s["mcc"] for name, s in scores.items() if abs(s["mcc"] or 0.0) > 0.3} == {}


def _mcc(splits: Splits, probabilities: Sequence[float]) -> float:
    """Return the MCC at the threshold 0.5."""
    asked = vulnerability_scores.choose_scoring(splits, ())
    return bootstrap.point(vulnerability_scores.answered(splits, probabilities, asked))["mcc"]


def _heads_answers(net: Any, pooled: torch.Tensor) -> list[float]:
    """Return the probability of class 1 that the classifier gives each pooled text."""
    with torch.inference_mode():
        probabilities: list[float] = net.classifier(pooled).softmax(dim=1)[:, 1].tolist()
    return probabilities


@pytest.mark.slow
def test_without_fine_tuning_nothing_is_known() -> None:
    """The start scores nothing with the shipped classifier or, on average, ten random ones.

    The ten are asked about the texts as the encoder has pooled them once.
    """
    splits = vulnerability.load(SIZE.data, columns={}, wanted=Wanted(seed=0, sizes=SIZE.sizes))
    untrained = TrainingOptions(finetune=False)
    stages = Toggles(Options(data=DataOptions(tokenizer="rust"), training=untrained), SIZE, "cpu")
    stages.reset(0)
    model = Checkpoint("M2", SIZE.model, head=TWO_CLASSES)
    batches = stages.data(splits.train, splits.test, model, 0)
    net = stages.architecture(model)
    seen: list[torch.Tensor] = []
    with net.classifier.register_forward_pre_hook(lambda _head, given: seen.append(given[0])):
        assert _mcc(splits, stages.inference(net, batches)) == 0.0
    pooled = torch.cat(seen)
    scores = []
    for seed in range(10):
        torch.manual_seed(seed)
        torch.nn.init.normal_(net.classifier.weight)
        scores.append(_mcc(splits, _heads_answers(net, pooled)))
    whole = stages.inference(net, batches)
    assert _heads_answers(net, pooled) == pytest.approx(whole, abs=1e-5), "in another order"
    assert sum(map(abs, scores)) / len(scores) <= 0.1, scores


@pytest.mark.slow
def test_both_tasks_are_learnt_in_one_session(tmp_path: Path) -> None:
    """The command of the README, with another seed: half of T1's programs pass, T2's MCC is 0.6."""
    options = ["--green-seed=1", "--green-keep-outputs", f"--green-results={tmp_path}"]
    command = [sys.executable, "-m", "pytest", "bench", "-q", "-k", "V0", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    (file,) = tmp_path.glob("V0_baseline_*.json")
    quality = {}
    for cell in json.loads(file.read_text())["cells"]:
        (one,) = cell["rounds"]
        assert one["seed"] == 1
        quality[cell["task"]] = one["quality"]
        right = [row["right"] for row in one["answered"]]
        assert sum(right) == one["correct"] or len(right) == MOST_ANSWERED
    assert quality["T1"]["pass_at_1"]["value"] >= 0.5
    assert quality["T2"]["mcc"]["value"] >= 0.6
