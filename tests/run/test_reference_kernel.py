"""The reference kernel shows that a machine changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.run.reference_kernel import LONG_S, SHORT_S, KernelRun, ReferenceKernel, kernel_run
from greenbench.types import Energy, Window

if TYPE_CHECKING:
    from collections.abc import Callable


def window(joules: float | None = 5.0) -> Window:
    """Return the window of a kernel that ran a second."""
    energy = Energy(cpu_j=joules, sources={"cpu": "zeus:rapl", "gpu": "none"})
    return Window(stage="yardstick", seconds=1.0, energy=energy)


def machine(*gigaflops: float) -> tuple[Callable[[float], tuple[int, Window]], list[float]]:
    """Return a kernel that runs at these speeds, one after the other, and the seconds requested."""
    speeds, seconds = list(gigaflops), []

    def run(requested: float) -> tuple[int, Window]:
        seconds.append(requested)
        return int(speeds.pop(0) * 1e9), window()

    return run, seconds


def runs(*gigaflops: float) -> tuple[ReferenceKernel, list[KernelRun]]:
    """Run a session's kernel at these speeds; each is real, so a changed one is seen twice."""
    kernel, results, latest = ReferenceKernel(), [], None
    for speed in gigaflops:
        changed = latest is not None and abs(speed / latest - 1) > 0.1
        run, _ = machine(*([speed] * (2 if changed else 1)))
        results.append(kernel.measure(run))
        latest = speed
    return kernel, results


def test_operations_per_second_and_per_joule() -> None:
    """Both stand in the record, with the sources of the joules."""
    record = kernel_run(80_000_000_000, window())
    assert (record["operations_per_second"], record["operations_per_joule"]) == (80e9, 16e9)
    assert record["sources"] == {"cpu": "zeus:rapl"}


def test_unknown_joules_are_none_with_a_reason() -> None:
    """An unknown energy is never 0, and nothing is divided by it."""
    record = kernel_run(80_000_000_000, window(None))
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


def test_a_changed_rate_is_measured_again_for_longer() -> None:
    """A short run that was disturbed is no finding: the longer one counts."""
    kernel = ReferenceKernel()
    run, seconds = machine(80, 50, 79, 81)
    rates = [kernel.measure(run)["operations_per_second"] for _ in range(3)]
    assert rates == [80e9, 79e9, 81e9]
    assert seconds == [SHORT_S, SHORT_S, LONG_S, SHORT_S]


def test_counters_that_need_longer_windows_get_them() -> None:
    """No run is shorter than what the counters resolve."""
    run, seconds = machine(80)
    ReferenceKernel().measure(run, shortest_s=2.0)
    assert seconds == [2.0]


def test_a_run_that_has_just_ended_serves_the_next_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after a cell there is nothing new to measure; a while later there is."""
    now = [100.0]
    monkeypatch.setattr("greenbench.run.reference_kernel.time.monotonic", lambda: now[0])
    kernel = ReferenceKernel()
    run, seconds = machine(80, 82)
    after = kernel.measure(run)
    now[0] += 0.1
    assert kernel.latest_or(lambda: kernel.measure(run)) is after
    now[0] += 5.0
    assert kernel.latest_or(lambda: kernel.measure(run))["operations_per_second"] == 82e9
    assert len(seconds) == 2
