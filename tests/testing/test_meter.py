"""A planted meter gives each window what was planted for it, labelled as a simulation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.testing import PlantedMeter


def test_windows_hold_what_is_planted_for_their_names() -> None:
    """The joules, their uncertainty and the source are the test's; other channels have a reason."""
    with PlantedMeter({"training": 12.0}, channel="gpu", uncertainty_j=0.5) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    energy = window.energy
    assert energy.gpu_j == energy.total_j == 12.0
    assert energy.sources["gpu"] == "simulated:planted"
    assert energy.uncertainty_j["gpu"] == {"model": 0.5}
    assert energy.cpu_j is None
    assert energy.reasons["cpu"] == "joules are planted for gpu"


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=4))
def test_a_window_around_others_holds_their_sum(joules: list[float]) -> None:
    """Whatever is planted, no joule is counted twice or lost."""
    planted = {f"stage {number}": value for number, value in enumerate(joules)}
    with PlantedMeter(planted) as meter:
        with meter.window("whole"), meter.window("part"):
            for stage in planted:
                with meter.window(stage):
                    pass
        *inner, part, whole = meter.take()
    assert [window.energy.total_j for window in inner] == joules
    assert whole.energy.total_j == part.energy.total_j == pytest.approx(sum(joules))


def test_a_window_for_which_nothing_is_planted_is_unknown_with_the_reason() -> None:
    """It is not 0."""
    with PlantedMeter({}) as meter:
        with meter.window("yardstick"):
            pass
        (window,) = meter.take()
    assert window.energy.total_j is None
    assert window.energy.reasons["cpu"] == "no joules are planted for a window 'yardstick'"


def test_joules_of_a_window_that_raises_are_lost() -> None:
    """The window around it does not count them."""
    with PlantedMeter({"training": 1.0}) as meter:
        with meter.window("whole"), pytest.raises(KeyError), meter.window("training"):
            raise KeyError
        (whole,) = meter.take()
    assert whole.energy.total_j is None


@pytest.mark.parametrize(
    ("planted", "channel", "found"),
    [({}, "wall", "found channel 'wall'"), ({"training": -1.0}, "cpu", "found -1.0 J for 'train")],
)
def test_what_cannot_be_planted_is_refused(
    planted: dict[str, float], channel: str, found: str
) -> None:
    """The error says what was found, and what to give."""
    with pytest.raises(UsageError, match=found):
        PlantedMeter(planted, channel=channel)
