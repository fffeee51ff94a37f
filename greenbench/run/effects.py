"""Whether a variant's knobs did anything: a saving counts only if they demonstrably acted.

There are two witnesses: what the live objects read back (a knob that reads as the baseline's did
nothing), and the model's outputs (variants whose outputs should differ, and do so by no more than
the rounding of FP32, did not differ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.options import differences, knobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.options import Options
    from greenbench.stats.classification_scores import Array
    from greenbench.types import Applied, Cell, Round

NO_EFFECT = "NO-EFFECT"
"""What such a cell is called wherever it shows."""
SILENT = (
    "data.tokenizer",
    "data.batching",
    "data.padding",
    "data.max_length",
    "data.workers",
    "data.pin_memory",
    "architecture.attention",
    "training.accumulation_steps",
    "training.compile",
    "training.gradient_checkpointing",
    "training.target_score",
    "training.score_every",
    "system.",
    "inference.engine",
    "inference.batch_size",
    "inference.cache",
    "inference.draft",
    "inference.exit_",
)
"""Knobs, or beginnings of their names, that may leave every output as it is: both tokenizers give
the same ids, padding and neighbours change no example, all implementations of attention and all
engines give the same up to rounding, accumulation adds up to the same step, layers that are
computed again give the same gradients, device settings compute nothing, a model answers a row the
same in any batch, with any cache and whoever guesses what it will write, and a cut that no text
reaches, a score that is never reached and a head that is never sure change nothing: their proofs
say so."""
FORMATS = (
    "training.precision",
    "architecture.weight_format",
    "architecture.quantizer",
    "architecture.int8_threshold",
    "inference.precision",
)
"""Knobs that change the formats of numbers: they move every probability a little, and need not move
a label, a tag or a text, which is the likeliest one."""
CHOSEN = frozenset({"spans", "translations", "means"})
"""Kinds of recorded answers that are choices, not numbers: tags, texts, what a suite's function
predicts."""
SAME_OUTPUTS = {("training.optimizer", "adamw_fused"): "adamw"}
"""From a knob and a reading to another reading that may give the same outputs: one arithmetic."""


ROUNDING = 2.0**-18
"""Largest difference of probabilities that the rounding of FP32 explains: 64 of its unit roundoffs
(2^-24; Higham 2002, Accuracy and Stability of Numerical Algorithms, section 2.1).

