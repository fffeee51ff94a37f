"""What is measured of a stage in a round: joules of a scope, or seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.types import Energy, Round

STAGE_MEASURES = {
    "energy": "J",
    "energy_net": "J",
    "energy_gpu": "J",
    "time": "s",
}
"""Measures of a stage that are fitted, with their units. ``energy`` sums the known channels."""
MACHINE = "energy_node"
"""Joules of the machine as a whole, which contain those of all channels and of what else it ran."""
UNITS = {**STAGE_MEASURES, MACHINE: "J"}


def stage_value(measure: str, one_round: Round, stage: str) -> float | None:
    """Return what ``stage`` took in a round; None if it is unknown, or of other channels.

    Joules of a stage that was too short for the counters are those of its repeats, seconds those
    within the round.
    """
    total = 0.0
    if measure == "time":
        for window in one_round.windows:
            total += window.seconds if window.stage == stage else 0.0
        return total
    for window in one_round.stage_windows(stage):
        joules = _joules(measure, window.energy, one_round.whole.energy)
        if joules is None:
            return None
        total += joules
    return total


def whole_value(measure: str, one_round: Round) -> float | None:
    """Return what the round took as a whole."""
    if measure == "time":
        return one_round.whole.seconds
    return _joules(measure, one_round.whole.energy, one_round.whole.energy)


def _joules(measure: str, energy: Energy, whole: Energy) -> float | None:
    if measure == "energy_gpu":
        return energy.gpu_j
    if measure == MACHINE:
        return energy.node_j
    if energy.scope != whole.scope:  # a sum over other channels would look complete
        return None
    return energy.total_net_j if measure == "energy_net" else energy.total_j
