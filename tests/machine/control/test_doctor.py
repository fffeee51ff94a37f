"""What could be set here is told with its range, who sets it, and what would grant it; nothing is set to find out."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from greenbench.machine import gpus as devices
from greenbench.machine.control.context import ZEUSD
from greenbench.machine.control.doctor import abilities
from greenbench.report import doctor

if TYPE_CHECKING:
    from machine.control.conftest import Machine


def test_root_may_set_cards_and_processors(machine: Machine) -> None:
    """Each with what it takes."""
    limit, clock, cap, clocks = doctor.settable(abilities(devices.gpus()))
    assert (
        limit
        == f"- power limit of Simulated H200 ({machine.gpu.uuid}): may be set by root (200 to 700 W)"
    )
    assert (
        clock
        == f"- SM clock of Simulated H200 ({machine.gpu.uuid}): may be set by root (up to 1980 MHz)"
    )
    assert cap == "- power cap of processors: may be set by this user (of 200 W)"
    assert clocks.endswith(
        "may be set by this user (800 to 4000 MHz; governors performance, powersave, schedutil)"
    )
    assert machine.as_before


def test_others_are_told_what_would_grant_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remedy a line, each once."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    lines = doctor.settable(abilities(devices.gpus()))
    assert [line for line in lines if ZEUSD in line] == [
        f"  to grant it: run as root (CAP_SYS_ADMIN), or: {ZEUSD}"
    ]
    assert sum("chmod a+w" in line for line in lines) == 1
    assert machine.as_before


def test_the_zeus_daemon_sets_for_everybody(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("ZEUSD_SOCK_PATH", "/run/zeusd.sock")
    assert "may be set by zeusd at /run/zeusd.sock" in doctor.settable(abilities(devices.gpus()))[0]
    assert machine.as_before


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mig": True}, "partitioned by MIG"),
        ({"default_power_limit_w": None}, "tells no power limit"),
    ],
)
def test_cards_that_cannot_be_set_say_why(
    changed: dict[str, object], why: str, machine: Machine
) -> None:
    """One line for the card."""
    (gpu,) = devices.gpus()
    first, *_ = doctor.settable(abilities([replace(gpu, **changed)]))
    assert (
        first
        == f"- power limit of Simulated H200 ({machine.gpu.uuid}): cannot be set: it is partitioned by MIG"
        or why in first
    )


def test_a_machine_without_either_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Virtual machines show neither power caps nor clocks."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))
    assert doctor.settable(abilities(())) == [
        "- power cap of processors: cannot be set: the kernel shows none (powercap)",
        "- clocks of processors: cannot be set: the kernel shows none (cpufreq)",
    ]
