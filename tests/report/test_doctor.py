"""What ``greenbench doctor`` shows of counters, of channels without one, and as a conclusion."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from greenbench.machine.energy.doctor import Finding
from greenbench.machine.energy.rapl_absence import GRANT_RAPL, NO_PERMISSION, NO_RAPL
from greenbench.report import doctor

NO_DRIVER = Finding(
    channel="gpu", device="-", available=False, source="none", reason="no NVIDIA driver"
)
NO_CPU_COUNTER = Finding(
    channel="cpu",
    device="-",
    available=False,
    source="estimated:cpu-seconds*3.72W/core(default)",
    reason=NO_RAPL,
)
NO_DRAM_COUNTER = Finding(
    channel="dram", device="-", available=False, source="none", reason=NO_RAPL
)
GPU_COUNTER = Finding(
    channel="gpu",
    device="Simulated H200 (GPU-1)",
    available=True,
    source="zeus:nvml-counter",
    update_seconds=0.1,
    shortest_window_seconds=2.0,
    idle_w=75.0,
    idle_uncertainty_w=1.5,
    permission="read",
)


def shown(findings: list[Finding]) -> list[str]:
    """Return the lines that are printed, without the empty ones."""
    console = Console(width=100)
    with console.capture() as capture:
        doctor.show(console, findings)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_a_counter_has_a_row_and_its_device_a_line() -> None:
    """The row gives update period, shortest window, and idle watts with their uncertainty."""
    row = doctor.table_row(GPU_COUNTER)
    assert row == ("gpu", "zeus:nvml-counter", "every 100 ms", "from 2 s", "75.0 +- 1.5 W")
    assert doctor.counter_lines([GPU_COUNTER]) == [
        "- gpu: Simulated H200 (GPU-1), permission: read"
    ]


def test_a_counter_without_a_reading_says_so() -> None:
    """Its source is shown with that remark, and unknown numbers as a dash."""
    silent = Finding(channel="cpu", device="package 0", available=False, source="zeus:rapl")
    assert doctor.table_row(silent) == ("cpu", "zeus:rapl (no reading)", "-", "-", "-")


def test_a_reason_that_channels_share_is_shown_once() -> None:
    """One line names both channels, and the estimate that stands in follows."""
    assert doctor.counter_lines([NO_CPU_COUNTER, NO_DRAM_COUNTER]) == [
        f"- cpu, dram: {NO_RAPL}",
        f"  instead: {NO_CPU_COUNTER.source}",
    ]


def test_the_machine_as_a_whole_has_a_row_of_its_own() -> None:
    """A sensor of the user's is labelled as theirs."""
    whole = replace(GPU_COUNTER, channel="node", source="user:meter:Wall", device="wall socket")
    assert doctor.table_row(whole)[:2] == ("node", "user:meter:Wall")
    assert doctor.counter_lines([whole]) == ["- node: wall socket, permission: read"]


def test_a_virtual_machine_ends_with_what_can_be_concluded_without_counters() -> None:
    """Joules are estimates there, ratios hold within a session, and bare metal needs a command."""
    *_, meaning, remedy = shown([NO_DRIVER, NO_CPU_COUNTER, NO_DRAM_COUNTER])
    assert meaning == doctor.WITHOUT_COUNTERS
    assert "estimated from CPU time" in meaning
    assert "ratios between variants of one session are comparable" in meaning
    assert "absolute joules are not" in meaning
    assert remedy.startswith("To measure joules, use a bare-metal machine")
    assert remedy.endswith(GRANT_RAPL)


def test_the_conclusion_leaves_out_a_command_that_is_shown_already() -> None:
    """If counters exist and only the permission is missing, the remedy stands in the list above."""
    forbidden = replace(NO_CPU_COUNTER, reason=NO_PERMISSION, remedy=GRANT_RAPL)
    lines = shown([NO_DRIVER, forbidden])
    assert lines[-1] == doctor.WITHOUT_COUNTERS
    assert sum(GRANT_RAPL in line for line in lines) == 1


def test_a_machine_with_a_counter_gets_no_such_conclusion() -> None:
    """One channel with a counter is enough."""
    assert doctor.conclusion([GPU_COUNTER, NO_CPU_COUNTER]) == []
    assert doctor.WITHOUT_COUNTERS not in shown([GPU_COUNTER, NO_CPU_COUNTER])
