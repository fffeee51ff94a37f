"""Heat, limits, clocks and other processes on a GPU become warnings with their numbers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pynvml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.machine import gpus as devices
from greenbench.machine.gpu_processes import GpuProcesses, OtherProcess, other_processes
from greenbench.machine.gpu_state import REASONS, GpuState, decoded, read_state
from greenbench.machine.watch import MachineObservation, Watch

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


def test_a_cool_and_quiet_card_gives_no_warning(watch: Watch, gpu: SimulatedGpu) -> None:
    """Its state is in the record: three samples, all alike."""
    record, doubts = seen(watch, lambda: None)
    assert doubts == []
    assert (record["uuid"], record["samples"], record["throttle"]) == (gpu.uuid, 3, {})
    assert record["temperature_c"] == {"min": 35, "mean": 35, "max": 35}
    assert record["sm_clock_mhz"]["mean"] == 1980
    assert record["memory_clock_mhz"]["mean"] == 3201
    assert record["enforced_power_limit_w"] == {
        "min": 700,
        "mean": 700,
        "max": 700,
        "start": 700,
        "end": 700,
    }


def test_heat_that_slows_a_card_down_gives_a_warning(watch: Watch, gpu: SimulatedGpu) -> None:
    """The share of samples in which it did, and the clocks that came of it."""

    def overheat() -> None:
        gpu.throttle, gpu.temperature_c, gpu.sm_clock_mhz = 0x40, 91, 1200

    record, (doubt,) = seen(watch, overheat)
    assert "was slowed down by hw_thermal_slowdown in 2 of 3 samples" in doubt
    assert (record["temperature_c"]["max"], record["sm_clock_mhz"]["min"]) == (91, 1200)


def test_a_card_at_its_power_limit_is_recorded_without_a_warning(
    watch: Watch, gpu: SimulatedGpu
) -> None:
    """That is how a card works, and what a power cap asks for."""
    record, doubts = seen(watch, lambda: setattr(gpu, "throttle", 0x4))
    assert (record["throttle"], doubts) == ({"sw_power_cap": pytest.approx(2 / 3)}, [])


def test_a_limit_that_somebody_changes_gives_a_warning(watch: Watch, gpu: SimulatedGpu) -> None:
    """From which watts to which."""
    _, (doubt,) = seen(watch, lambda: setattr(gpu, "power_limit_w", 400))
    assert "changed during the round from 700 to 400 W" in doubt


def test_another_process_on_the_card_gives_a_warning_and_our_own_does_not(
    watch: Watch, gpu: SimulatedGpu
) -> None:
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
    """It raises nothing here, and from when on is told."""

    def lose() -> None:
        time.sleep(0.3)
        gpu.lost = 1

    record, (doubt,) = seen(watch, lose)
    assert record["samples"] == 1
    since = re.search(r"from (\d\.\d) s into the round on \(2 of 3 samples\)", doubt)
    assert "reported no state of Simulated" in doubt
    assert since is not None
    assert 0.3 <= float(since[1]) < 2


def test_a_card_that_comes_back_is_reported(watch: Watch, gpu: SimulatedGpu) -> None:
    """A gap is no end."""

    def blink() -> None:
        gpu.lost = 1
        watch.tick()
        gpu.lost = 0

    record, (doubt,) = seen(watch, blink)
    assert record["samples"] == 3
    assert "for a while, first" in doubt
    assert "(1 of 4 samples)" in doubt


def test_a_card_that_was_never_found_is_reported_and_the_others_are_watched(
    nvml: SimulatedNvml,
) -> None:
    """One lost card does not blind the watch, and NVML is let go of."""
    nvml.plug(2)
    known, other = devices.gpus()
    opened = Watch([replace(known, uuid="GPU-gone-for-good"), other])
    opened.begin()
    end = opened.end()
    opened.close()
    assert [card["samples"] for card in end.record["gpus"]] == [0, 2]
    (doubt,) = [d for d in end.doubts if "Simulated" in d]
    assert "NVML reported no state of" in doubt
    assert "during the whole round (2 of 2 samples)" in doubt
    assert pynvml._nvmlLib_refcount == 0


def test_without_a_driver_every_card_is_silent(nvml: SimulatedNvml) -> None:
    """It raises nothing, and is told."""
    nvml.plug()
    cards = devices.gpus()
    nvml.unplug()
    opened = Watch(cards)
    opened.begin()
    end = opened.end()
    opened.close()
    assert "during the whole round" in next(d for d in end.doubts if "Simulated" in d)
    assert end.record["gpus"][0]["temperature_c"] == {"min": None, "mean": None, "max": None}


def test_the_end_waits_for_a_look_that_a_sampler_is_taking(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick's slow answer comes before the last sample, and no sample is taken for a lost card."""
    asking, answer = threading.Event(), threading.Event()

    def slow(handle: object) -> GpuState:
        if threading.current_thread() is sampler:
            asking.set()
            assert answer.wait(10)
        return read_state(handle)

    monkeypatch.setattr("greenbench.machine.gpu_state.read_state", slow)
    ends: list[MachineObservation] = []
    sampler, measuring = (
        threading.Thread(target=watch.tick),
        threading.Thread(target=lambda: ends.append(watch.end())),
    )
    watch.begin()
    sampler.start()
    assert asking.wait(10)
    measuring.start()
    measuring.join(0.2)
    waited = not ends
    answer.set()
    measuring.join(10)
    sampler.join(10)
    assert waited
    assert ends[0].record["gpus"][0]["samples"] == 3
    assert [d for d in ends[0].doubts if "Simulated" in d] == []


