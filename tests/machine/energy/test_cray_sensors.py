"""Cray's counters: the whole node beside its CPUs and memory, of which no sum contains another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.machine.energy import cray_sensors as module
from greenbench.machine.energy import meter as room
from greenbench.machine.energy.cray_sensors import cray_sensors
from tests.simulators.cray import PmCounters

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulators.powercap import Powercap

FAST_S = 0.005
"""Between two scans of a simulation; a node's own are 0.1 s apart."""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PmCounters:
    """Give a node with all three counters."""
    counters = PmCounters(tmp_path / "pm", energy=9000, cpu_energy=3000, memory_energy=500)
    monkeypatch.setattr(module, "FOLDER", counters.root)
    return counters


@pytest.mark.usefixtures("no_rapl")
def test_the_node_stands_beside_its_parts_and_is_not_in_their_sum(node: PmCounters) -> None:
    """CPU and memory are measured where RAPL is not; the node holds them, and what else it has."""
    with node.scanned(FAST_S), room.open_meter((), calibrate_s=0) as meter:
        with meter.window("training"):
            node.use(energy=100, cpu_energy=60, memory_energy=10)
            node.scan()
        (window,) = meter.take()
    energy = window.energy
    assert (energy.cpu_j, energy.dram_j, energy.node_j) == (60, 10, 100)
    assert energy.total_j == 70
    assert energy.scope == ("cpu", "dram")
    assert energy.sources["node"] == "simulated:pm_counters"
    digits = 1 / 6**0.5  # of whole joules
    for name in ("cpu", "dram", "node"):
        assert energy.uncertainty_j[name]["resolution"] >= digits


def test_rapl_counts_where_both_do(node: PmCounters, powercap: Powercap) -> None:
    """No channel is counted twice: what is closest to the chip counts, the node stays."""
    package = powercap.zone(0, "package-0")
    with node.scanned(FAST_S), room.open_meter((), calibrate_s=0) as meter:
        with meter.window("training"):
            package.use(7)
            node.use(energy=50, cpu_energy=20, memory_energy=5)
            node.scan()
        (window,) = meter.take()
    assert window.energy.cpu_j == pytest.approx(7, abs=1e-3)
    assert window.energy.sources["cpu"] == "simulated:rapl"
    assert (window.energy.dram_j, window.energy.node_j) == (5, 50)


def test_counters_that_nobody_scans_are_missing(
    node: PmCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freshness that stands still is the reason, for each of them."""
    monkeypatch.setattr(module, "AWAKE_S", 0.05)
    group = cray_sensors()
    assert group.sensors == ()
    assert set(group.missing) == {"cpu", "dram", "node"}
    reason = f"Cray's pm_counters are not updated: their freshness stands at {node.scans}"
    assert group.missing["node"].reason == reason


def test_a_file_that_is_absent_stands_at_0_or_holds_something_else_is_left_out(
    node: PmCounters,
) -> None:
    """The others count; what is there and cannot be read has a reason."""
    (node.root / "cpu_energy").unlink()
    del node.joules["cpu_energy"]
    node.joules["memory_energy"] = 0
    with node.scanned(FAST_S):
        group = cray_sensors()
    assert [sensor.channel for sensor in group.sensors] == ["node"]
    assert "memory_energy stands at 0" in group.missing["dram"].reason
    del node.joules["energy"]
    node.show("energy", "12 W")
    with node.scanned(FAST_S):
        group = cray_sensors()
    assert "energy holds '12 W', and not joules" in group.missing["node"].reason


def test_other_machines_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found, and nothing is missing."""
    monkeypatch.setattr(module, "FOLDER", tmp_path / "nothing here")
    group = cray_sensors()
    assert (group.sensors, dict(group.missing)) == ((), {})
