"""Others' joules of allocations beside greenbench's: Slurm's accounting, Cray's node counter.

Slurm is asked after the job, by ``greenbench fetch``; Cray's counter is read by the worker, before
and after a block's session. ``results/counted_energy.py`` says when they disagree.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from greenbench.cluster.run_folder import DELIVERY
from greenbench.cluster.slurm_energy import slurm_joules
from greenbench.machine.energy.cray_sensors import cray_sensors
from greenbench.machine.energy.sensors import read_errors
from greenbench.results import loading
from greenbench.results.counted_energy import AllocationEnergy, CountedJoules, CountedRun
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from greenbench.results.record import Json
    from greenbench.types import Round

UNCOUNTED = ("estimated", "simulated", "none")
"""Beginnings of sources whose joules no counter can confirm."""


class NodeCounter:
    """Cray's counter of the whole node, from now on; elsewhere nothing."""

    def __init__(self) -> None:
        """Read it, where the kernel shows one."""
        group = cray_sensors()
        nodes = [sensor for sensor in group.sensors if sensor.channel == "node"]
        self._sensor = nodes[0] if nodes else None
        missing = group.missing.get("node")
        self._reason = "" if missing is None else str(missing)
        self._first = self._now()

    def facts(self) -> Json:
        """Return joules since, with their source, for the delivery of a block."""
        last = self._now()
        if self._first is not None and last is not None and self._sensor is not None:
            counted = {"source": self._sensor.source, "joules": last - self._first}
            return {"node_counter": counted}
        if self._reason:
            return {"node_counter": {"source": "cray:pm_counters", "reason": self._reason}}
        return {}

    def _now(self) -> float | None:
        """Read the counter: a check that fails costs no block."""
        if self._sensor is None:
            return None
        try:
            return self._sensor.read()
        except read_errors() as error:
            self._reason = f"Cray's counter of the node cannot be read: {error}"
        return None


def counted_run(
    run: str, engine: str, deliveries: Mapping[str, Path], earlier: CountedRun | None = None
) -> CountedRun | None:
    """Return others' joules of the delivered jobs of a run; None where nobody else counts.

    What an ``earlier`` fetch knew stays: Slurm forgets its jobs after a while.
    """
    allocations = [one for one in earlier.allocations if one.is_known] if earlier else []
    known = {one.job for one in allocations}
    facts = {}
    for job, folder in deliveries.items():
        if job not in known:
            facts[job] = json.loads((folder / DELIVERY).read_text("utf-8"))
    slurm = _by_slurm(facts) if engine == "slurm" else {}
    for job, of_job in facts.items():
        counted = []
        if job in slurm:
            counted.append(slurm[job])
        if "node_counter" in of_job:
            counted.append(CountedJoules(channels=CHANNELS, **of_job["node_counter"]))
        if not counted:
            continue
        joules: dict[str, float] = {}
        unsure: dict[str, float] = {}
        if any(one.joules is not None for one in counted):
            joules, unsure = measured(deliveries[job])
        allocations.append(
            AllocationEnergy(
                job=job,
                place=str(of_job.get("place", "")),
                counted=tuple(counted),
                measured_j=joules,
                uncertainty_j=unsure,
            )
        )
    if not allocations:
        return None
    allocations.sort(key=lambda one: one.job)
    return CountedRun(run=run, allocations=tuple(allocations))


def _by_slurm(facts: Mapping[str, Json]) -> dict[str, CountedJoules]:
    ids = {job: str(of_job["slurm_job"]) for job, of_job in facts.items() if "slurm_job" in of_job}
    counted = slurm_joules(list(ids.values())) if ids else {}
    found = {}
    for job in facts:
        unknown = CountedJoules(source="slurm", reason="the worker noted no job of Slurm")
        found[job] = counted.get(ids.get(job, ""), unknown)
    return found


def measured(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the joules of the rounds in results files by channel, and what they are uncertain by.

    Only what counters measured, and each stage where it ran: what a round took over is left out.
    """
    joules: dict[str, float] = {}
    unsure: dict[str, float] = {}
    runs, _ = loading.load_folder(folder)
    for record in runs:
        for cell in record.cells:
            for one_round in cell.rounds:
                for channel in CHANNELS:
                    own = _own(one_round, channel)
                    if own is not None:
                        energy = one_round.whole.energy
                        doubt = sum(energy.uncertainty_j.get(channel, {}).values())
                        joules[channel] = joules.get(channel, 0.0) + own
                        unsure[channel] = unsure.get(channel, 0.0) + doubt
    return joules, unsure


def _own(one_round: Round, channel: str) -> float | None:
    """Return what a round measured itself of a channel; None if no counter did."""
    energy = one_round.whole.energy
    joules = energy.joules(channel)
    if joules is None or energy.sources.get(channel, "none").startswith(UNCOUNTED):
        return None
    for window in one_round.reused:
        joules -= window.energy.joules(channel) or 0.0
    return max(0.0, joules)
