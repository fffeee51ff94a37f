"""The objective of a classifier: its weighted loss, cut texts, and answers to other examples."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from stages.small_runs import CPU, SIZE, START, functions
from torch import nn

from greenbench.data.examples import Example
from greenbench.options import DataOptions, Options
from greenbench.stages import encoders
from greenbench.stages.objectives.classification import Classification
from greenbench.stages.toggles import Toggles


class Fixed(nn.Module):
    """A classifier whose logits are the first two token ids of each row."""

    def forward(
        self, input_ids: torch.Tensor, labels: torch.Tensor | None = None, **_: Any
    ) -> SimpleNamespace:
        logits = input_ids[:, :2].float()
        return SimpleNamespace(
            logits=logits,
            loss=None if labels is None else nn.functional.cross_entropy(logits, labels),
        )


def goal(*, weighted: bool) -> Classification:
    """Make the objective on the tiny start's tokenizer."""
    tokenizer = encoders.encoder("rust", START.tokenizer_file, SIZE.max_tokens)
    return Classification(tokenizer, 0, class_weights=weighted)


def unbalanced() -> list[Example]:
    """Give 12 functions of which 3 are vulnerable."""
    return [
        Example(text=f"int f{i}(void) {{ return {i}; }}", label=int(i % 4 == 0)) for i in range(12)
    ]


ROWS = [([3, 1], 0), ([1, 2], 1), ([0, 4], 0), ([2, 2], 1)]


def test_weights_are_those_of_scikit_learn() -> None:
    """A weighted loss is the mean of the rows' losses times scikit-learn's ``balanced`` weights."""
    from sklearn.utils.class_weight import compute_class_weight

    objective, labels = goal(weighted=True), [e.label for e in unbalanced()]
    objective.training_rows(unbalanced())
    weights = torch.tensor(
        compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    ).float()
    batch = objective.training_batch(ROWS)
    each = nn.functional.cross_entropy(
        batch["input_ids"].float(), batch["labels"], reduction="none"
    )
    assert objective.loss(Fixed(), batch, []).item() == pytest.approx(
        (each * weights[batch["labels"]]).mean().item()
    )


def test_micro_batches_add_up_to_the_weighted_batch() -> None:
    """Two accumulated halves give the loss of the whole, whatever classes each of them has."""
    objective = goal(weighted=True)
    objective.training_rows(unbalanced())
    rows = [ROWS[0], ROWS[2], ROWS[1], ROWS[3]]
    halves = [
        objective.loss(Fixed(), objective.training_batch(part), []).item()
        for part in (rows[:2], rows[2:])
    ]
    assert sum(halves) / 2 == pytest.approx(
        objective.loss(Fixed(), objective.training_batch(rows), []).item()
    )


def test_without_weights_the_loss_is_the_models_own() -> None:
    """The baseline weighs every example alike."""
    objective = goal(weighted=False)
    objective.training_rows(unbalanced())
    batch = objective.training_batch(ROWS)
    assert objective.loss(Fixed(), batch, []).item() == pytest.approx(Fixed()(**batch).loss.item())


def test_texts_that_are_cut_are_counted_and_reported() -> None:
    """A text of 150,000 tokens is cut at the model's length, and a warning counts such texts."""
    objective = goal(weighted=False)
    long = Example(text="x = y + 1; " * 30_000, label=0)
    rows = objective.inference_rows([*functions(3), long])
    assert len(rows[3][0]) == SIZE.max_tokens
    assert objective.doubts() == (
        (
            "1 of 4 test functions fill the 256 tokens that are kept: the model does not read what "
            "follows"
        ),
    )
    objective.inference_rows(functions(3))
    assert objective.doubts() == ()


def test_answers_for_other_examples_are_those_of_inference() -> None:
    """What the judging asks for on validation rows is what inference would have said."""
    stages = Toggles(
        replace(Options(), data=DataOptions(tokenizer="rust", batch_size=4)), SIZE, "cpu"
    )
    stages.reset(0)
    train, other = functions(8), functions(10, seed=1)
    batches = stages.data(train, other, START, 0)
    net = stages.architecture(START).to(CPU)
    torch.nn.init.normal_(net.classifier.weight)
    first = list(stages.inference(net, batches))
    assert stages.answers(net, batches, other) == first
    assert len(set(first)) > 1
