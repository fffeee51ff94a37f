"""The tiny profile of T1 is small, learnable in seconds, not learnt beforehand, and no copying."""

from __future__ import annotations

from itertools import islice

import pytest

from greenbench.data.models.checkpoints import STARTS, Checkpoint
from greenbench.data.models.heads import CAUSAL_LM
from greenbench.data.models.llama_tiny.make import PRETRAINING_SEED, seen
from greenbench.data.synthetic.methods.pairs import bucket, make_splits
from greenbench.data.synthetic.methods.printing import write
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.stages.toggles import Toggles
from greenbench.tasks import BUILT_IN
from greenbench.tasks.translation import dummies as translation_references
from greenbench.tasks.translation import load as translation
from greenbench.tasks.translation import scores as translation_scores

SIZE = BUILT_IN["T1"].sizes["tiny"]
START = Checkpoint("M1", SIZE.model, head=CAUSAL_LM)


def test_the_start_is_small() -> None:
    """Weights, tokenizer and configuration take at most 4 MiB."""
    files = [f for f in (STARTS / SIZE.model).iterdir() if f.suffix in {".json", ".safetensors"}]
    assert len(files) == 3
    assert sum(f.stat().st_size for f in files) <= 4 * 2**20


def test_pretraining_saw_no_held_out_shape() -> None:
    """Pretraining and the held-out splits have no bucket of shapes in common."""
    pretrained = {bucket(write(m, "java")) for m in islice(seen(PRETRAINING_SEED), 300)}
    _, valid, test = make_splits((8, 24, 48), seed=0)
    assert not pretrained & {bucket(write(p.method, "java")) for p in (*valid, *test)}


def test_copying_the_source_passes_no_test() -> None:
    """Java is no Python: the dummy baseline passes none and does not even compile."""
    splits = translation.load("generated", columns={}, sizes=(8, 8, 8), seed=0)
    copied = translation_references.baselines(splits).scores["copy_source"]
    assert (copied["pass_at_1"], copied["compile_rate"]) == (0.0, 0.0)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_without_fine_tuning_hardly_any_translation_passes(seed: int) -> None:
    """The start as it is shipped passes at most one test program in ten."""
    splits = translation.load(SIZE.data, columns={}, sizes=(32, 8, 20), seed=seed)
    options = Options(data=DataOptions(tokenizer="rust"), training=TrainingOptions(finetune=False))
    stages = Toggles(options, SIZE, "cpu")
    stages.reset(seed)
    batches = stages.data(splits.train, splits.test, START, seed)
    outputs = stages.inference(stages.architecture(START), batches)
    assert all("function" in o for o in outputs[:5]), "it answers in JavaScript"
    passed = translation_scores.scored(splits, outputs).quality["pass_at_1"].value
    assert passed is not None
    assert passed <= 0.1
