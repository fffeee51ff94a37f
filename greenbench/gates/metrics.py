"""Reads a gate's metric of a cell: one number a round if it is measured or counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.results.reading import NO_JOULES, round_sources
from greenbench.stats.uncertainty import RANDOM, gross_causes
from greenbench.types import CHANNELS, NODE, Energy, Round

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.results.reading import CellRecord

NODE_METRIC = "energy_node"
NO_NODE = "no sensor here knows the machine as a whole"
CHANNEL = {"energy_gpu": "gpu", "energy_cpu": "cpu", "energy_dram": "dram", NODE_METRIC: NODE}
PER_OUTPUT = ("j_per_sample", "j_per_correct")
"""Joules of inference by the outputs that it made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """A metric's value by round."""

    values: Mapping[int, float]
    """By the round's seed."""
    size: float = 0.0
    """What a relative change is relative to: the mean; for net joules the mean of the total ones,
    as a small difference of large numbers is itself uncertain."""
    uncertainty: float = 0.0
    """Standard uncertainty of one round that differs from round to round, in the metric's unit."""
    systematic: float = 0.0
    """Standard uncertainty common to all rounds. Only that of idle power matters between cells."""

    @property
    def mean(self) -> float:
        """Mean of the rounds."""
        return sum(self.values.values()) / len(self.values)


def observed(gate: Gate, cell: CellRecord) -> Readings | float | str:
    """Return a cell's readings of the gate's metric, or its score, or why it has neither."""
    if gate.about.kind != "quality":
        return readings(gate, cell)
    score = cell.score(gate.metric)
    if score is not None:
        return score
    metric = cell.quality.get(gate.metric)
    reason = metric.reason if metric is not None else ""
    return reason or f"{gate.metric} was not scored"


def readings(gate: Gate, cell: CellRecord) -> Readings | str:
    """Return the metric's values, or why there is none."""
    rounds = cell.rounds
    values: dict[int, float] = {}
    seeds = set()
    for one_round in rounds:
        seeds.add(one_round.seed)
        value = _value(gate, one_round)
        if value is not None and math.isfinite(value):
            values[one_round.seed] = value
    if not values or len(values) < len(rounds):
        return _reason(gate, rounds, len(seeds) - len(values))
    if gate.about.kind != "energy":
        return Readings(values=values, size=_absolute_mean(values.values()))
    scopes = _scopes(gate, rounds)
    if len(scopes) > 1:
        return f"its rounds know different channels: {' or '.join(sorted(scopes))}"
    return _joule_readings(gate, rounds, values)


def scope(gate: Gate, cell: CellRecord) -> str:
    """Name the channels, with sources, whose joules ``gate`` is about: the whole's or a stage's.

    Different ones in different windows stand beside each other.
    """
    scopes: dict[str, None] = {}
    for one_round in cell.rounds:
        for energy in _energies(gate, one_round):
            scopes[_scope(gate, energy)] = None
    return " or ".join(scopes) or NO_JOULES


def _joule_readings(gate: Gate, rounds: Sequence[Round], values: Mapping[int, float]) -> Readings:
    random, systematic = [], []
    for one_round in rounds:
        by_itself, shared = _uncertainty(gate, one_round)
        random.append(by_itself)
        systematic.append(shared)
    return Readings(
        values=values,
        size=_size(gate, rounds, values.values()),
        uncertainty=max(random),
        systematic=max(systematic),
    )


def _value(gate: Gate, one_round: Round) -> float | None:
    if gate.metric == "time":
        return _seconds(gate, one_round)
    if gate.metric == "peak_memory":
        return one_round.work.get("peak_memory_bytes")
    if gate.metric == "flops":
        return _operations(gate, one_round)
    joules = _sum(_joules(gate, energy) for energy in _energies(gate, one_round))
    outputs = _outputs(gate, one_round)
    return joules / outputs if joules is not None and outputs else None


def _seconds(gate: Gate, one_round: Round) -> float | None:
    if gate.stage is None:
        return one_round.whole.seconds
    return _sum(w.seconds for w in one_round.windows if w.stage == gate.stage)


def _operations(gate: Gate, one_round: Round) -> float | None:
    if gate.stage is not None:
        return one_round.work.get(f"flops_{gate.stage}")
    return _sum(count for name, count in one_round.work.items() if name.startswith("flops_"))


