"""Training that ends at a score on validation examples: when, by which score, and its proof."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from stages import small_decoders
from stages.small_runs import CPU, SHORT, START, batched, functions

from greenbench.errors import UsageError
from greenbench.options import TrainingOptions
from greenbench.stages import early_stopping, isolation, training, training_log
from greenbench.stages.early_stopping import ScoreLog
from greenbench.stages.objectives.translation import IGNORED
from greenbench.stages.ranks.pool import Ranks
from greenbench.stats.classification_scores import best_mcc

if TYPE_CHECKING:
    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

OPTIONS = TrainingOptions(target_score=0.5, score_every=2)


def trained(
    scores: list[float], monkeypatch: pytest.MonkeyPatch, options: TrainingOptions = OPTIONS
) -> dict[str, Applied]:
    """Train eight steps of four functions, whose readings give ``scores``; return the proofs."""
    batches = batched(functions(32), functions(2), options, batch_size=4, size=SHORT)
    batches = replace(batches, validation=functions(6, seed=2))
    remaining = iter(scores)
    monkeypatch.setattr(
        type(batches.objective), "validation_score", lambda *_: next(remaining, scores[-1])
    )
    isolation.reset(0)
    net, size = START.load(), replace(SHORT, epochs=1)
    log = training.finetune(net, batches, options, size, Ranks("cpu"))
    assert net.training
    assert log.attempts == log.steps == len(log.losses)
    return {proof.knob: proof for proof in training_log.proofs(log, options)}


def test_training_ends_at_the_first_reading_that_reaches_the_target(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of eight planned steps it takes four, and no proof objects to that."""
    proofs = trained([0.3, 0.6], monkeypatch)
    target, every = proofs["target_score"], proofs["score_every"]
    assert (target.got, target.note, every.got, every.note) == (0.6, "", 2, "")
    assert target.evidence == {"score": "mcc", "scores": [[2, 0.3], [4, 0.6]], "steps": 4}
    assert proofs["finetune"].holds
    assert proofs["finetune"].evidence["steps_planned"] == 8


def test_a_target_that_is_never_reached_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training is as long as without it, and the best score is named."""
    target = trained([0.3, 0.4, 0.2, 0.1], monkeypatch)["target_score"]
    assert target.got is None
    assert target.note == "not reached in 8 steps: the best of 4 scores is 0.4"


def test_an_end_without_the_target_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that breaks off below its target is neither whole nor proved to have ended well."""
    monkeypatch.setattr(early_stopping, "ends", lambda _s, _o, _m, step, _r: step == 3)
    proofs = trained([0.3], monkeypatch)
    assert proofs["finetune"].note == "3 of 8 optimizer steps were made"
    assert proofs["target_score"].note == "the model was not scored in 3 steps"


def test_training_that_goes_on_is_reported() -> None:
    """So is a reading at another step than those that were asked for."""
    log = ScoreLog("mcc", 6, [[2, 0.6], [5, 0.7]])
    target, every = early_stopping.proofs(log, OPTIONS, 8)
    assert target.note == "training went on after the target was reached: 8 steps"
    assert every.note == "requested every 2 steps, scored after 2, 5"


def test_a_classifier_is_scored_at_its_best_threshold() -> None:
    """The score is the highest MCC that any threshold gives; one class alone gives 0."""
    labels, probabilities = np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.4, 0.3, 0.8, 0.9])
    cuts = [probabilities >= threshold for threshold in sorted(probabilities)]
    expected = max(np.corrcoef(labels, cut)[0, 1] for cut in cuts[1:])
    assert best_mcc(labels, probabilities) == pytest.approx(expected)
    assert best_mcc(np.ones(3), np.array([0.1, 0.2, 0.3])) == 0


def test_a_model_that_writes_is_scored_by_the_target_tokens_it_foresees(llama: Checkpoint) -> None:
    """Prompt and padding do not count; the tokens are those that the logits make likeliest."""
    objective: Any = small_decoders.learnt(llama, small_decoders.pairs(32), micro=32).objective
    batch = objective.training_batch(objective.validation_rows(small_decoders.pairs(2)).rows)
    net = llama.load().eval()
    with torch.no_grad():
        score = objective.validation_score(net, [batch], CPU)
        logits = net(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    hits = []
    for row in range(2):
        for place, label in enumerate(batch["labels"][row].tolist()):
            if label != IGNORED:
                hits.append(int(logits[row, place - 1].argmax()) == label)
    assert score == pytest.approx(sum(hits) / len(hits))


def test_without_validation_data_there_is_no_target() -> None:
    """The sentence names the knob; without a target none are needed."""
    with pytest.raises(UsageError, match=r"^training.target_score: .* have none; give some"):
        early_stopping.examples(OPTIONS, ())
    assert early_stopping.examples(TrainingOptions(), range(9)) == ()
    assert len(early_stopping.examples(OPTIONS, range(999))) == early_stopping.SCORED
