"""Ending the training once a score on validation examples is reached (Prechelt 1998).

The model is scored inside the training window: what that takes is part of the knob's cost. The
score is the objective's own: the Matthews correlation at the best threshold for a classifier, the
share of target tokens that are predicted right for a model that writes. The learning rate falls as
if the training went on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.options import TrainingOptions
    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import (
        EncodedRow,
        ModelInputs,
        Objective,
        TaskExample,
    )
    from greenbench.stages.ranks.rank import Rank

SCORED = 256
"""Validation examples that are scored, at most."""


def examples(options: TrainingOptions, valid: Sequence[TaskExample]) -> Sequence[TaskExample]:
    """Return the validation examples to score; raises UsageError if they are needed and missing."""
    if options.target_score is None:
        return ()
    if not valid:
        raise UsageError(
            "training.target_score: the score is read on validation examples, and the data have "
            "none; give some, or leave the knob out"
        )
    return valid[:SCORED]


@dataclass(slots=True)
class ScoreLog:
    """The scores that training has read on validation examples."""

    name: str = ""
    """``mcc`` or ``token_accuracy``."""
    examples: int = 0
    scores: list[list[float]] = field(default_factory=list)
    """Step and score, one after another."""
    shapes: list[tuple[int, int]] = field(default_factory=list)
    """Rows and tokens of each batch that was read, padding included."""

    @property
    def steps(self) -> list[int]:
        """The steps after which the model was scored."""
        return [int(step) for step, _ in self.scores]

    @property
    def values(self) -> list[float]:
        """The scores alone."""
        return [score for _, score in self.scores]

    def reached(self, target: float) -> float | None:
        """Return the last score, if it is the first one to reach ``target``."""
        if not self.scores:
            return None
        *earlier, last = self.values
        best = max(earlier, default=-1.0)
        return last if last >= target > best else None


class ValidationScorer:
    """Scores a model on tokenised validation examples every so many steps of training."""

    def __init__(self, options: TrainingOptions, batches: Batches) -> None:
        """Tokenise the examples of ``batches``."""
        self._options = options
        self._objective: Objective = batches.objective
        self._rows: Sequence[EncodedRow] = self._objective.validation_rows(batches.validation).rows
        self._size = batches.batch_size
        self.log = ScoreLog(self._objective.score_name, len(self._rows))

    def read(self, model: nn.Module, step: int, device: torch.device) -> bool:
        """Score ``model`` after ``step``; return whether the target is reached."""
        target = self._options.target_score
        model.eval()
        with torch.no_grad():
            score = self._objective.validation_score(model, self._batches(), device)
        model.train()
        self.log.scores.append([step, score])
        return target is not None and score >= target

    def _batches(self) -> list[ModelInputs]:
        """Collate the examples, and note the shapes of the batches."""
        collated: list[ModelInputs] = []
        for start in range(0, len(self._rows), self._size):
            batch = self._objective.training_batch(self._rows[start : start + self._size])
            rows, tokens = batch["input_ids"].shape
            self.log.shapes.append((rows, tokens))
            collated.append(batch)
        return collated


def ends(
    scorer: ValidationScorer | None,
    options: TrainingOptions,
    model: nn.Module,
    step: int,
    rank: Rank,
) -> bool:
    """Whether training ends after ``step``; the first rank has the scorer, and all ranks agree."""
    due = step % options.score_every == 0
    if options.target_score is None or not due:
        return False
    reached = scorer is not None and scorer.read(model, step, rank.device)
    decided = torch.tensor(float(reached), device=rank.device)
    return bool(rank.total(decided) > 0)


def proofs(log: ScoreLog, options: TrainingOptions, steps: int) -> tuple[Applied, Applied]:
    """Compare the scores that were read with the target; ``steps`` were attempted in all."""
    target = options.target_score
    got, note = None, ""
    if target is not None:
        got = log.reached(target)
        note = _target_note(log, target, steps)
    elif log.scores:
        note = "the model was scored in training, and no target was requested"
    times = len(log.scores)
    name = log.name or "score"
    target_proof = Applied(
        stage="training",
        knob="target_score",
        asked=target,
        got=got,
        how=f"{name} of {log.examples} validation examples, read {times} times in training",
        note=note,
        evidence={"score": log.name or None, "scores": log.scores, "steps": steps},
    )
    return target_proof, _interval_proof(log, options)


def _target_note(log: ScoreLog, target: float, steps: int) -> str:
    if not log.scores:
        return f"the model was not scored in {steps} steps"
    best = max(log.values)
    times = len(log.scores)
    if best < target:
        return f"not reached in {steps} steps: the best of {times} scores is {best:.4g}"
    if log.reached(target) is None or log.steps[-1] != steps:
        return f"training went on after the target was reached: {steps} steps"
    return ""


def _interval_proof(log: ScoreLog, options: TrainingOptions) -> Applied:
    asked = options.score_every
    got, note = None, ""
    expected = [asked * (number + 1) for number in range(len(log.steps))]
    if log.steps:
        got = log.steps[0]
    if log.steps != expected:
        seen = ", ".join(map(str, log.steps))
        note = f"requested every {asked} steps, scored after {seen}"
    return Applied(
        stage="training",
        knob="score_every",
        asked=asked,
        got=got,
        how="steps after which the model was scored",
        note=note,
    )