def _energies(gate: Gate, one_round: Round) -> list[Energy]:
    """Return the joules that count: of the whole round, of a stage, or of its repeats."""
    stage = "inference" if gate.metric in PER_OUTPUT else gate.stage
    if stage is None:
        return [one_round.whole.energy]
    return [window.energy for window in one_round.stage_windows(stage)]


def _joules(gate: Gate, energy: Energy) -> float | None:
    if gate.metric in CHANNEL:
        return energy.joules(CHANNEL[gate.metric])
    return energy.total_net_j if gate.metric == "energy_net" else energy.total_j


def _outputs(gate: Gate, one_round: Round) -> float | None:
    """Return what the joules are divided by: 1, or the outputs that were scored or are right."""
    if gate.metric == "j_per_sample":
        return one_round.work.get("samples_scored")
    if gate.metric == "j_per_correct":
        return one_round.judged.correct
    return 1


def _scopes(gate: Gate, rounds: Sequence[Round]) -> set[str]:
    """Return the sets of channels, with their sources, whose joules the rounds sum."""
    scopes = set()
    for one_round in rounds:
        for energy in _energies(gate, one_round):
            scopes.add(_scope(gate, energy))
    return scopes


def _scope(gate: Gate, energy: Energy) -> str:
    if gate.metric == NODE_METRIC:  # of which no total consists
        known = energy.node_j is not None
        return f"{NODE} {energy.sources.get(NODE, 'none')}" if known else NO_JOULES
    channels = [CHANNEL[gate.metric]] if gate.metric in CHANNEL else CHANNELS
    sources = round_sources(energy)
    return ", ".join(f"{c} {sources[c]}" for c in channels if c in sources) or NO_JOULES


def _size(gate: Gate, rounds: Sequence[Round], values: Collection[float]) -> float:
    if gate.metric != "energy_net":
        return _absolute_mean(values)
    totals = []
    for one_round in rounds:
        for energy in _energies(gate, one_round):
            if energy.total_j is not None:
                totals.append(abs(energy.total_j))
    return _absolute_mean(totals)


def _uncertainty(gate: Gate, one_round: Round) -> tuple[float, float]:
    """Return the standard uncertainties that a round has by itself, and that all rounds share."""
    channels = [CHANNEL[gate.metric]] if gate.metric in CHANNEL else CHANNELS
    random, common = [0.0], [0.0]
    for energy in _energies(gate, one_round):
        for cause, uncertainty in gross_causes(energy, channels).items():
            (random if cause in RANDOM else common).append(uncertainty)
        if gate.metric == "energy_net":
            common += [energy.idle_uncertainty_j.get(channel, 0.0) for channel in CHANNELS]
    outputs = _outputs(gate, one_round) or 1
    return math.hypot(*random) / outputs, math.hypot(*common) / outputs


def _absolute_mean(values: Collection[float]) -> float:
    return abs(math.fsum(values) / len(values))


def _sum(values: Iterable[float | None]) -> float | None:
    """Add up; None if one is unknown, or if there is none."""
    total = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total


def _reason(gate: Gate, rounds: Sequence[Round], unknown: int) -> str:
    """Say in how many rounds the metric is unknown, and the first reason that is stated."""
    if not rounds:
        return f"{gate.metric} is unknown: the cell has no round"
    count = f"{gate.metric} is unknown in {unknown} of {len(rounds)} rounds"
    stages = {window.stage for one_round in rounds for window in one_round.windows}
    if gate.stage and gate.stage not in stages:
        return f"{count}: no round has a stage {gate.stage}"
    if gate.about.kind != "energy":
        return count
    channels = [CHANNEL[gate.metric]] if gate.metric in CHANNEL else CHANNELS
    for one_round in rounds:
        energies = _energies(gate, one_round)
        if energies and _sum(_joules(gate, energy) for energy in energies) is not None:
            if gate.metric in PER_OUTPUT and not _outputs(gate, one_round):
                return f"{count}: its joules are known, and no output to divide them by"
            continue  # its channels without joules are no reason
        for energy in energies:
            for channel in channels:
                if channel in energy.reasons:
                    return f"{count}: {energy.reasons[channel]}"
    return f"{count}: {NO_NODE}" if gate.metric == NODE_METRIC else count
