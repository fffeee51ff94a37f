"""What INT8 weights take at inference beside V0's format, by the examples of a batch.

Few examples leave a chip waiting for weights, of which INT8 has a quarter of the bytes; many keep
it computing, where rounding activations to INT8 is work besides. So whether INT8 pays hangs on the
batch, and is read at several sizes, each beside the baseline's weights in batches of that size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.analysis.simultaneous import Bounded, bounded

if TYPE_CHECKING:
    from greenbench.analysis.evidence import KnobSet, TaskEvidence
    from greenbench.analysis.fits import StageFit

INT8 = ("architecture.weight_format", "int8")
BATCH, SHARED_BATCH = "inference.batch_size", "data.batch_size"
RECURRING = "inference"
FEWEST = 2
"""Sizes: one alone says nothing of how INT8 depends on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Batch:
    """INT8 beside V0's format in batches of one size."""

    size: int
    """Examples of a batch at inference."""
    energy: Bounded
    """Of inference, relative to V0's format; the intervals hold for all sizes at once."""
    blocks: int
    """Rounds of the cell with INT8."""


class _Pair(NamedTuple):
    size: int
    int8: str
    other: str


def int8_batches(fitted: StageFit, evidence: TaskEvidence) -> tuple[Int8Batch, ...]:
    """Return what INT8 takes in each size of batch, ascending; nothing if fewer than two are known.

    ``fitted`` are joules.
    """
    pairs = _pairs(fitted, evidence)
    if len(pairs) < FEWEST or RECURRING not in fitted.stages:
        return ()
    stage = fitted.stages.index(RECURRING)
    weights = np.zeros((len(pairs), *fitted.model.means.shape))
    for row, pair in enumerate(pairs):
        weights[row, fitted.numbers[pair.int8], stage] = 1.0
        weights[row, fitted.numbers[pair.other], stage] = -1.0
    logarithms = (weights * fitted.model.means).sum(axis=(1, 2)).tolist()
    found = []
    for pair, one in zip(pairs, bounded(logarithms, fitted.model.contrasts(weights)), strict=True):
        blocks = len(evidence.cells[pair.int8].rounds)
        found.append(Int8Batch(size=pair.size, energy=one.as_ratio, blocks=blocks))
    return tuple(found)


def _pairs(fitted: StageFit, evidence: TaskEvidence) -> list[_Pair]:
    """Return the cells that set INT8, a batch size, or both, each beside its like without INT8."""
    usual = _usual_batch(evidence)
    alike: dict[KnobSet, str] = {evidence.cells[name].on: name for name in fitted.cells}
    pairs = []
    for on, name in alike.items():
        without = on - {INT8}
        size = dict(without).get(BATCH, usual)
        only_batch = {knob for knob, _ in without} <= {BATCH}
        if INT8 in on and only_batch and without in alike and size.isdecimal():
            pairs.append(_Pair(int(size), name, alike[without]))
    return sorted(pairs)


def _usual_batch(evidence: TaskEvidence) -> str:
    """Return the examples of a batch of V0's inference, as its record has them."""
    knobs = evidence.newest[evidence.baseline.id].record.knobs
    return str(knobs.get(BATCH) or knobs.get(SHARED_BATCH))
