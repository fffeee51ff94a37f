"""Knobs of models on tasks of every kind: proved in a cell, or refused by name."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import task_suites

from greenbench.errors import GreenbenchError
from greenbench.experiment import task_definitions
from greenbench.experiment.knobs import with_knob
from greenbench.testing.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.types import Round

KINDS = {
    "words": "text-classification",
    "numbers": "regression",
    "tags": "token-classification",
    "answers": "causal-lm",
}
FEW = "profiles:\n  tiny: {train: 16, valid: 8, test: 4, epochs: 1, max_tokens: 32}\n"
KNOBS = {
    "torch": {
        "architecture.adapter": "lora",
        "inference.skip_layers": 0.5,
        "architecture.weight_format": "int8",
    },
    "onnx": {"inference.engine": "onnx"},
}
"""Those that one cell sets."""
REFUSED = {
    ("answers", "onnx"): "inference.engine: onnx runs models that do not write alone",
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a suite with a task of each kind, of a few short rows."""
    folder = tmp_path_factory.mktemp("kinds")
    task_suites.write(folder, KINDS, rows=40, more=FEW)
    return folder


def measured(suite: Path, name: str, knobs: dict[str, Any]) -> Round:
    """Run a round of the task with some knobs set."""
    trial = Trial(task_definitions.find(name, suite), "tiny")
    options = with_knob(trial.baseline, "data.tokenizer", "rust")
    options = with_knob(options, "data.batch_size", 8)
    for knob, value in knobs.items():
        options = with_knob(options, knob, value)
    return trial.round(options, trial.dataset())


CELLS = [cell for cell in itertools.product(KINDS, KNOBS) if cell != ("words", "onnx")]
"""T2 classifies texts in ONNX Runtime."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "engine"), CELLS)
def test_each_knob_is_proved_or_refused_by_name(name: str, engine: str, suite: Path) -> None:
    """In a cell of a few steps on the shipped model: LoRA, skipped layers, INT8, ONNX Runtime."""
    knobs = KNOBS[engine]
    refusal = REFUSED.get((name, engine))
    if refusal is not None:
        with pytest.raises(GreenbenchError, match=refusal):
            measured(suite, name, knobs)
        return
    done = measured(suite, name, knobs)
    proofs = {f"{proof.stage}.{proof.knob}": proof for proof in done.applied}
    assert [proof.note for proof in proofs.values() if not proof.holds] == []
    for knob, value in knobs.items():
        assert (proofs[knob].asked, proofs[knob].proved) == (value, True)
    assert len(done.judged.answered) == 4
