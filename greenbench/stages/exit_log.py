"""What was observed of rows that may leave a classifier's layers early, and its proofs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.types import Applied

if TYPE_CHECKING:
    import torch

    from greenbench.options import InferenceOptions

ROUNDING = 1e-6
"""By which FP32 may move a confidence, and the requested one."""


@dataclass(slots=True)
class ExitLog:
    """What was observed of the passes of inference."""

    rows: int = 0
    passes: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each pass the tokens of a row, the rows that layers did not compute, summed over layers,
    and the rows that the head was asked about between layers."""
    computed: dict[int, int] = field(default_factory=dict)
    """Rows that each layer computed, counted at its feed-forward part."""
    left: dict[int, int] = field(default_factory=dict)
    """Rows that left after each layer whose output the head was asked about."""
    least_sure: float = 1.0
    """The lowest confidence with which a row left."""
    surest: float = 0.0
    """The highest confidence with which a row went on."""

    def note(self, number: int, sure: torch.Tensor, leaving: torch.Tensor) -> None:
        """Note with which confidences rows left after a layer, and with which others stayed."""
        self.left[number] = self.left.get(number, 0) + int(leaving.sum())
        left, stayed = sure[leaving].tolist(), sure[~leaving].tolist()
        self.least_sure = min([self.least_sure, *left])
        self.surest = max([self.surest, *stayed])


def proofs(log: ExitLog | None, options: InferenceOptions) -> tuple[Applied, Applied]:
    """Compare the confidences with which rows left and stayed with the requested one."""
    confidence, where = options.exit_confidence, options.exit_layers
    if confidence is None or log is None:
        note = ""
        if confidence is not None:
            note = "the model writes texts: it has no classes"
        how = "the head was not asked"
        return (
            _proof("exit_confidence", confidence, None, how, note, {}),
            _proof("exit_layers", where, None, how, note, {}),
        )
    return _confidence_proof(log, confidence), _layers_proof(log, where)


def _confidence_proof(log: ExitLog, asked: float) -> Applied:
    through = min(log.computed.values(), default=0)
    left = log.rows - through
    note = ""
    got: float | None = round(log.least_sure, 6)
    if not left:
        got = None
        note = "no row left before the last layer: the head was never so sure"
    elif log.least_sure < asked - ROUNDING or log.surest > asked + ROUNDING:
        lowest, highest = f"{log.least_sure:.3g}", f"{log.surest:.3g}"
        note = f"rows left with confidences from {lowest}, and others stayed with up to {highest}"
    how = (
        f"the lowest confidence with which a row left; {left} of {log.rows} rows were missing in "
        "a layer, counted by hooks"
    )
    evidence: dict[str, object] = {}
    evidence["rows"] = log.rows
    evidence["left_after"] = dict(log.left)
    evidence["rows_computed"] = dict(log.computed)
    evidence["highest_confidence_that_stayed"] = log.surest
    return _proof("exit_confidence", asked, got, how, note, evidence)


def _layers_proof(log: ExitLog, asked: str | None) -> Applied:
    got = ",".join(map(str, sorted(log.left))) or None
    note = ""
    requested = set((asked or "").split(","))
    seen = set(map(str, log.left))
    if asked is not None and requested != seen:
        note = f"requested {asked}, the head was asked after layers {got}"
    how = "layers after which the head was asked, counted from 0"
    return _proof("exit_layers", asked, got if asked else None, how, note, {"asked_after": got})


def _proof(
    knob: str, asked: object, got: object, how: str, note: str, evidence: dict[str, object]
) -> Applied:
    return Applied(
        stage="inference", knob=knob, asked=asked, got=got, how=how, note=note, evidence=evidence
    )
