"""What a closed window holds: its energy by channel, and the mean of one pass of repeated ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.types import Energy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.machine.energy.idle import Idle
    from greenbench.machine.energy.readings import Reading
    from greenbench.machine.energy.sources import EnergySources
    from greenbench.types import Window


def window_energy(
    readings: Mapping[str, Reading], seconds: float, sources: EnergySources, idle: Idle
) -> Energy:
    """Return the energy of a window of ``seconds`` from its ``readings`` by channel."""
    joules: dict[str, float] = {}
    uncertainty: dict[str, Mapping[str, float]] = {}
    reasons = dict(sources.reasons)
    coarse: list[str] = []
    doubts: list[str] = []
    for channel, reading in readings.items():
        if reading.reason:
            reasons[channel] = reading.reason
        if reading.joules is None:
            continue
        joules[channel] = reading.joules
        uncertainty[channel] = reading.uncertainty
        doubts.extend(reading.doubts)
        if reading.coarse:
            coarse.append(channel)
    return Energy(
        gpu_j=joules.get("gpu"),
        cpu_j=joules.get("cpu"),
        dram_j=joules.get("dram"),
        node_j=joules.get("node"),
        sources=sources.labels,
        reasons=reasons,
        uncertainty_j=uncertainty,
        idle_j=_idle_joules(idle.watts, joules, seconds),
        idle_uncertainty_j=_idle_joules(idle.uncertainty_w, joules, seconds),
        coarse=tuple(coarse),
        doubts=tuple(doubts),
    )


def _idle_joules(
    watts: Mapping[str, float], joules: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """Return ``watts`` times ``seconds`` for the channels whose joules are known."""
    idle = {}
    for channel, channel_watts in watts.items():
        if channel in joules:
            idle[channel] = channel_watts * seconds
    return idle


def per_pass(window: Window, passes: int) -> Window:
    """Return what one of ``passes`` equal passes in ``window`` took."""
    energy = window.energy
    uncertainty = {}
    for channel, causes in energy.uncertainty_j.items():
        uncertainty[channel] = _divided(causes, passes)
    energy_per_pass = replace(
        energy,
        gpu_j=_quotient(energy.gpu_j, passes),
        cpu_j=_quotient(energy.cpu_j, passes),
        dram_j=_quotient(energy.dram_j, passes),
        node_j=_quotient(energy.node_j, passes),
        uncertainty_j=uncertainty,
        idle_j=_divided(energy.idle_j, passes),
        idle_uncertainty_j=_divided(energy.idle_uncertainty_j, passes),
    )
    seconds = window.seconds / passes
    return replace(window, seconds=seconds, energy=energy_per_pass, passes=passes)


def _quotient(joules: float | None, passes: int) -> float | None:
    return None if joules is None else joules / passes


def _divided(joules: Mapping[str, float], passes: int) -> dict[str, float]:
    return {key: value / passes for key, value in joules.items()}
