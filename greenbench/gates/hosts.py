"""Cells of a run on many machines: each block's ratio is of one session, and hosts differ in it.

Nothing is compared across sessions. What two cells of one session have to each other is one value
of its host, and hosts are combined as a random effect (``stats/random_effects.py``).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from greenbench.gates import margins
from greenbench.gates.fleets import host_of
from greenbench.gates.metrics import Readings, observed
from greenbench.stats.random_effects import across_hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Estimate, Measured
    from greenbench.stats.random_effects import HostEffects


class FleetPair(NamedTuple):
    """A cell beside its reference of the same run, with the readings of both."""

    cell: Measured
    here: Readings
    reference: Measured
    there: Readings


class SessionValues(NamedTuple):
    """What a session of a run measured of a cell."""

    host: str
    by_seed: dict[int, float]
    """Logarithms for a ratio, by the round's seed."""


def host_estimates(gate: Gate, pairs: Sequence[FleetPair]) -> dict[str, Estimate]:
    """Return the estimates of cells beside their references of the same run, by id.

    A single block counts as a single round does anywhere. A cell that shares no block with its
    reference has no estimate: readings of different sessions are never divided by each other.
    """
    estimates = {}
    known: dict[int, dict[str, SessionValues]] = {}
    for cell, here, reference, there in pairs:
        if id(reference) not in known:  # hundreds of cells have the same one
            known[id(reference)] = session_values(gate, reference, there)
        by_host = block_values(session_values(gate, cell, here), known[id(reference)])
        blocks = sum(map(len, by_host.values()))
        if blocks == 1:
            only = _only_block(gate, cell, reference)
            estimates[cell.id] = margins.estimate(gate, *only)
        elif blocks:
            estimates[cell.id] = _estimate(gate, here, there, by_host)
    return estimates


def _only_block(gate: Gate, cell: Measured, reference: Measured) -> tuple[Readings, Readings]:
    """Return the readings of both in the only block of a session that they share."""
    parts = {part.header.session_id: part for part in reference.apart}
    for part in cell.apart:
        other = parts.get(part.header.session_id)
        here = observed(gate, part.record)
        there = None if other is None else observed(gate, other.record)
        if not isinstance(here, Readings) or not isinstance(there, Readings):
            continue
        for seed, value in here.values.items():
            if seed in there.values:
                ours = replace(here, values={seed: value})
                return ours, replace(there, values={seed: there.values[seed]})
    raise LookupError(f"{cell.id} and {reference.id} share no block")


def session_values(
    gate: Gate, cell: Measured, readings: Readings | None = None
) -> dict[str, SessionValues]:
    """Return what each session of a run measured of a joined cell, as far as it is known.

    ``readings`` are those of the joined cell, if somebody has them already.
    """
    if readings is not None and _are_of_each_session(readings, cell, gate):
        return _divided(_by_seed(gate, readings), cell)
    values = {}
    for part in cell.apart:
        own = observed(gate, part.record)
        if not isinstance(own, Readings):
            continue
        if gate.form != "ratio" or min(own.values.values()) > 0:
            session = str(part.header.session_id)
            values[session] = SessionValues(host_of(part), _by_seed(gate, own))
    return values


def _are_of_each_session(readings: Readings, cell: Measured, gate: Gate) -> bool:
    """Whether a joined cell has every round of its sessions: V0 may be in several of one block."""
    rounds = sum(len(part.record.rounds) for part in cell.apart)
    return rounds == len(readings.values) and (
        gate.form != "ratio" or min(readings.values.values()) > 0
    )


def _divided(by_seed: Mapping[int, float], cell: Measured) -> dict[str, SessionValues]:
    """Return the values of a joined cell by session."""
    values = {}
    for part in cell.apart:
        own = {one_round.seed: by_seed[one_round.seed] for one_round in part.record.rounds}
        values[str(part.header.session_id)] = SessionValues(host_of(part), own)
    return values


def block_values(
    cell: Mapping[str, SessionValues], reference: Mapping[str, SessionValues]
) -> dict[str, list[float]]:
    """Return by host what a cell has to its reference in each block, within a session each."""
    by_host: dict[str, list[float]] = {}
    for session, ours in cell.items():
        if session not in reference:
            continue
        theirs = reference[session].by_seed
        for seed, value in ours.by_seed.items():
            if seed in theirs:
                of_host = by_host.setdefault(ours.host, [])
                of_host.append(value - theirs[seed])
    return by_host


def _by_seed(gate: Gate, readings: Readings) -> dict[int, float]:
    values = margins.sample(gate, readings).values
    return dict(zip(sorted(readings.values), values, strict=True))


def _estimate(
    gate: Gate, here: Readings, there: Readings, by_host: dict[str, list[float]]
) -> Estimate:
    groups = list(by_host.values())
    effects = across_hosts(groups)
    blocks = sum(map(len, groups))
    plain = margins.bare(gate, here, there)
    stated = [margins.stated(gate, side) for side in (here, there)]
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
