"""What ``greenbench doctor`` shows of counters, of channels without one."""

from __future__ import annotations

from greenbench.machine.energy.doctor import Finding
from greenbench.machine.energy.sensors import NO_RAPL
from greenbench.report import doctor

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
