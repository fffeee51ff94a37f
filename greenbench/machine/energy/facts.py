"""What the instrument is, for the results file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.machine.energy.idle import Idle
    from greenbench.machine.energy.sensors import Sensor
    from greenbench.machine.energy.sources import EnergySources

NO_IDLE = "idle power was not measured"
NO_IDLE_ESTIMATE = "an estimate from CPU seconds knows no idle power: it counts busy cores alone"


def instrument_facts(sources: EnergySources, idle: Idle) -> dict[str, object]:
    """Return update periods, sampling, idle power and the estimate's watts as plain builtins."""
    sampler, estimate = sources.sampler, sources.estimate
    idle_reasons = {}
    for channel in sources.labels:
        if channel not in idle.watts:
            idle_reasons[channel] = _no_idle_reason(channel, sources, idle)
    return {
        "counters": [_counter_facts(sensor) for sensor in sources.sensors],
        "sampling_seconds": sampler.interval_s if sampler is not None else None,
        "shortest_window_seconds": sources.shortest_s or None,
        "idle_w": dict(idle.watts),
        "idle_uncertainty_w": dict(idle.uncertainty_w),
        "idle_reasons": idle_reasons,
        "estimated_w_per_core": estimate.core.watts if estimate is not None else None,
    }


def _counter_facts(sensor: Sensor) -> dict[str, object]:
    counter = sensor.counter
    return {
        "channel": sensor.channel,
        "name": counter.name,
        "source": sensor.source,
        "update_seconds": counter.update_s,
        "update_measured": sensor.calibrated,
        "read_seconds": counter.read_s,
        "range_j": counter.wraps_at_j,
    }


def _no_idle_reason(channel: str, sources: EnergySources, idle: Idle) -> str:
    if channel in idle.reasons:
        return idle.reasons[channel]
    label = sources.labels[channel]
    if label == "none":
        return sources.reasons[channel]
    return NO_IDLE_ESTIMATE if label.startswith("estimated:") else NO_IDLE
