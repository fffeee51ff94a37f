"""Cells of one session whose rounds ran in blocks: compared within blocks, all cells together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.gates import margins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.metrics import Readings
    from greenbench.gates.verdict import Estimate, Measured
    from greenbench.stats.blocks import BlockComparison, Difference

FEWEST = 2
"""The fewest blocks that show by how much cells vary."""
Places = dict[int, tuple[float, int]]
"""A cell's values on the gate's scale, and their positions, by block."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A cell and its reference in the same session, with what was read of both."""

    cell: Measured
    other: Measured
    here: Readings
    there: Readings

    @property
    def in_blocks(self) -> bool:
        """Whether the rounds of both ran in blocks."""
        rounds = (*self.cell.record.rounds, *self.other.record.rounds)
        return all(one_round.block is not None for one_round in rounds)


def block_estimates(gate: Gate, pairs: Sequence[Pair]) -> dict[str, Estimate]:
    """Return the estimates of the cells that ran in blocks with their reference, by id.

    Cells that share a reference are one design. There is no estimate for those that lack one of its
    blocks: their own rounds have to do.
    """
    by_reference: dict[str, list[Pair]] = {}
    for pair in pairs:
        if gate.about.kind in {"energy", "time"} and pair.in_blocks:
            by_reference.setdefault(pair.other.id, []).append(pair)
    estimates: dict[str, Estimate] = {}
    for group in by_reference.values():
        estimates |= _of_design(gate, group)
    return estimates


def _of_design(gate: Gate, pairs: Sequence[Pair]) -> dict[str, Estimate]:
    from greenbench.stats.blocks import compare_in_blocks

    reference = _places(gate, pairs[0].other, pairs[0].there)
    columns = {pair.cell.id: _places(gate, pair.cell, pair.here) for pair in pairs}
    blocks = _common_blocks(reference, columns)
    columns = {name: places for name, places in columns.items() if set(blocks) <= set(places)}
    if len(blocks) < FEWEST:
        return {}
    values, positions = [], []
    for block in blocks:
        row = [reference[block], *(places[block] for places in columns.values())]
        values.append([value for value, _ in row])
        positions.append([position for _, position in row])
    compared = compare_in_blocks(values, positions, reference=0)
    found = dict(zip(columns, compared.differences[1:], strict=True))
    estimates = {}
    for pair in pairs:
        if pair.cell.id in found:
            estimates[pair.cell.id] = _estimate(gate, pair, found[pair.cell.id], compared)
    return estimates


def _places(gate: Gate, cell: Measured, readings: Readings) -> Places:
    sample = margins.sample(gate, readings)
    by_seed = dict(zip(sorted(readings.values), sample.values, strict=True))
    places = {}
    for one_round in cell.record.rounds:
        if one_round.block is not None:
            places[one_round.block] = (by_seed[one_round.seed], one_round.position or 0)
    return places


def _common_blocks(reference: Places, columns: Mapping[str, Places]) -> list[int]:
    """Return the blocks of the reference that most cells have too: a session may end in one."""
    common = []
    for block in sorted(reference):
        having = sum(block in places for places in columns.values())
        if 2 * having > len(columns):
            common.append(block)
    return common


def _estimate(
    gate: Gate, pair: Pair, difference: Difference, compared: BlockComparison
) -> Estimate:
    plain = margins.estimate(gate, pair.here, pair.there)
    scale = margins.Scale.of(gate)
    stated = math.hypot(
        margins.sample(gate, pair.here).stated, margins.sample(gate, pair.there).stated
    )
    return margins.combined(
        replace(
            plain,
            margin=scale.margin(difference.value, 0.0),
            spread=difference.spread,
            rounds=compared.blocks,
            series=(),  # what neighbouring rounds share is in the spread already
            freedom=difference.freedom,
            how=_method(compared),
        ),
        random=difference.standard,
        stated=stated / math.sqrt(compared.blocks),
    )


def _method(compared: BlockComparison) -> str:
    method = f"{compared.blocks} blocks of {len(compared.differences)} cells"
    if compared.without_first:
        method += ", the first left out as warm-up"
    if compared.correlation:
        method += f", rounds correlated by {compared.correlation:.2f}"
    return method
