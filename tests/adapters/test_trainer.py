"""A function that returns a ``transformers.Trainer`` as a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from adapters.adapted import one_round

import greenbench
from greenbench.adapters.trainer import TrainerTask
from greenbench.tasks.functions.functions import WantedRows

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What can be turned."""

    epochs: int = greenbench.knob(4, proof=lambda trainer: int(trainer.args.num_train_epochs))


def load(seed: int, sizes: WantedRows) -> tuple[list[dict[str, Any]], ...]:
    """Draw rows of tokens whose first one tells the label."""
    random = np.random.default_rng(seed)
    parts = []
    for size in sizes:
        rows = random.integers(2, 10, (size or 32, 4))
        parts.append([{"input_ids": row, "labels": int(row[0] > 5)} for row in rows])
    return tuple(parts)


@pytest.mark.slow
def test_a_trainer_trains_and_predicts_in_the_windows(tmp_path: Path) -> None:
    """The knob reaches its arguments, which prove it, and the logits are scored."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    def make(options: Options, data: Any, seed: int) -> Trainer:
        config = BertConfig(
            vocab_size=10,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        )
        arguments = TrainingArguments(
            str(tmp_path),
            num_train_epochs=options.epochs,
            learning_rate=0.02,
            per_device_train_batch_size=16,
            seed=seed,
            report_to=[],
            disable_tqdm=True,
            save_strategy="no",
            use_cpu=True,
        )
        model = BertForSequenceClassification(config)
        return Trainer(model=model, args=arguments, train_dataset=data.train)

    task = TrainerTask(
        trainer=make,
        load=load,
        score=lambda rows, logits: {
            "accuracy": logits.argmax(axis=1) == [row["labels"] for row in rows]
        },
        PRIMARY="accuracy",
        HIGHER_IS_BETTER=True,
        Options=Options,
    )
    judged, proofs = one_round(task, WantedRows(160, 0, 40), "training.epochs", 6)
    assert judged.quality["accuracy"].value > 0.8
    (proof,) = proofs
    assert (proof.asked, proof.got, proof.holds) == (6, 6, True)