A probability is computed in FP32 from logits, whatever type the model computes in. Measured on the
tiny encoder, 480 functions, fine-tuned: sums in another order (batches of 1 to 480, eager
attention) move a probability by up to 1.1e-6, gradients accumulated over four micro-batches by up
to 2.4e-6; bf16 moves one by 7e-3, INT8 by 1.3e-2, leaving out the least of the layers by 3e-2.
Under bf16 another order alone moves one by 9e-3, as much as a real change does: a wider tolerance
for it would take variants for echoes.
"""
SATURATED = 2.0**-10
"""Below this p(1 - p) a probability is near 0 or 1, where real changes vanish in rounding too."""


class Answered(NamedTuple):
    """A cell that gave certain outputs, and how its knobs read back."""

    cell: str
    applied: tuple[Applied, ...]
    sha256: str
    """Of the outputs."""
    probabilities: Array | None
    """The outputs, if they are probabilities: of class 1, one a row."""


def without_effect(applied: Sequence[Applied], options: Options) -> tuple[str, ...]:
    """Return the knobs of ``options`` that did nothing.

    A knob did nothing if nobody read it back, or if it reads as the baseline's value or as before.
    Of a suite's own knob without a proof nobody can say.
    """
    proofs = {f"{proof.stage}.{proof.knob}": proof for proof in applied}
    idle = []
    for difference in differences(options):
        proof = proofs.get(difference.knob)
        if proof is not None and not proof.proved:
            continue  # nobody can say
        if proof is None or proof.got in (None, difference.baseline, proof.before):
            idle.append(difference.knob)
    return tuple(idle)


def effect_of(rounds: Sequence[Round], options: Options) -> tuple[str, tuple[str, ...]]:
    """Return ``NO-EFFECT`` or an empty text, and the knobs that did nothing in some round.

    A variant has no effect if all the knobs that it sets have none; if some have, the cell is
    partial.
    """
    knobs = [difference.knob for difference in differences(options)]
    idle: set[str] = set()
    for one_round in rounds:
        idle.update(without_effect(one_round.applied, options))
    named = tuple(knob for knob in knobs if knob in idle)
    effect = NO_EFFECT if knobs and len(named) == len(knobs) else ""
    return effect, named


def should_differ(
    applied: Sequence[Applied], other: Sequence[Applied], *, chosen: bool = False
) -> bool:
    """Whether a knob that moves outputs reads back differently, whatever was requested.

    Outputs that are ``chosen`` need not move with the format of numbers. The batch size moves
    outputs by training alone: a model answers a row the same in any batch. Of a suite's own knobs
    those without a proof count, against which outputs are the only witness.
    """
    here, there = _readings(applied), _readings(other)
    silent: tuple[str, ...] = (*SILENT, *FORMATS) if chosen else SILENT
    if not here.get("training.finetune", True) and not there.get("training.finetune", True):
        silent = (*silent, "data.batch_size")
    for knob in {**here, **there}:
        if here.get(knob) != there.get(knob) and not knob.startswith(silent):
            return True
    return False


class Outputs:
    """The outputs of a session's rounds."""

    def __init__(self) -> None:
        """Begin without any."""
        self._answered: dict[tuple[str, int], list[Answered]] = {}

    def identical_outputs(self, cell: Cell, rounds: Sequence[Round]) -> tuple[str, ...]:
        """Say which earlier cells of the same task and seed gave the same outputs, and should not.

        Outputs are the same to the last bit, probabilities also if they differ by no more than
        ``ROUNDING``. Remembers the outputs of these rounds too.
        """
        copies: dict[str, dict[str, None]] = {}
        for one_round in rounds:
            if one_round.outputs_sha256 is None:
                continue
            earlier = self._answered.setdefault((cell.task, one_round.seed), [])
            probabilities = _probabilities(one_round)
            here = Answered(cell.id, one_round.applied, one_round.outputs_sha256, probabilities)
            chosen = one_round.judged.outcomes.get("kind") in CHOSEN
            for there in earlier:
                if there.cell == cell.id:
                    continue
                if not should_differ(there.applied, here.applied, chosen=chosen):
                    continue
                if how := _likeness(here, there):
                    copies.setdefault(how, {})[there.cell] = None
            earlier.append(here)
        texts = []
        for how, cells in copies.items():
            equal = f"its outputs equal those of {', '.join(cells)} {how}"
            texts.append(f"{equal}, though its knobs should move them")
        return tuple(texts)


def _probabilities(one_round: Round) -> Array | None:
    """Return the round's outputs if they are probabilities."""
    from greenbench.stats import classification_answers  # NumPy: not for a bare listing

    outcomes = one_round.judged.outcomes
    if "probabilities_f32" not in outcomes:
        return None
    return classification_answers.read(outcomes).probabilities


def _likeness(here: Answered, there: Answered) -> str:
    """Say how outputs are the same; empty if they are not."""
    if here.sha256 == there.sha256:
        return "to the last bit"
    one, other = here.probabilities, there.probabilities
    if one is None or other is None or one.shape != other.shape:
        return ""
    if not (one * (1 - one) > SATURATED).any():
        return ""
    apart = float(abs(one - other).max())
    return "within the rounding of FP32" if apart <= ROUNDING else ""


def _readings(applied: Sequence[Applied]) -> dict[str, object]:
    """Return what was read of each knob, and what was asked of one that nothing reads back."""
    readings: dict[str, object] = {}
    for proof in applied:
        knob = f"{proof.stage}.{proof.knob}"
        if not proof.proved:
            readings[knob] = proof.asked
        elif proof.knob in knobs(proof.stage):
            got = proof.got
            if isinstance(got, str):
                got = SAME_OUTPUTS.get((knob, got), got)
            readings[knob] = got
    return readings
