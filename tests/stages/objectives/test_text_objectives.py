"""Classes and numbers: batching changes no answer, and both learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_runs import START

from greenbench.data.examples import ExampleOf
from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import Head
from greenbench.data.synthetic import tickets
from greenbench.options import DataOptions, TrainingOptions
from greenbench.stages import data, encoders, isolation, training
from greenbench.stages.objectives.many_classes import ManyClasses
from greenbench.stages.objectives.regression import Regression
from greenbench.stages.ranks.pool import Ranks
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from greenbench.stages.data import Batches

CPU = torch.device("cpu")
TOPICS = tuple(tickets.TOPICS)
HEADS = {"classes": Head("text-classification", labels=3), "numbers": Head("regression")}


def examples(kind: str, count: int = 24) -> list[ExampleOf[float]]:
    """Return tickets with a topic's number, or with their hours."""
    if kind == "classes":
        rows = tickets.rows("text-classification", count)
        return [ExampleOf(text=row["text"], label=TOPICS.index(row["label"])) for row in rows]
    rows = tickets.rows("regression", count)
    return [ExampleOf(text=row["text"], label=100 + 10 * float(row["value"])) for row in rows]


def batches(kind: str, batching: str) -> Batches:
    """Tokenise and batch tickets for training and inference."""
    tokenizer = encoders.encoder("rust", START.tokenizer_file, 64)
    make = ManyClasses if kind == "classes" else Regression
    options = DataOptions(tokenizer="rust", batch_size=8, batching=batching)
    rows = examples(kind)
    goal = make(tokenizer, START.pad_id)
    return data.prepare(rows, rows, tokenizer, goal, options, micro=8, seed=0)


def net(kind: str) -> torch.nn.Module:
    """Load the shipped encoder with the head of a kind."""
    isolation.reset(0)
    return Checkpoint("M", START.source, head=HEADS[kind]).load()


def answered(model: torch.nn.Module, made: Batches) -> torch.Tensor:
    """Return the answers in the order of the examples."""
    from greenbench.stages import batching

    answers = made.objective.answer(model, made.test, CPU)
    return torch.tensor(batching.in_examples_order(made.test, answers))


@pytest.mark.parametrize("kind", HEADS)
def test_batching_changes_no_answer(kind: str) -> None:
    """Bucketed and packed batches answer as plain ones do."""
    model = net(kind)
    plain = answered(model, batches(kind, "plain"))
    assert plain.shape == ((24, 3) if kind == "classes" else (24,))
    for batching in ("bucketed", "packed"):
        other = answered(model, batches(kind, batching))
        torch.testing.assert_close(other, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", HEADS)
def test_an_epoch_lowers_the_loss(kind: str) -> None:
    """Labels of any scale are learned at one rate."""
    made = batches(kind, "plain")
    model = net(kind)
    size = BUILT_IN["T2"].sizes["tiny"]
    log = training.finetune(model, made, TrainingOptions(), size, Ranks("cpu"))
    assert log.losses[0] < 4
    batch = made.objective.training_batch(list(made.questions.rows))
    assert -5 < made.objective.validation_score(model, [batch], CPU) <= 1
