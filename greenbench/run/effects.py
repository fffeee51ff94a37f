"""Whether a variant's knobs did anything: a saving is one only where they demonstrably acted.

Two witnesses: what was read back from the live objects (a knob that reads as the baseline's did nothing), and the model's
outputs (variants that should answer differently, and answer alike to the last bit, did not differ).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.options import differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.options import Options
    from greenbench.types import Applied, Cell, Round

NO_EFFECT = "NO-EFFECT"
"""What such a cell is called wherever it shows."""
SILENT = ("data.tokenizer", "training.accumulation_steps", "system.")
"""Knobs, or beginnings of their names, that may leave every output as it is: both tokenizers give the same ids, accumulating
adds up to the same step, and circumstances do not compute."""


def without_effect(applied: Sequence[Applied], options: Options) -> tuple[str, ...]:
    """Return the knobs that ``options`` turn and that nobody read back, or that read as the baseline's or as before."""
    baseline = {d.knob: d.baseline for d in differences(options)}
    proofs = {f"{a.stage}.{a.knob}": a for a in applied}
    return tuple(
        k
        for k in baseline
        if k not in proofs or proofs[k].got in (None, baseline[k], proofs[k].before)
    )


def effect_of(rounds: Sequence[Round], options: Options) -> tuple[str, tuple[str, ...]]:
    """Return ``NO-EFFECT``, or nothing, and the knobs without effect in any round.

    A variant has no effect where all the knobs that it turns have none; where some have, the cell is partial.
    """
    turned = [d.knob for d in differences(options)]
    idle = {knob for r in rounds for knob in without_effect(r.applied, options)}
    named = tuple(knob for knob in turned if knob in idle)
    return (NO_EFFECT if turned and len(named) == len(turned) else ""), named


def should_differ(one: Sequence[Applied], other: Sequence[Applied]) -> bool:
    """Whether a knob that moves the model's outputs was read back differently in two rounds; what was asked does not count."""
    read = [{f"{a.stage}.{a.knob}": a.got for a in applied} for applied in (one, other)]
    unlike = [k for k in {**read[0], **read[1]} if read[0].get(k) != read[1].get(k)]
    return any(not knob.startswith(SILENT) for knob in unlike)


class Outputs:
    """The outputs of a session's rounds, by their checksums: which were seen before."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._seen: dict[tuple[str, int, str], list[tuple[str, tuple[Applied, ...]]]] = {}

    def twins(self, cell: Cell, rounds: Sequence[Round]) -> tuple[str, ...]:
        """Say which earlier cells of the same task and seed gave the same outputs to the last bit, and should not have."""
        twins: dict[str, None] = {}
        for one in rounds:
            if one.outputs_sha256 is None:
                continue
            earlier = self._seen.setdefault((cell.task, one.seed, one.outputs_sha256), [])
            twins |= dict.fromkeys(
                name
                for name, proofs in earlier
                if name != cell.id and should_differ(proofs, one.applied)
            )
            earlier.append((cell.id, one.applied))
        return (
            (
                f"its outputs equal those of {', '.join(twins)} to the last bit, though its knobs should move them",
            )
            if twins
            else ()
        )
