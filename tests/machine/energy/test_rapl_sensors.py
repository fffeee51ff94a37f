"""A zone that cannot be read costs its own channel, and the reason names cause and remedy."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from zeus.device.cpu import rapl

from greenbench.machine.energy import open_meter, rapl_absence
from greenbench.machine.energy import rapl_sensors as sensors_module
from greenbench.machine.energy.rapl_absence import GRANT_RAPL, LOAD_RAPL, MOUNT
from greenbench.machine.energy.rapl_sensors import rapl_sensors
from greenbench.machine.energy.readings import DRAM_WATTS, PACKAGE_WATTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.machine.energy.sensors import SensorGroup
    from tests.simulators.powercap import Powercap

NOBODY = 65534


@contextlib.contextmanager
def unprivileged(powercap: Powercap) -> Iterator[None]:
    """Run the block as a user whom permissions of files bind, and who may enter the tree."""
    shared = Path(tempfile.gettempdir())
    for folder in (powercap.root, *powercap.root.parents):
        if shared in folder.parents:  # never the shared folder itself
            folder.chmod(0o755)
    before = os.geteuid()
    os.seteuid(NOBODY if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)


def channels(group: SensorGroup) -> dict[str, int]:
    """Return how many counters each channel has."""
    names = [sensor.channel for sensor in group.sensors]
    return {name: names.count(name) for name in names}


def test_memory_that_only_root_may_read_leaves_the_package(powercap: Powercap) -> None:
    """The CPU is measured; the memory is missing, with the command that grants it."""
    powercap.zone(0, "package-0")
    powercap.subzone(0, 0, "dram").forbid()
    with unprivileged(powercap):
        group = rapl_sensors()
    assert channels(group) == {"cpu": 1}
    assert group.missing["dram"].reason == "RAPL may not be read by this user"
    assert group.missing["dram"].remedy == GRANT_RAPL


def test_a_package_that_may_not_be_read_takes_the_cpu_and_leaves_the_memory(
    powercap: Powercap,
) -> None:
    """One package of two is not the CPU: the reason says which may not be read."""
    for number in (0, 1):
        powercap.zone(number, f"package-{number}", 1000 + 50 * number)
        powercap.subzone(number, 0, "dram", 2000 + 50 * number)
    (powercap.root / "intel-rapl:1" / "energy_uj").chmod(0)
    with unprivileged(powercap):
        group = rapl_sensors()
    assert channels(group) == {"dram": 2}
    assert str(group.missing["cpu"]).startswith(
        "RAPL may not be read by this user "
        "(package-1; package-0 alone would not be all of the channel): sudo chmod"
    )


def test_a_broken_part_that_is_not_counted_takes_nothing(powercap: Powercap) -> None:
    """Zones below a package, other than its memory, and the platform are not even opened."""
    powercap.zone(0, "package-0")
    (powercap.subzone(0, 0, "core").folder / "energy_uj").unlink()
    (powercap.subzone(0, 1, "uncore").folder / "name").unlink()
    (powercap.zone(1, "psys").folder / "energy_uj").unlink()
    assert channels(rapl_sensors()) == {"cpu": 1}


def test_a_broken_package_is_named(powercap: Powercap) -> None:
    """The reason has the zone and the error, and says that the other one is not all."""
    powercap.zone(0, "package-0")
    (powercap.zone(1, "package-1").folder / "max_energy_range_uj").unlink()
    group = rapl_sensors()
    assert channels(group) == {}
    reason = group.missing["cpu"].reason
    assert reason.startswith("RAPL cannot be read: package-1: ")
    assert reason.endswith("; package-0 alone would not be all of the channel")


def test_a_counter_that_stands_at_zero_is_replaced_by_the_estimate(powercap: Powercap) -> None:
    """Virtual machines show counters of 0 that never move."""
    powercap.zone(0, "package-0", 0)
    with open_meter((), cpu_watts=5, calibrate_s=0) as meter:
        assert meter.sources["cpu"].startswith("estimated:")
        assert "the RAPL counter of package-0 stands at 0" in meter.reasons["cpu"]


@pytest.mark.usefixtures("no_rapl")
@pytest.mark.parametrize(
    ("hypervisor", "machine", "container", "reason", "remedy"),
    [
        ("kvm", "x86_64", None, "virtual machine (kvm)", ""),
        ("kvm", "x86_64", "docker", "virtual machine (kvm)", ""),
        (None, "aarch64", None, "processors of type aarch64 have none", ""),
        (None, "x86_64", "docker", "a container (docker) may hide them", MOUNT),
        (None, "x86_64", None, "the kernel's module is not loaded", LOAD_RAPL),
    ],
)
def test_without_powercap_the_reason_fits_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    hypervisor: str | None,
    machine: str,
    container: str | None,
    reason: str,
    remedy: str,
) -> None:
    """What a machine lacks, and only a command that can help there."""
    monkeypatch.setattr(rapl_absence, "virtual_machine", lambda: hypervisor)
    monkeypatch.setattr(rapl_absence, "container", lambda: container)
    monkeypatch.setattr(rapl_absence.platform, "machine", lambda: machine)
    missing = rapl_sensors().missing["cpu"]
    assert reason in missing.reason
    assert missing.remedy == remedy


def test_rapl_is_looked_for_where_zeus_finds_it() -> None:
    """On the machine, and then where a container has it."""
    assert list(map(str, sensors_module.FOLDERS)) == [rapl.RAPL_DIR, rapl.CONTAINER_RAPL_DIR]


def test_a_link_that_leads_nowhere_is_a_container_s_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers mask the devices that /sys/class links to: the remedy is a mount."""
    link = tmp_path / "intel-rapl"
    link.symlink_to(tmp_path / "masked")
    monkeypatch.setattr(sensors_module, "FOLDERS", (link, tmp_path / "none"))
    missing = rapl_sensors().missing["cpu"]
    assert "a container hides what" in missing.reason
    assert missing.remedy == MOUNT


