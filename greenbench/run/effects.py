"""Whether a variant's knobs did anything: a saving counts only if they demonstrably acted.

There are two witnesses: what the live objects read back (a knob that reads as the baseline's did
nothing), and the model's outputs (variants whose outputs should differ, and that are identical to
the last bit, did not differ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.options import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.options import Options
    from greenbench.types import Applied, Cell, Round

NO_EFFECT = "NO-EFFECT"
"""What such a cell is called wherever it shows."""
SILENT = ("data.tokenizer", "training.accumulation_steps", "system.")
"""Knobs, or beginnings of their names, that may leave every output as it is: both tokenizers give
the same ids, accumulation adds up to the same step, and device settings compute nothing."""


class Answered(NamedTuple):
    """A cell that gave certain outputs, and how its knobs read back."""

    cell: str
    applied: tuple[Applied, ...]


def without_effect(applied: Sequence[Applied], options: Options) -> tuple[str, ...]:
    """Return the knobs of ``options`` that did nothing.

    A knob did nothing if nobody read it back, or if it reads as the baseline's value or as before.
    """
    proofs = {f"{proof.stage}.{proof.knob}": proof for proof in applied}
    idle = []
    for difference in differences(options):
        proof = proofs.get(difference.knob)
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


def should_differ(applied: Sequence[Applied], other: Sequence[Applied]) -> bool:
    """Whether a knob that moves outputs reads back differently, whatever was requested."""
    here, there = _readings(applied), _readings(other)
    for knob in {**here, **there}:
        if here.get(knob) != there.get(knob) and not knob.startswith(SILENT):
            return True
    return False


class Outputs:
    """The outputs of a session's rounds, by their checksums."""

    def __init__(self) -> None:
        """Begin without any."""
        self._answered: dict[tuple[str, int, str], list[Answered]] = {}

    def identical_outputs(self, cell: Cell, rounds: Sequence[Round]) -> tuple[str, ...]:
        """Say which earlier cells of the same task and seed gave the same outputs, and should not.

        Remembers the outputs of these rounds too.
        """
        copies: dict[str, None] = {}
        for one_round in rounds:
            if one_round.outputs_sha256 is None:
                continue
            key = (cell.task, one_round.seed, one_round.outputs_sha256)
            earlier = self._answered.setdefault(key, [])
            for name, applied in earlier:
                if name != cell.id and should_differ(applied, one_round.applied):
                    copies[name] = None
            earlier.append(Answered(cell.id, one_round.applied))
        if not copies:
            return ()
        return (
            (
                f"its outputs equal those of {', '.join(copies)} to the last bit, "
                "though its knobs should move them"
            ),
        )


def _readings(applied: Sequence[Applied]) -> dict[str, object]:
    return {f"{proof.stage}.{proof.knob}": proof.got for proof in applied}
