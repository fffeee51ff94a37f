"""What a gate's metric is in a cell's record: a number a round for what is measured, one number for what is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.stats.uncertainty import RANDOM
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from greenbench.gates.expression import Gate

Record = dict[str, Any]

CHANNEL = {"energy_gpu": "gpu", "energy_cpu": "cpu", "energy_dram": "dram"}
TOTAL = {
    "energy": "total_j",
    "energy_net": "total_net_j",
    "j_per_sample": "total_j",
    "j_per_correct": "total_j",
}
PER = {
    "j_per_sample": lambda one: one.get("work", {}).get("samples_scored"),
    "j_per_correct": lambda one: one.get("correct"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """A metric's value by round."""

    values: Mapping[int, float]
    """By the round's seed."""
    size: float = 0.0
    """What a part of them is a part of: the mean, but for net joules the gross ones, as a small difference is not certain."""
    uncertainty: float = 0.0
    """Standard uncertainty of one round that strikes each round anew, in the metric's unit."""
    systematic: float = 0.0
    """The same of what is common to all rounds; but for an idle machine's joules it leaves comparisons of like cells alone."""


def readings(gate: Gate, record: Mapping[str, Any]) -> Readings | str:
    """Return the metric's values, or why there is none."""
    rounds = record["rounds"]
    each = {r["seed"]: _value(gate, r) for r in rounds}
    known = {seed: float(v) for seed, v in each.items() if v is not None and math.isfinite(v)}
    if not known or len(known) < len(rounds):
        return _reason(gate, rounds, len(each) - len(known))
    if gate.about.kind != "energy":
        return Readings(values=known, size=_mean(known.values()))
    scopes = {tuple(part["scope"]) for r in rounds for part in _parts(gate, r)}
    if gate.metric in TOTAL and len(scopes) > 1:
        return "its rounds do not know the same channels"
    anew, common = (
        max(parts) for parts in zip(*(_uncertainty(gate, r) for r in rounds), strict=True)
    )
    gross = [
        abs(v) for r in rounds for part in _parts(gate, r) if (v := part["total_j"]) is not None
    ]
    size = _mean(gross) if gate.metric == "energy_net" else _mean(known.values())
    return Readings(values=known, size=size, uncertainty=anew, systematic=common)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return abs(math.fsum(listed) / len(listed))


def _value(gate: Gate, one: Record) -> float | None:
    if gate.metric == "time":
        return (
            _sum(w["seconds"] for w in one["windows"] if w["stage"] == gate.stage)
            if gate.stage
            else one["seconds"]
        )
    if gate.metric == "peak_memory":
        found: float | None = one.get("work", {}).get("peak_memory_bytes")
        return found
    if gate.metric == "flops":
        names = (
            [f"flops_{gate.stage}"]
            if gate.stage
            else [n for n in one.get("work", {}) if n.startswith("flops_")]
        )
        return _sum(one.get("work", {}).get(n) for n in names)
    joules = _sum(_joules(gate, part) for part in _parts(gate, one))
    amount = PER[gate.metric](one) if gate.metric in PER else 1
    return joules / amount if joules is not None and amount else None


def _parts(gate: Gate, one: Record) -> list[Record]:
    """Return the windows whose joules count: a stage's repeats where there are any, else the stage, else the whole round."""
    stage = "inference" if gate.metric in PER else gate.stage
    if stage is None:
        return [one["energy"]]
    return [w for w in one.get("repeats", ()) if w["stage"] == stage] or [
        w for w in one["windows"] if w["stage"] == stage
    ]


def _joules(gate: Gate, part: Record) -> float | None:
    name = f"{CHANNEL[gate.metric]}_j" if gate.metric in CHANNEL else TOTAL[gate.metric]
    found: float | None = part.get(name)
    return found


def _uncertainty(gate: Gate, one: Record) -> tuple[float, float]:
    """Return the standard uncertainties that a round has by itself and that all rounds share."""
    amount = PER[gate.metric](one) if gate.metric in PER else 1
    channels = [CHANNEL[gate.metric]] if gate.metric in CHANNEL else CHANNELS
    causes = [
        item
        for part in _parts(gate, one)
        for c in channels
        for item in part.get("uncertainty_j", {}).get(c, {}).items()
    ]
    anew, common = (
        math.hypot(0.0, *(u for k, u in causes if (k in RANDOM) == wanted))
        for wanted in (True, False)
    )
    if gate.metric == "energy_net":
        common = math.hypot(
            common,
            *(u for part in _parts(gate, one) for u in part.get("idle_uncertainty_j", {}).values()),
        )
    return anew / amount, common / amount


def _sum(values: Iterable[float | None]) -> float | None:
    """Add up; None where one is unknown or there is none."""
    listed = list(values)
    known = [v for v in listed if v is not None]
    return sum(known) if known and len(known) == len(listed) else None


def _reason(gate: Gate, rounds: list[Record], lacking: int) -> str:
    told = f"{gate.metric} is unknown in {lacking} of {len(rounds)} rounds"
    if gate.stage and not any(w["stage"] == gate.stage for r in rounds for w in r["windows"]):
        return f"{told}: no round has a stage {gate.stage}"
    reasons = (
        [part.get("reasons", {}) for r in rounds for part in _parts(gate, r)]
        if gate.about.kind == "energy"
        else []
    )
    channels = [CHANNEL[gate.metric]] if gate.metric in CHANNEL else CHANNELS
    first = next((found[c] for found in reasons for c in channels if c in found), "")
    return f"{told}: {first}" if first else told
