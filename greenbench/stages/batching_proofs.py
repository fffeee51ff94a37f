"""How examples were batched and padded, read from the shapes that the model computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.options import DataOptions
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.stages.objectives.interface import AnsweredBatch, Encoded, Objective
    from greenbench.stages.training_log import TrainingLog

NOTHING_TO_DO = "makes no other batch than"
"""Part of the note of a knob that the examples leave nothing to do."""
UNKNOWN = "unknown"
"""Reading of shapes that no way of batching explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchShapes:
    """The batches of a round: those that were trained on, and those that were answered."""

    rows: Encoded
    """The rows that were to be answered, in the examples' order."""
    objective: Objective
    widest: int
    """Most tokens of an input."""
    log: TrainingLog | None = None
    """None if nothing was trained."""
    answered: Sequence[AnsweredBatch] = ()

    def proofs(self, options: DataOptions) -> tuple[Applied, ...]:
        """Compare what was computed with the requested batching and padding."""
        return self._batching_proof(options.batching), self._padding_proof(options.padding)

    def _batching_proof(self, asked: str) -> Applied:
        readings = {}
        if self.log is not None and self.log.shapes:
            readings["training"] = _training_batching(self.log, asked)
        if self.answered:
            readings["inference"] = self._inference_batching(asked)
        shown = {stage: reading for stage, reading in readings.items() if reading}
        how = "rows and widths of the batches that the model computed, against the rows' lengths"
        evidence = {**self._shares(), **readings}
        return _proof("batching", asked, shown, how, evidence)

    def _inference_batching(self, asked: str) -> str:
        """Return how the answered batches were put together; empty if it cannot be told."""
        packed = any(batch.rows < batch.examples for batch in self.answered)
        if packed:
            return "packed"
        if asked == "packed" and self.objective.longest_target:
            return ""  # rows to generate from are not packed
        widths = [batch.tokens for batch in self.answered]
        in_order = self._widths(self.rows.lengths)
        by_length = self._widths(sorted(self.rows.lengths, reverse=True))
        if in_order == by_length and asked == "bucketed":
            return ""  # nothing to sort
        if widths == in_order or set(widths) == {self.widest}:
            return "plain"
        return "bucketed" if widths == by_length else UNKNOWN

    def _widths(self, lengths: Sequence[int]) -> list[int]:
        """Return how wide the answered batches are if rows of ``lengths`` fill them in order."""
        widths = []
        start = 0
        for batch in self.answered:
            end = start + batch.examples
            widths.append(max(lengths[start:end], default=0))
            start = end
        return widths

    def _padding_proof(self, asked: str) -> Applied:
        readings = {"training": self._training_padding(asked), "inference": ""}
        widths = [batch.tokens for batch in self.answered]
        unpacked = not any(batch.packed for batch in self.answered)
        if self.answered and unpacked:
            fixed = set(widths) == {self.widest}
            if not fixed:
                readings["inference"] = "longest"
            elif widths != self._widths(self.rows.lengths):
                readings["inference"] = "fixed"
            else:  # each batch has a row of that length anyway, in training probably too
                readings["training"] = ""
        shown = {stage: reading for stage, reading in readings.items() if reading}
        how = "widths of the batches that the model computed, against the rows' lengths"
        return _proof("padding", asked, shown, how)

    def _training_padding(self, asked: str) -> str:
        """Return how micro-batches were padded; empty if it cannot be told."""
        if self.log is None or not self.log.shapes:
            return ""
        widest = self.widest + self.objective.longest_target
        if any(tokens != widest for _, tokens in self.log.shapes):
            return "longest"
        return "fixed" if asked == "fixed" else ""

    def _shares(self) -> dict[str, float]:
        """Return which share of the computed tokens of each stage was padding."""
        shares = {}
        if self.log is not None and self.log.shapes:
            computed = sum(rows * tokens for rows, tokens in self.log.shapes)
            shares["padding_training"] = 1 - sum(map(int, self.log.tokens)) / computed
        if self.answered:
            computed = sum(batch.rows * batch.tokens for batch in self.answered)
            shares["padding_inference"] = 1 - self.rows.tokens / computed
        return shares


def _training_batching(log: TrainingLog, asked: str) -> str:
    """Return how micro-batches were put together; empty if it cannot be told."""
    if sum(rows for rows, _ in log.shapes) < log.examples:
        return "packed"
    per_step = log.accumulated.usual or 1
    if asked != "bucketed":
        return "plain"
    if per_step == 1:
        return ""  # a step is one batch: nothing to sort
    widths = [tokens for _, tokens in log.shapes[: log.micro_batches]]  # of this rank
    for start in range(0, len(widths), per_step):
        step = widths[start : start + per_step]
        if step != sorted(step, reverse=True):
            return "plain"
    return "bucketed"


def _proof(
    knob: str,
    asked: str,
    readings: Mapping[str, str],
    how: str,
    evidence: Mapping[str, object] | None = None,
) -> Applied:
    """Return the proof of a knob that acts in several stages, by its reading in each."""
    got = asked
    differing = []
    for stage, reading in readings.items():
        if reading != asked:
            got = reading
            differing.append(f"{reading} in {stage}")
    note = ""
    if differing:
        note = f"requested {asked}, read back {' and '.join(differing)}"
    elif not readings and asked != getattr(DataOptions(), knob):
        got = getattr(DataOptions(), knob)
        note = f"{asked} {NOTHING_TO_DO} {got} here"
    return Applied(
        stage="data",
        knob=knob,
        asked=asked,
        got=got,
        how=how,
        note=note,
        evidence=evidence or {},
    )
