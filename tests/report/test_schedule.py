"""How far a session is, in words, by a clock that the tests set."""

from __future__ import annotations

from dataclasses import replace

import pytest

from greenbench.options import Options
from greenbench.report.schedule import Schedule, duration
from greenbench.types import Cell, Energy, Round, Window

V0 = Cell(task="T2", variant="V0_a", options=Options(), profile="tiny", seed=0, rounds=2, block=0)
V1 = replace(V0, variant="V1_b")
SECOND = [replace(V1, block=1), replace(V0, block=1)]


class Clock:
    """A clock that moves only when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


def measured(joules: float | None, source: str = "zeus:rapl") -> list[Round]:
    """Return one round of so many joules."""
    energy = Energy(cpu_j=joules, sources={"cpu": source})
    return [Round(seed=0, whole=Window(stage="whole", seconds=1, energy=energy), windows=())]


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Schedule:
    """Return a schedule of two cells in two blocks."""
    schedule = Schedule(clock=clock)
    schedule.plan([V0, V1, *SECOND])
    return schedule


def test_the_first_round_has_no_forecast(schedule: Schedule, clock: Clock) -> None:
    """Nothing is known yet of seconds and joules: neither is shown as a number."""
    schedule.begin(V0)
    clock.now += 65
    assert schedule.parts() == ["block 1 of 2", "0:01:05 elapsed", "next T2-V1_b, T2-V0_a"]


def test_what_is_left_is_forecast_by_each_cells_own_rounds(
    schedule: Schedule, clock: Clock
) -> None:
    """A cell that has not run yet is taken to need the mean of the others."""
    schedule.begin(V0)
    clock.now += 10
    schedule.end(measured(500.0))
    schedule.begin(V1)
    clock.now += 4
    left = "about 0:00:26 left"  # 6 s of V1, then 10 s each
    assert schedule.parts()[1:4] == [left, "0:00:14 elapsed", "500 J so far"]
    clock.now += 26
    schedule.end(measured(1000.0))
    schedule.begin(SECOND[0])
    assert schedule.parts() == [
        "block 2 of 2",
        "about 0:00:40 left",
        "0:00:40 elapsed",
        "1500 J so far",
        "next T2-V0_a",
    ]


def test_a_round_that_lasts_longer_than_forecast_is_about_to_end(
    schedule: Schedule, clock: Clock
) -> None:
    """What is left never becomes negative."""
    schedule.begin(V0)
    clock.now += 10
    schedule.end(measured(1.0))
    schedule.begin(SECOND[1])
    clock.now += 60
    assert schedule.parts()[1] == "about 0:00:00 left"


def test_rounds_that_were_skipped_are_not_waited_for(schedule: Schedule) -> None:
    """After a failed round the cell's others do not run."""
    schedule.begin(V0)
    schedule.end([])
    schedule.begin(SECOND[1])
    assert "next" not in " ".join(schedule.parts())


def test_joules_are_called_an_estimate_or_unknown(schedule: Schedule) -> None:
    """A sum of estimates is one; one round whose joules are unknown leaves the sum unknown."""
    schedule.begin(V0)
    schedule.end(measured(3.0, "estimated:cpu-seconds"))
    schedule.begin(V1)
    assert "estimated 3 J so far" in schedule.parts()
    schedule.end(measured(None))
    schedule.begin(SECOND[0])
    assert "joules unknown" in schedule.parts()


def test_rounds_in_a_row_are_counted_by_cells(clock: Clock) -> None:
    """There are no blocks; nothing is shown between two cells."""
    schedule = Schedule(clock=clock)
    cells = [replace(V0, block=None), replace(V1, block=None)]
    schedule.plan(cells)
    assert schedule.parts() == []
    schedule.begin(cells[1])
    assert schedule.parts()[0] == "cell 2 of 2"


def test_durations_have_hours() -> None:
    """A session of a night is readable."""
    assert duration(3723.4) == "1:02:03"
