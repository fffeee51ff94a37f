"""The reference kernel shows that a machine changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UnavailableError
from greenbench.run.reference_kernel import (
    ARITHMETIC,
    MEMORY,
    KernelRun,
    Kernels,
    ReferenceKernel,
    kernel_run,
)
from greenbench.types import Energy, Window

if TYPE_CHECKING:
    from collections.abc import Callable


def window(joules: float | None = 5.0) -> Window:
    """Return the window of a kernel that ran a second."""
    energy = Energy(cpu_j=joules, sources={"cpu": "zeus:rapl", "gpu": "none"})
    return Window(stage="yardstick", seconds=1.0, energy=energy)


def machine(*rates: float) -> tuple[Callable[[float], tuple[int, Window]], list[float]]:
    """Return a kernel with these billions a second, one after the other, and the seconds asked."""
    speeds, seconds = list(rates), []

    def run(requested: float) -> tuple[int, Window]:
        seconds.append(requested)
        return int(speeds.pop(0) * 1e9), window()

    return run, seconds


def steady_memory(_seconds: float) -> tuple[int, Window]:
    """Move ten billion bytes a second."""
    return 10**10, window()


def no_memory(_seconds: float) -> tuple[int, Window]:
    """Find too little memory."""
    raise UnavailableError("too little memory")


def runs(*gigaflops: float) -> tuple[ReferenceKernel, list[KernelRun]]:
    """Run a session's kernel at these speeds; each is real, so a changed one is seen twice."""
    kernel, results, latest = ReferenceKernel(), [], None
    for speed in gigaflops:
        changed = latest is not None and abs(speed / latest - 1) > 0.1
        run, _ = machine(*([speed] * (2 if changed else 1)))
        results.append(kernel.measure(Kernels(run, steady_memory)))
        latest = speed
    return kernel, results


def test_operations_per_second_and_per_joule() -> None:
    """Both stand in the record, with the sources of the joules."""
    record = kernel_run(ARITHMETIC, 80_000_000_000, window())
    assert (record["operations_per_second"], record["operations_per_joule"]) == (80e9, 16e9)
    assert record["sources"] == {"cpu": "zeus:rapl"}


def test_unknown_joules_are_none_with_a_reason() -> None:
    """An unknown energy is never 0, and nothing is divided by it."""
    record = kernel_run(ARITHMETIC, 80_000_000_000, window(None))
    assert record["operations_per_joule"] is None
    assert record["reason"] == "no channel's joules are known"


def test_a_steady_machine_gives_no_warning() -> None:
    """A tenth up or down is a machine's usual noise."""
    kernel, (first, second, third) = runs(80, 87, 79)
    assert kernel.warnings(first, second) == kernel.warnings(second, third) == ()


@pytest.mark.parametrize("after", [60, 100])
def test_a_machine_that_changes_during_a_cell_gives_a_warning(after: float) -> None:
    """Slower or faster by more than a tenth between the cell's start and end; with both speeds."""
    kernel, (first, second) = runs(80, after)
    (warning,) = kernel.warnings(first, second)
    assert warning.startswith("reference-kernel throughput changed by ")
    assert "while this cell ran (80.0 to" in warning


def test_a_drift_since_the_first_cell_gives_a_warning() -> None:
    """A slow drift shows against the first run; a cell that failed has no second one."""
    kernel, results = runs(80, 75, 70)
    assert [len(kernel.warnings(result, None)) for result in results] == [0, 0, 1]


def test_kernels_of_two_libraries_are_not_compared_with_each_other() -> None:
    """NumPy's may be half as fast as torch's; each drifts from its own first run."""
    kernel = ReferenceKernel()
    (fast, _), (slow, seconds) = machine(80), machine(40)
    torch = kernel.measure(Kernels(fast, steady_memory))
    numpy = kernel.measure(Kernels(slow, steady_memory, "numpy"))
    assert seconds == [ARITHMETIC.short_s]
    assert kernel.warnings(numpy, None) == kernel.warnings(torch, None) == ()
    assert kernel.latest_or(dict, "numpy") is numpy


def test_the_kernel_that_changed_is_named() -> None:
    """A neighbour that takes a third of the bandwidth leaves the arithmetic as it was."""
    kernel = ReferenceKernel()
    arithmetic, _ = machine(80, 80)
    memory, seconds = machine(10, 6, 6.5)
    before, after = (kernel.measure(Kernels(arithmetic, memory)) for _ in range(2))
    assert after["memory"]["bytes_per_second"] == 6.5e9
    assert seconds == [MEMORY.short_s, MEMORY.short_s, MEMORY.long_s]
    (warning,) = kernel.warnings(before, after)
    assert warning.startswith("memory-kernel throughput changed by -35 % while this cell ran (10.0")


def test_a_memory_kernel_that_cannot_run_leaves_its_reason() -> None:
    """The cell is measured all the same, and the arithmetic kernel alone counts."""
    kernel = ReferenceKernel()
    arithmetic, _ = machine(80, 82)
    first, second = (kernel.measure(Kernels(arithmetic, no_memory)) for _ in range(2))
    assert first["memory"] == {"bytes_per_second": None, "reason": "too little memory"}
    assert kernel.warnings(first, second) == ()


def test_a_record_of_an_earlier_version_has_no_memory_kernel() -> None:
    """Its rate is unknown, which is no change."""
    kernel, (now,) = runs(80)
    earlier = {"operations_per_second": 80e9}
    assert kernel.warnings(earlier, now) == ()


def test_a_changed_rate_is_measured_again_for_longer() -> None:
    """A short run that was disturbed is no finding: the longer one counts."""
    kernel = ReferenceKernel()
    run, seconds = machine(80, 50, 79, 81)
    kernels = Kernels(run, steady_memory)
    rates = [kernel.measure(kernels)["operations_per_second"] for _ in range(3)]
    assert rates == [80e9, 79e9, 81e9]
    short_s, long_s = ARITHMETIC.short_s, ARITHMETIC.long_s
    assert seconds == [short_s, short_s, long_s, short_s]


def test_counters_that_need_longer_windows_get_them_from_the_arithmetic_kernel_alone() -> None:
    """The memory kernel stays short: its joules are unknown with the reason, its rate is not."""
    run, seconds = machine(80)
    memory, memory_seconds = machine(10)
    result = ReferenceKernel().measure(Kernels(run, memory), shortest_s=2.0)
    assert (seconds, memory_seconds) == ([2.0], [MEMORY.longest_s])
    assert result["memory"]["bytes_per_second"] == 10e9
    assert result["memory"]["bytes_per_joule"] is None
    assert result["memory"]["reason"] == "the counters need windows of 2 s"


def test_a_run_that_has_just_ended_serves_the_next_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after a cell there is nothing new to measure; a while later there is."""
    now = [100.0]
    monkeypatch.setattr("greenbench.run.reference_kernel.time.monotonic", lambda: now[0])
    kernel = ReferenceKernel()
    run, seconds = machine(80, 82)
    kernels = Kernels(run, steady_memory)
    after = kernel.measure(kernels)
    now[0] += 0.1
    assert kernel.latest_or(lambda: kernel.measure(kernels)) is after
    now[0] += 5.0
    assert kernel.latest_or(lambda: kernel.measure(kernels))["operations_per_second"] == 82e9
    assert len(seconds) == 2
