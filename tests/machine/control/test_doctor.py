"""``greenbench doctor`` shows what can be set, by whom, and what grants it; it sets nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.machine.control.context import ZEUSD
from greenbench.machine.control.doctor import capabilities
from greenbench.machine.gpus import gpus
from greenbench.report.doctor import control_lines

if TYPE_CHECKING:
    from pathlib import Path

    from machine.control.conftest import Machine


def test_root_can_set_cards_and_cpus(machine: Machine) -> None:
    """Each setting has a line with the range that its device accepts."""
    ranges = "800 to 4000 MHz; governors performance, powersave, schedutil"
    assert control_lines(capabilities(gpus())) == [
        f"- power limit of Simulated H200 ({machine.gpu.uuid}): can be set by root (200 to 700 W)",
        f"- SM clock of Simulated H200 ({machine.gpu.uuid}): can be set by root (up to 1980 MHz)",
        "- power cap of CPUs: can be set by this user (of 200 W)",
        f"- clocks and governor of CPUs: can be set by this user ({ranges})",
    ]
    assert machine.as_before


def test_other_users_see_the_commands_that_grant_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command has a line of its own, once although it grants several settings."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    lines = control_lines(capabilities(gpus()))
    assert [line for line in lines if ZEUSD in line] == [
        f"  to grant it: run as root (CAP_SYS_ADMIN), or: {ZEUSD}"
    ]
    assert sum("chmod a+w" in line for line in lines) == 1
    assert machine.as_before


def test_the_zeus_daemon_is_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has the daemon's socket can set GPUs, and the line names the socket."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("ZEUSD_SOCK_PATH", "/run/zeusd.sock")
    first_line = control_lines(capabilities(gpus()))[0]
    assert "can be set by zeusd at /run/zeusd.sock" in first_line
    assert machine.as_before


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"mig": True}, "it is partitioned by MIG"),
        (
            {"default_power_limit_w": None},
            "it reports no power limit (a laptop's, or a virtual GPU)",
        ),
    ],
)
def test_a_card_that_cannot_be_set_gives_the_reason(
    changed: dict[str, Any], reason: str, machine: Machine
) -> None:
    """The card has one line, for its power limit, and no remedy."""
    (gpu,) = gpus()
    card_lines = [
        line for line in control_lines(capabilities([replace(gpu, **changed)])) if gpu.uuid in line
    ]
    device = f"Simulated H200 ({machine.gpu.uuid})"
    assert card_lines == [f"- power limit of {device}: cannot be set: {reason}"]


def test_a_virtual_machine_has_nothing_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A kernel that shows neither power caps nor clocks gives two lines without a remedy."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))
    assert control_lines(capabilities(())) == [
        "- power cap of CPUs: cannot be set: the kernel shows none (powercap)",
        "- clocks of CPUs: cannot be set: the kernel shows none (cpufreq)",
    ]