def test_a_process_that_left_during_the_round_is_reported_too(
    watch: Watch, gpu: SimulatedGpu
) -> None:
    """Both edges of a round are asked, and the most memory counts."""
    gpu.run((os.getpid(), 1 << 20), (1, 3 << 20))
    record, (doubt,) = seen(watch, gpu.run)
    assert [p["memory_bytes"] for p in record["other_processes"]] == [3 << 20]
    assert "1 other process(es) on Simulated" in doubt


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(1, 6), st.one_of(st.none(), st.integers(0, 9)), st.booleans())
        ),
        max_size=3,
    )
)
def test_strangers_are_counted_once(drawn: list[list[tuple[int, int | None, bool]]]) -> None:
    """Each pid counts once with its highest memory; at most one unknown is taken for ourselves."""
    alive: dict[int, bool] = {}
    most: dict[int, int] = {}
    for listing in drawn:
        for pid, memory, here in listing:
            alive[pid] = here
            most[pid] = max(most.get(pid, 0), memory or 0)
    observations = []
    for listing in drawn:
        others = [
            OtherProcess(pid=pid, name=None, memory_bytes=memory, here=alive[pid])
            for pid, memory, _ in listing
        ]
        observations.append(GpuProcesses(ours=False, others=tuple(others)))
    processes = other_processes(observations)
    pids = [process.pid for process in processes]
    assert len(pids) == len(set(pids)) == len(alive) - (not all(alive.values()))
    assert {pid for pid, here in alive.items() if here} <= set(pids)
    assert all((process.memory_bytes or 0) == most[process.pid] for process in processes)
    with_ours = [*observations, GpuProcesses(ours=True, others=())]
    assert len(other_processes(with_ours)) == len(alive)


def test_without_a_round_nothing_is_seen() -> None:
    """An end without a beginning, and a tick between rounds, are harmless."""
    quiet = Watch(())
    quiet.tick()
    assert quiet.end() == MachineObservation()
    quiet.begin()
    assert set(quiet.end().record) == {"cpu", "gpus"}
    assert quiet.end() == MachineObservation()


@given(st.sets(st.sampled_from(sorted(REASONS))))
def test_every_reason_has_its_name(bits: set[int]) -> None:
    """A mask is the sum of its reasons."""
    assert decoded(sum(bits)) == {REASONS[bit] for bit in bits}


def test_reasons_of_newer_drivers_keep_their_number() -> None:
    """An unknown bit is not dropped."""
    assert decoded(0x1001) == {"gpu_idle", "0x1000"}
