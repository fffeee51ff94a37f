"""Cells of a run on many machines: each block's ratio is of one session, and hosts differ in it.

Nothing is compared across sessions. What two cells of one session have to each other is one value
of its host, and hosts are combined as a random effect (``stats/random_effects.py``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.gates import margins
from greenbench.gates.fleets import host_of
from greenbench.gates.metrics import Readings, observed
from greenbench.stats.random_effects import across_hosts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Estimate, Measured
    from greenbench.stats.random_effects import HostEffects


def host_estimates(gate: Gate, pairs: Sequence[tuple[Measured, Measured]]) -> dict[str, Estimate]:
    """Return the estimates of cells beside their references of the same run, by id.

    A cell that shares a session with its reference in fewer than two blocks has none.
    """
    estimates = {}
    for cell, reference in pairs:
        by_host = block_values(gate, cell, reference)
        blocks = sum(map(len, by_host.values()))
        here = observed(gate, cell.record)
        there = observed(gate, reference.record)
        if not isinstance(here, Readings) or not isinstance(there, Readings):
            continue
        if blocks > 1:
            estimates[cell.id] = _estimate(gate, here, there, by_host)
    return estimates


def block_values(gate: Gate, cell: Measured, reference: Measured) -> dict[str, list[float]]:
    """Return by host what a cell has to its reference in each block, on the gate's scale.

    That is a logarithm for a ratio, else a difference.
    """
    others = {}
    for part in reference.apart:
        others[part.header.session_id] = part.record
    by_host: dict[str, list[float]] = {}
    for part in cell.apart:
        other = others.get(part.header.session_id)
        if other is None:
            continue
        here = observed(gate, part.record)
        there = observed(gate, other)
        if isinstance(here, Readings) and isinstance(there, Readings):
            values = _differences(gate, here, there)
            if values:
                of_host = by_host.setdefault(host_of(part), [])
                of_host += values
    return by_host


def _differences(gate: Gate, here: Readings, there: Readings) -> list[float]:
    """Return the difference of the two in each block of their session."""
    ours = _by_seed(gate, here)
    theirs = _by_seed(gate, there)
    differences = []
    for seed, value in ours.items():
        if seed in theirs:
            differences.append(value - theirs[seed])
    return differences


def _by_seed(gate: Gate, readings: Readings) -> dict[int, float]:
    values = margins.sample(gate, readings).values
    return dict(zip(sorted(readings.values), values, strict=True))


def _estimate(
    gate: Gate, here: Readings, there: Readings, by_host: dict[str, list[float]]
) -> Estimate:
    groups = list(by_host.values())
    effects = across_hosts(groups)
    blocks = sum(map(len, groups))
    plain = margins.estimate(gate, here, there)
    stated = []
    for side in (here, there):
        sample = margins.sample(gate, side)
        stated.append(sample.stated)
    scale = margins.Scale.of(gate)
    between = effects.between or 0.0
    within = effects.within or 0.0
    combined = replace(
        plain,
        margin=scale.margin(effects.mean, 0.0),
        spread=math.hypot(between, within),
        rounds=blocks,
        series=(),
        freedom=effects.freedom,
        how=_method(effects, len(groups), blocks),
        between_hosts=effects.between,
    )
    random = effects.standard or 0.0
    of_mean = math.hypot(*stated) / math.sqrt(blocks)
    return margins.combined(combined, random=random, stated=of_mean)


def _method(effects: HostEffects, hosts: int, blocks: int) -> str:
    """Say in a few words how hosts were combined."""
    if effects.between is None:
        return f"t, {blocks} blocks of one host: how hosts differ is unknown"
    return f"{blocks} blocks of {hosts} hosts as a random effect (Paule-Mandel, Hartung-Knapp)"