def test_a_daemon_that_is_down_is_replaced_by_the_files(
    powercap: Powercap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RAPL is read directly, and every window says that zeusd does not answer."""
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(tmp_path / "no socket"))
    package = powercap.zone(0, "package-0")
    with open_meter((), calibrate_s=0) as meter:
        with meter.window("stage"):
            package.use(5)
            time.sleep(0.02)
        (window,) = meter.take()
    assert window.energy.cpu_j == pytest.approx(5, abs=1e-3)
    (doubt,) = window.energy.doubts
    assert doubt.startswith("zeusd does not answer, and RAPL is read without it")
    assert str(tmp_path / "no socket") in doubt


@pytest.mark.parametrize(
    ("designs", "limits", "most"),
    [
        ([125], [], 375),
        ([125, 0], [125, 253], 759),
        ([15], [15, 64], 192),
        ([350], [], PACKAGE_WATTS),
        ([0], [50], PACKAGE_WATTS),
        ([], [50], PACKAGE_WATTS),
    ],
)
def test_the_package_s_own_power_bounds_its_counter(
    powercap: Powercap, designs: list[float], limits: list[float], most: float
) -> None:
    """Three times the design power or a higher limit; without a design power, the general bound."""
    package = powercap.zone(0, "package-0")
    for number, watts in enumerate(designs):
        package.design(watts, number)
    for number, watts in enumerate(limits):
        package.limit(watts, number)
    powercap.subzone(0, 0, "dram")
    cpu, dram = rapl_sensors().sensors
    assert cpu.counter.max_watts == pytest.approx(most)
    assert dram.counter.max_watts == DRAM_WATTS


def test_mount_points_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not UTF-8 leaves the kernel's counters what they are."""
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(
        b"21 1 0:20 / /mnt/\xff rw - tmpfs none rw\n22 1 0:21 / /sys rw - sysfs sysfs rw\n"
    )
    monkeypatch.setattr(sensors_module, "_MOUNTS", mounts)
    assert sensors_module.on_sysfs(Path("/sys/class"))
