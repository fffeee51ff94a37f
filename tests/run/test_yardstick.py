"""The yardstick says when the machine is not the one it was."""

from __future__ import annotations

import pytest

from greenbench.run.yardstick import Yardsticks, reading
from greenbench.types import Energy, Window


def speed(gigaflops: float, joules: float | None = 5.0) -> dict:
    """Return the reading of a kernel that ran a second."""
    sources = {"cpu": "zeus:rapl", "gpu": "none"}
    return reading(
        int(gigaflops * 1e9),
        Window(stage="yardstick", seconds=1.0, energy=Energy(cpu_j=joules, sources=sources)),
    )


def test_operations_per_second_and_per_joule() -> None:
    """Both with what they were measured by."""
    seen = speed(80)
    assert (seen["operations_per_second"], seen["operations_per_joule"]) == (80e9, 16e9)
    assert seen["sources"] == {"cpu": "zeus:rapl"}


def test_unknown_joules_are_none_with_a_reason() -> None:
    """Never 0, and no division by it."""
    seen = speed(80, None)
    assert (seen["operations_per_joule"], seen["reason"]) == (None, "no channel's joules are known")


def test_a_steady_machine_is_not_doubted() -> None:
    """A tenth up or down is its usual noise."""
    sticks = Yardsticks()
    assert sticks.doubts(speed(80), speed(87)) == sticks.doubts(speed(73), speed(75)) == ()


@pytest.mark.parametrize("after", [60, 100])
def test_a_cell_during_which_the_machine_changed_is_doubted(after: float) -> None:
    """A change of more than a tenth between start and end is reported with both numbers."""
    (doubt,) = Yardsticks().doubts(speed(80), speed(after))
    assert "while this cell ran (80.0 to" in doubt


def test_a_machine_that_changed_since_the_first_cell_is_doubted() -> None:
    """A slow drift shows in comparison with the first cell, even without a second reading."""
    sticks = Yardsticks()
    assert [len(sticks.doubts(speed(s), None)) for s in (80, 75, 70)] == [0, 0, 1]
