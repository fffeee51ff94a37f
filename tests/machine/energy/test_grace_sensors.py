"""Grace's power meters are integrated, each for the channel that it measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.machine.energy import grace_sensors as module
from greenbench.machine.energy import meter as room
from greenbench.machine.energy.grace_sensors import grace_sensors
from tests.simulators.grace import GraceMeters

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GraceMeters:
    """Give the hwmon devices of a machine, none of Grace yet."""
    meters = GraceMeters(tmp_path / "hwmon")
    monkeypatch.setattr(module, "FOLDER", meters.root)
    return meters


def channels() -> list[tuple[str, str]]:
    """Return channel and source of each sensor."""
    return [(sensor.channel, sensor.source) for sensor in grace_sensors().sensors]


def test_a_superchip_has_its_rails_as_cpu_and_its_module_as_the_whole(grace: GraceMeters) -> None:
    """``Grace Power``, which is within the module, is not counted besides."""
    for label in ("CPU Power", "SysIO Power", "Grace Power", "Module Power"):
        grace.rail(f"{label} Socket 0", 100)
    assert channels() == [
        ("cpu", "simulated:grace-cpu-sysio"),
        ("cpu", "simulated:grace-cpu-sysio"),
        ("node", "simulated:grace-module"),
    ]
    assert "no power meter of its own" in grace_sensors().missing["dram"].reason


def test_without_a_module_the_sockets_are_the_whole(grace: GraceMeters) -> None:
    """Of two sockets each counts; files may lie beside the device too."""
    for socket in (0, 1):
        for label in ("CPU", "SysIO", "Grace"):
            grace.rail(f"{label} Power Socket {socket}", 50, below_device=False)
    found = channels()
    assert [channel for channel, _ in found] == ["cpu"] * 4 + ["node"] * 2
    assert found[-1] == ("node", "simulated:grace-grace")


def test_a_socket_without_a_meter_takes_its_channel(grace: GraceMeters) -> None:
    """The other socket alone would look like both."""
    for socket in (0, 1):
        grace.rail(f"CPU Power Socket {socket}", 50)
    grace.rail("Grace Power Socket 0", 50)
    group = grace_sensors()
    assert {sensor.channel for sensor in group.sensors} == {"cpu"}
    assert "socket 1 has no meter 'Grace Power'" in group.missing["node"].reason
    assert "the cores' rail alone" in group.sensors[0].note


@pytest.mark.usefixtures("no_rapl")
def test_a_window_has_the_integrated_joules_of_each_rail(grace: GraceMeters) -> None:
    """The averaging interval is the counter's period; the module is in no total."""
    grace.rail("CPU Power Socket 0", 100)
    grace.rail("SysIO Power Socket 0", 20, interval_ms=None)
    grace.rail("Module Power Socket 0", 300)
    with room.open_meter((), calibrate_s=0) as meter:
        updates = [fact["update_seconds"] for fact in meter.facts["counters"]]
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert updates == [0.05, 1.0, 0.05]
    energy = window.energy
    assert energy.node_j > energy.cpu_j > 0
    assert energy.total_j == energy.cpu_j
    assert energy.uncertainty_j["cpu"]["integration"] == 0  # all readings were alike


def test_other_machines_have_none(grace: GraceMeters) -> None:
    """A power meter of another device is not Grace's."""
    assert grace.root.exists()
    group = grace_sensors()
    assert (group.sensors, dict(group.missing)) == ((), {})
