"""A meter whose windows hold the joules that a test plants: gates and sums can be foretold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine.energy.meter import Meter
from greenbench.machine.energy.readings import Reading
from greenbench.machine.energy.sources import EnergySources
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "simulated:planted"
"""What results files say of planted joules."""


class PlantedJoules:
    """Joules by the name of a window, and those that code spends; it counts them as they come."""

    def __init__(self, planted: Mapping[str, float]) -> None:
        """Plant joules by the name of a window."""
        self._planted = dict(planted)
        self._spent = 0.0
        self._times = 0
        self._began: dict[str, tuple[float, int]] = {}

    def spend(self, joules: float) -> None:
        """Have whatever windows are open hold so many joules more."""
        self._spent += joules
        self._times += 1

    def begin(self, key: str) -> None:
        """Open window ``key``."""
        self._began[key] = self._spent, self._times

    def end(self, key: str) -> float | None:
        """Close window ``key``: it has its own joules, or what was spent in it; None if nothing."""
        spent, times = self._began.pop(key)
        planted = self._planted.get(key)
        if planted is not None:
            self._spent, self._times = spent, times
            self.spend(planted)
            return planted
        return self._spent - spent if self._times > times else None

    def cancel(self, key: str) -> None:
        """Forget window ``key`` and what was spent in it."""
        if key in self._began:
            self._spent, self._times = self._began.pop(key)


class PlantedSources(EnergySources):
    """Sources of one channel, which hold what is planted."""

    def __init__(self, joules: Mapping[str, float], channel: str, uncertainty_j: float) -> None:
        """Plant ``joules`` by the name of a window, with a standard uncertainty each."""
        others = [other for other in CHANNELS if other != channel]
        super().__init__(None, None, dict.fromkeys(others, f"joules are planted for {channel}"))
        self.labels = {**self.labels, channel: SOURCE}
        self._joules = PlantedJoules(joules)
        self._channel = channel
        self._uncertainty = {"model": uncertainty_j}

    def begin(self, key: str) -> None:
        """Open window ``key``."""
        self._joules.begin(key)

    def end(self, key: str, seconds: float) -> dict[str, Reading]:  # noqa: ARG002  they count not
        """Close window ``key``, and return what it holds."""
        joules = self._joules.end(key)
        if joules is None:
            return {self._channel: Reading(reason=f"no joules are planted for a window {key!r}")}
        return {self._channel: Reading(joules=joules, uncertainty=self._uncertainty)}

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        self._joules.cancel(key)


class PlantedMeter(Meter):
    """A meter without counters; a suite's own fixture ``energy`` may return it.

    Its seconds are real, and its joules are labelled ``simulated:planted``.
    """

    def __init__(
        self, joules: Mapping[str, float], *, channel: str = "cpu", uncertainty_j: float = 0.0
    ) -> None:
        """Plant ``joules`` by stage: ``{"training": 12.0, "inference": 3.0}``.

        A window of any other name holds the joules of the windows within it, and none if there are
        none. ``channel`` is gpu, cpu or dram; ``uncertainty_j`` is one standard uncertainty of each
        planted window. Raises UsageError for another channel, and for joules below 0.
        """
        if channel not in CHANNELS:
            allowed = ", ".join(CHANNELS)
            raise UsageError(f"PlantedMeter: found channel {channel!r}; give one of: {allowed}")
        for stage, value in joules.items():
            if not 0 <= value < float("inf"):
                raise UsageError(
                    f"PlantedMeter: found {value} J for {stage!r}; give a number of at least 0"
                )
        super().__init__(PlantedSources(joules, channel, uncertainty_j))
