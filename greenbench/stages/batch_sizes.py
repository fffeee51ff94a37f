"""The proof of batch sizes: how many examples each optimizer step and each answered batch had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.options import Options
    from greenbench.stages.objectives.interface import AnsweredBatch


def proofs(
    options: Options, trained: Tally[int] | None, answered: Sequence[AnsweredBatch]
) -> tuple[Applied, Applied]:
    """Compare the examples of every optimizer step and of every answered batch with ``options``.

    The last answered batch may be smaller. ``trained`` is None if nothing was trained. If inference
    has batches of its own, ``data.batch_size`` is that of training alone.
    """
    asked, own = options.data.batch_size, options.inference.batch_size
    per_batch = _answered_sizes(own or asked, answered)
    of_data = [trained] if own else [trained, per_batch]
    tallies = [tally for tally in of_data if tally is not None and tally.total]
    got, note = _compared(asked, tallies)
    largest = max((batch.examples for batch in answered), default=None)
    per_step = None if trained is None else trained.usual
    how = "examples of every optimizer step, and of every batch at inference, counted"
    shared = Applied(
        stage="data",
        knob="batch_size",
        asked=asked,
        got=got,
        how="examples of every optimizer step, counted" if own else how,
        note=note,
        evidence={"examples_per_step": per_step, "largest_batch_inference": largest},
    )
    return shared, _own_batch_proof(own, asked, per_batch)


def _own_batch_proof(own: int | None, others: int, seen: Tally[int]) -> Applied:
    """Return the proof of inference's own batch size; ``others`` is what it would be without."""
    got, note = None, ""
    if own is not None:
        got, note = _compared(own, [seen] if seen.total else [])
    return Applied(
        stage="inference",
        knob="batch_size",
        asked=own,
        got=got,
        how="examples of every batch at inference, counted",
        note=note,
        before=None if own is None else others,
    )


def _compared(asked: int, tallies: Sequence[Tally[int]]) -> tuple[int | None, str]:
    """Return what was usual, and what differs from ``asked``; a difference is never hidden."""
    got: int | None = None
    other = []
    for tally in tallies:
        if got in {None, asked}:
            got = tally.usual
        exceptions = tally.exceptions(asked)
        if exceptions:
            other.append(exceptions)
    note = ""
    if other:
        note = f"requested {asked}, read back {' and '.join(dict.fromkeys(other))}"
    return got, note


def _answered_sizes(asked: int, answered: Sequence[AnsweredBatch]) -> Tally[int]:
    """Count the sizes of answered batches; a smaller last one holds what is left over."""
    sizes = [batch.examples for batch in answered]
    if sizes and sizes[-1] < asked:
        sizes.pop()
        if not sizes:  # fewer examples than a batch holds
            sizes = [asked]
    tally: Tally[int] = Tally("batches")
    tally.counts.update(sizes)
    return tally
