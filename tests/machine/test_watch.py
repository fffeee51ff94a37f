"""The GPUs' state around a round: heat, limits, clocks and neighbours become doubts with their numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench import devices
from greenbench.machine import Seen, Watch
from greenbench.machine.gpu import REASONS, decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulators.nvml import SimulatedGpu, SimulatedNvml

ABSENT = 2**22 + 5
"""A number that no process here has."""


@pytest.fixture
def gpu(nvml: SimulatedNvml) -> SimulatedGpu:
    """Give a card."""
    return nvml.plug()[0]


@pytest.fixture
def watch(gpu: SimulatedGpu) -> Iterator[Watch]:
    """Give a watch over it."""
    assert gpu.uuid
    opened = Watch(devices.gpus())
    yield opened
    opened.close()
    opened.close()


def seen(watch: Watch, act: Callable[[], None]) -> tuple[dict, list[str]]:
    """Return the card's record of a round in which ``act`` happens, and the doubts about GPUs."""
    watch.begin()
    act()
    watch.tick()
    end = watch.end()
    return end.record["gpus"][0], [d for d in end.doubts if "Simulated" in d]


def test_a_cool_and_quiet_card_gives_no_doubt(watch: Watch, gpu: SimulatedGpu) -> None:
    """Its state is in the record: three looks, all alike."""
    record, doubts = seen(watch, lambda: None)
    assert doubts == []
    assert (record["uuid"], record["samples"], record["throttle"]) == (gpu.uuid, 3, {})
    assert record["temperature_c"] == {"min": 35, "mean": 35, "max": 35}
    assert record["sm_clock_mhz"]["mean"] == 1980
    assert record["memory_clock_mhz"]["mean"] == 3201
    assert record["enforced_power_limit_w"] == {"min": 700, "mean": 700, "max": 700, "start": 700, "end": 700}


def test_heat_that_slows_a_card_down_is_doubted(watch: Watch, gpu: SimulatedGpu) -> None:
    """The share of looks in which it did, and the clocks that came of it."""

    def overheat() -> None:
        gpu.throttle, gpu.temperature_c, gpu.sm_clock_mhz = 0x40, 91, 1200

    record, (doubt,) = seen(watch, overheat)
    assert "was slowed down by hw_thermal_slowdown in 67 % of 3 looks" in doubt
    assert (record["temperature_c"]["max"], record["sm_clock_mhz"]["min"]) == (91, 1200)


def test_a_card_at_its_power_limit_is_recorded_and_not_doubted(watch: Watch, gpu: SimulatedGpu) -> None:
    """That is how a card works, and what a power cap asks for."""
    record, doubts = seen(watch, lambda: setattr(gpu, "throttle", 0x4))
    assert (record["throttle"], doubts) == ({"sw_power_cap": pytest.approx(2 / 3)}, [])


def test_a_limit_that_somebody_changes_is_doubted(watch: Watch, gpu: SimulatedGpu) -> None:
    """From which watts to which."""
    _, (doubt,) = seen(watch, lambda: setattr(gpu, "power_limit_w", 400))
    assert "changed during the round from 700 to 400 W" in doubt


def test_another_process_on_the_card_is_doubted_and_our_own_is_not(watch: Watch, gpu: SimulatedGpu) -> None:
    """Named, with its memory; this process and its children are no strangers."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        gpu.run((os.getpid(), 1 << 30), (other.pid, 1 << 30))
        assert seen(watch, lambda: None)[1] == []
        gpu.run((os.getpid(), 1 << 30), (1, 512 << 20))
        record, (doubt,) = seen(watch, lambda: None)
    finally:
        other.communicate(b"\n")
    assert "(pid 1, 512 MiB)" in doubt
    assert record["other_processes"][0]["pid"] == 1


@pytest.mark.parametrize(("pids", "strangers"), [((ABSENT,), 0), ((ABSENT, ABSENT + 1), 1)])
def test_in_a_container_one_unknown_process_is_ourselves(
    watch: Watch, gpu: SimulatedGpu, pids: tuple[int, ...], strangers: int
) -> None:
    """NVML names processes by the host's numbers, and we cannot know our own."""
    gpu.run(*((pid, 1 << 20) for pid in pids))
    assert len(seen(watch, lambda: None)[0]["other_processes"]) == strangers


def test_a_card_that_is_lost_ends_its_samples(watch: Watch, gpu: SimulatedGpu) -> None:
    """It raises nothing here, and is told."""
    record, (doubt,) = seen(watch, lambda: setattr(gpu, "lost", 1))
    assert record["samples"] == 1
    assert "gave no state in 2 of 3 looks" in doubt


def test_without_a_round_nothing_is_seen() -> None:
    """An end without a beginning, and a tick between rounds, are harmless."""
    quiet = Watch(())
    quiet.tick()
    assert quiet.end() == Seen()
    quiet.begin()
    assert set(quiet.end().record) == {"cpu", "gpus"}


@given(st.sets(st.sampled_from(sorted(REASONS))))
def test_every_reason_has_its_name(bits: set[int]) -> None:
    """A mask is the sum of its reasons."""
    assert decoded(sum(bits)) == {REASONS[bit] for bit in bits}


def test_reasons_of_newer_drivers_keep_their_number() -> None:
    """An unknown bit is not dropped."""
    assert decoded(0x1001) == {"gpu_idle", "0x1000"}
