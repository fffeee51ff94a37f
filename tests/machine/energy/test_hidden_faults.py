"""Faults that no single reading shows: the truth lies within the stated uncertainty, or is None.

A simulated powercap tree, read through Zeus, in virtual time: the sampler's readings are made by
hand, as late as those of a busy machine are.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.energy.rapl_sensors import rapl_sensors
from greenbench.machine.energy.sampler import OFTEN_S
from greenbench.machine.energy.track import Track
from tests.simulators.powercap import RANGE_J

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.machine.energy.readings import Reading
    from greenbench.machine.energy.track import Mark
    from tests.simulators.powercap import Powercap, Zone

WINDOWS = 20
"""Of each fault."""
COVERAGE = 1.96
"""Standard uncertainties that the stated interval is wide."""


@dataclass
class Bench:
    """A zone, its track, and the clock that both follow."""

    zone: Zone
    draw: random.Random
    at: float = 0.0
    next_tick: float = 0.0
    track: Track = field(init=False)
    read: Callable[[], float] = field(init=False)
    edge: tuple[Mark, float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Follow the zone as Zeus finds it."""
        (sensor,) = (sensor for sensor in rapl_sensors().sensors if sensor.channel == "cpu")
        self.track, self.read = Track(sensor.counter), sensor.read

    def look(self) -> None:
        """Read the counter."""
        self.track.sample(self.at, self.read())

    def run(self, seconds: float, watts: float) -> None:
        """Let time pass, with a reading every tenth of a second, now and then a late one."""
        until = self.at + seconds
        while self.at < until:
            then = min(until, max(self.next_tick, self.at))
            self.zone.use(watts * (then - self.at))
            self.at = then
            if self.at >= self.next_tick:
                self.look()
                late_s = self.draw.choice((0.0, 0.0, 0.002, 0.01, 0.2))
                self.next_tick = self.at + OFTEN_S + late_s

    def begin(self) -> None:
        """Open a window."""
        self.look()
        self.edge = (self.track.mark(), self.at, self.zone.true_j)

    def end(self) -> tuple[Reading, float]:
        """Close the window, and return what was read and the truth."""
        self.look()
        start, began, before = self.edge
        reading = self.track.between(start, self.track.mark(), self.at - began)
        return reading, self.zone.true_j - before


def covers(reading: Reading, true: float) -> bool:
    """Whether the stated interval contains the truth, or there is none, with a reason."""
    if reading.joules is None:
        return bool(reading.reason)
    return abs(reading.joules - true) <= COVERAGE * math.hypot(*reading.uncertainty.values())


def stall(bench: Bench, watts: float) -> None:
    """Stand still for 20 ms to 1 s, and lose what was used meanwhile."""
    bench.zone.stick()
    bench.run(bench.draw.uniform(0.02, 1.0), watts)
    bench.zone.release(catch_up=False)


def late_stall(bench: Bench, watts: float) -> None:
    """Stand still for 20 ms to 1 s, and catch up."""
    bench.zone.stick()
    bench.run(bench.draw.uniform(0.02, 1.0), watts)
    bench.zone.release()


def fall(bench: Bench, _watts: float) -> None:
    """Fall by 5 to 200 J."""
    bench.zone.fall(bench.draw.uniform(5, 200))


def jump(bench: Bench, _watts: float) -> None:
    """Jump by 5 to 200 J."""
    bench.zone.jump(bench.draw.uniform(5, 200))


def restart(bench: Bench, _watts: float) -> None:
    """Begin at 0 again."""
    bench.zone.restart()


@pytest.mark.parametrize("fault", [stall, late_stall, fall, jump, restart])
def test_a_fault_anywhere_is_within_the_uncertainty_or_refused(
    powercap: Powercap, fault: Callable[[Bench, float], None]
) -> None:
    """At steady watts, each of many faults of random size and moment, next to the range's end."""
    draw = random.Random(7)
    zone = powercap.zone(0, "package-0", RANGE_J - 3000)
    wrong = []
    for _ in range(WINDOWS):
        bench, watts = Bench(zone, draw), draw.uniform(10, 400)
        zone.restart()
        zone.jump(RANGE_J - watts * draw.uniform(1, 4))
        zone.use(0)
        bench.run(0.5, watts)
        bench.begin()
        bench.run(draw.uniform(0.3, 2), watts)
        fault(bench, watts)
        bench.run(draw.uniform(0.3, 2), watts)
        reading, true = bench.end()
        if not covers(reading, true):
            wrong.append((watts, true, reading))
    assert wrong == []


@pytest.mark.parametrize("edge", ["start", "end"])
@pytest.mark.parametrize("joules", [-50.0, -5.0, 5.0, 50.0])
def test_a_wrong_reading_at_an_edge_is_within_the_uncertainty_or_refused(
    powercap: Powercap, edge: str, joules: float
) -> None:
    """One reading that is some joules too high or too low, the window's first or last."""
    draw = random.Random(7)
    zone = powercap.zone(0, "package-0")
    for _ in range(20):
        bench, watts = Bench(zone, draw), draw.uniform(10, 400)
        bench.run(0.5, watts)
        zone.jump(joules if edge == "start" else 0.0)
        zone.use(0)
        bench.begin()
        zone.fall(joules if edge == "start" else 0.0)
        bench.run(2, watts)
        zone.jump(joules if edge == "end" else 0.0)
        zone.use(0)
        reading, true = bench.end()
        zone.fall(joules if edge == "end" else 0.0)
        assert covers(reading, true), (watts, true, reading)


def test_without_faults_steady_watts_are_exact(powercap: Powercap) -> None:
    """Nothing is widened that shows no fault: the resolution alone is left, 0.2 % of a second."""
    draw = random.Random(7)
    zone = powercap.zone(0, "package-0")
    for _ in range(20):
        bench = Bench(zone, draw)
        bench.run(0.5, 100)
        bench.begin()
        bench.run(1.0, 100)
        reading, true = bench.end()
        assert reading.joules == pytest.approx(true)
        assert set(reading.uncertainty) == {"resolution", "edges"}


def test_work_that_pauses_costs_certainty(powercap: Powercap) -> None:
    """A moment of rest looks like a standstill: the joules are right, and less certain."""
    zone = powercap.zone(0, "package-0")
    bench = Bench(zone, random.Random(7))
    bench.run(0.5, 100)
    bench.begin()
    for seconds, watts in ((1.0, 100), (0.1, 20), (1.0, 100)):
        bench.run(seconds, watts)
    reading, true = bench.end()
    assert reading.joules == pytest.approx(true)
    assert 0 < math.sqrt(3) * reading.uncertainty["stall"] < 0.3 * 100


def test_at_varying_watts_19_of_20_intervals_contain_the_truth(powercap: Powercap) -> None:
    """Watts that vary by a tenth from reading to reading hide a part of a standstill."""
    draw = random.Random(7)
    zone = powercap.zone(0, "package-0")
    covered = []
    for _ in range(40):
        bench = Bench(zone, draw)
        bench.run(0.5, 100)
        bench.begin()
        for part in range(15):
            if part == 7:
                stall(bench, 100)
            bench.run(0.1, draw.gauss(100, 10))
        covered.append(covers(*bench.end()))
    assert sum(covered) >= 0.95 * len(covered)
