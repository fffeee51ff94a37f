"""Whether a cell did the same work as V0: a saving by less work that no knob explains is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord
    from greenbench.types import Round

EXPLAINED_BY = {
    "samples_scored": (),
    "samples_trained": ("data", "training"),
    "optimizer_steps": ("data", "training"),
    "tokens_training": ("data", "training"),
    "flops_training": ("data", "architecture", "training"),
    "flops_inference": ("data", "architecture", "inference"),
}
"""Counts of work, and the stages whose knobs may change them."""
HEALING = "inference.healing"
"""Knob of inference that trains."""
TOLERANCE = 1e-3
"""Relative difference that is no other work."""


def unequal_work(cell: CellRecord, baseline: CellRecord) -> str:
    """Say which count of work differs from V0's though no knob of the cell explains it."""
    if is_baseline(cell.variant):
        return ""
    stages = set()
    for knob, value in cell.knobs.items():
        if value != baseline.knobs.get(knob):
            stages.add(knob.partition(".")[0])
            if knob == HEALING:
                stages.add("training")
    for count, explaining in EXPLAINED_BY.items():
        if stages.isdisjoint(explaining):
            reason = _unequal(count, cell, baseline)
            if reason:
                return f"unequal work: {reason}, and no knob of it explains that"
    return ""


def _unequal(count: str, cell: CellRecord, baseline: CellRecord) -> str:
    for ours, theirs in cell.paired_rounds(baseline):
        here, there = ours.work.get(count), theirs.work.get(count)
        if here is None or there is None or (count == "flops_inference" and _generates(ours)):
            continue
        if abs(here - there) > TOLERANCE * max(abs(here), abs(there)):
            return f"{count} is {here:.4g} and V0's {there:.4g}"
    return ""


def _generates(one_round: Round) -> bool:
    """Whether inference writes texts, whose length depends on all that moves an output."""
    return bool(one_round.work.get("tokens_generated"))
