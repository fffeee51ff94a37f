"""Windows are kept if they closed well, and state for each channel its joules or the reason."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, cast

import pytest

from greenbench.errors import UsageError
from greenbench.machine.energy import Meter, open_meter
from greenbench.machine.energy.readings import Reading
from greenbench.machine.energy.sources import EnergySources
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.machine.energy.counters import Counters


class RecordingCounters:
    """Counters that write down what is asked of them, and give 5 J of CPU."""

    def __init__(self, events: list[str]) -> None:
        """Write into ``events``."""
        self.events = events
        self.sources = {"cpu": "zeus:rapl"}
        self.sensors = ()
        self.shortest_s = 0.1

    def begin(self, key: str) -> None:
        """Note it."""
        self.events.append(f"begin {key}")

    def end(self, key: str, seconds: float) -> Mapping[str, Reading]:
        """Note it."""
        assert seconds > 0
        self.events.append(f"end {key}")
        return {
            "cpu": Reading(
                joules=5.0, uncertainty={"resolution": 1.0}, coarse=seconds < self.shortest_s
            )
        }

    def cancel(self, key: str) -> None:
        """Note it."""
        self.events.append(f"cancel {key}")

    def close(self) -> None:
        """Note it."""
        self.events.append("close")


@pytest.fixture
def events() -> list[str]:
    """Give the list of what happened."""
    return []


@pytest.fixture
def meter(events: list[str]) -> Meter:
    """Give a meter over counters that record."""
    counters = cast("Counters", RecordingCounters(events))
    missing = {"gpu": "no GPU", "dram": "no DRAM"}
    return Meter(EnergySources(counters, None, missing))


def test_the_device_is_waited_for_before_anything_is_read(meter: Meter, events: list[str]) -> None:
    """Both edges synchronise first and then read: queued work belongs to its own window."""
    with meter.window("training", synchronize=lambda: events.append("synchronize")):
        events.append("body")
    assert events == ["synchronize", "begin training", "body", "synchronize", "end training"]


def test_windows_are_taken_once_in_the_order_they_closed(meter: Meter) -> None:
    """Windows of different names may lie within each other; taking them forgets them."""
    with meter.window("outer", state="warm"), meter.window("inner"):
        pass
    windows = meter.take()
    assert [(w.stage, w.state, w.energy.cpu_j) for w in windows] == [
        ("inner", "cold", 5.0),
        ("outer", "warm", 5.0),
    ]
    assert windows[1].seconds >= windows[0].seconds > 0
    assert meter.take() == ()


def test_a_body_that_raises_leaves_nothing_behind(meter: Meter, events: list[str]) -> None:
    """The exception passes, the window is cancelled, and its name is free again."""
    with pytest.raises(ZeroDivisionError), meter.window("training"):
        raise ZeroDivisionError
    assert events == ["begin training", "cancel training"]
    assert meter.take() == ()
    with meter.window("training"):
        pass
    assert len(meter.take()) == 1


def test_a_device_that_fails_at_the_end_cancels_the_window(meter: Meter, events: list[str]) -> None:
    """An error that shows only when the device is waited for belongs to the window."""
    answers = iter([None, RuntimeError("out of memory")])

    def synchronize() -> None:
        if (error := next(answers)) is not None:
            raise error

    with (
        pytest.raises(RuntimeError, match="out of memory"),
        meter.window("training", synchronize=synchronize),
    ):
        pass
    assert events[-1] == "cancel training"
    assert meter.take() == ()


def test_a_window_within_itself_is_refused(meter: Meter) -> None:
    """The same name twice is a mistake, and the outer window survives a caught one."""
    again = meter.window("training")
    with meter.window("training"), pytest.raises(UsageError, match="'training' is open already"):
        again.__enter__()
    assert [w.stage for w in meter.take()] == ["training"]


def test_unknown_channels_have_reasons(meter: Meter) -> None:
    """What has no counter is None with its reason and the source ``none``, never 0."""
    with meter.window("training"):
        pass
    (window,) = meter.take()
    assert window.energy.scope == ("cpu",)
    assert window.energy.sources == {"gpu": "none", "cpu": "zeus:rapl", "dram": "none"}
    assert window.energy.reasons == {"gpu": "no GPU", "dram": "no DRAM"}


def test_closing_the_meter_closes_its_counters(meter: Meter, events: list[str]) -> None:
    """A meter is a context manager."""
    with meter:
        pass
    assert events == ["close"]


@pytest.mark.usefixtures("no_rapl")
def test_without_counters_the_cpu_is_estimated() -> None:
    """Without GPU and RAPL, CPU joules are estimated and labelled, the rest None with a reason."""
    with open_meter((), cpu_watts=5) as meter:
        with meter.window("data"):
            sum(range(100_000))
        (window,) = meter.take()
    assert window.energy.sources == {
        "gpu": "none",
        "cpu": "estimated:cpu-seconds*5W/core(given)",
        "dram": "none",
    }
    assert window.energy.cpu_j is not None
    assert window.energy.cpu_j > 0
    assert (window.energy.gpu_j, window.energy.dram_j) == (None, None)
    assert window.energy.reasons["gpu"] == "no GPU is counted (CPU cell)"
    assert set(window.energy.reasons) == set(CHANNELS)


def test_a_host_that_others_use_too_has_no_joules() -> None:
    """Neither counted nor estimated: None, with the reason that was given."""
    with open_meter((), cpu_watts=5, no_host="others run beside it") as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert window.energy.cpu_j is window.energy.dram_j is None
    assert window.energy.total_j is None
    for channel in ("cpu", "dram"):
        assert window.energy.sources[channel] == "none"
        assert window.energy.reasons[channel] == "others run beside it"


def test_a_window_without_a_synchronize_of_its_own_takes_the_meter_s() -> None:
    """Code of other repositories is waited for too; a window's own function goes before."""
    waited: list[str] = []
    with open_meter((), cpu_watts=5, synchronize=lambda: waited.append("meter")) as meter:
        with meter.window("one"):
            pass
        with meter.window("two", synchronize=lambda: waited.append("own")):
            pass
    assert waited == ["meter", "meter", "own", "own"]


def test_importing_the_meter_is_light() -> None:
    """Listing and comparing must not wait for Zeus, numpy or torch."""
    heavy = "{'zeus', 'torch', 'numpy', 'pandas', 'sklearn'}"
    modules = "greenbench.machine.energy, greenbench.machine.gpus"
    code = f"import sys, {modules}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.alone
def test_a_short_pass_is_repeated_until_the_counters_resolve_it(meter: Meter) -> None:
    """Joules, seconds and their uncertainty are a single pass's; the window is nobody else's."""
    passes: list[float] = []

    def one_pass() -> None:
        started = time.perf_counter()
        time.sleep(0.03)
        passes.append(time.perf_counter() - started)

    window = meter.repeated("data", one_pass)
    assert window.passes == len(passes) >= 2
    assert sum(passes) <= window.seconds * len(passes) < sum(passes) + 0.03
    assert window.energy.cpu_j == pytest.approx(5 / len(passes))
    assert window.energy.uncertainty_j["cpu"]["resolution"] == pytest.approx(1 / len(passes))
    assert meter.take() == ()


@pytest.mark.usefixtures("no_rapl")
def test_where_there_is_only_the_estimate_a_pass_runs_once() -> None:
    """CPU seconds are known to the nanosecond: nothing is gained by repeating."""
    passes: list[int] = []
    with open_meter((), cpu_watts=5) as meter:
        assert meter.repeated("data", lambda: passes.append(1)).passes == 1
    assert passes == [1]


def test_a_short_window_is_marked(meter: Meter) -> None:
    """Its channel is named as one that the counter does not resolve."""
    with meter.window("data"):
        pass
    assert meter.take()[0].energy.coarse == ("cpu",)


@pytest.mark.alone
def test_idle_power_is_subtracted_once_it_is_known(meter: Meter) -> None:
    """Net joules are unknown before ``rest``, and afterwards net of idle, possibly negative."""
    with meter.window("data"):
        pass
    assert meter.take()[0].energy.net("cpu") is None
    assert meter.rest(0.05) == ()
    assert meter.idle.watts["cpu"] > 5 / 0.05
    with meter.window("data"):
        time.sleep(0.1)
    energy = meter.take()[0].energy
    assert energy.net("cpu") == pytest.approx(5 - meter.idle.watts["cpu"] * 0.1, rel=0.1)
    assert energy.net("cpu") == energy.total_net_j < 0


def test_idle_power_that_drifts_is_reported(meter: Meter) -> None:
    """The second pause is 20 times longer and takes as many joules: a fraction of the watts."""
    meter.rest(0.02)
    (doubt,) = meter.rest(0.4)
    assert "cpu idle power drifted from" in doubt


@pytest.mark.usefixtures("no_rapl")
def test_an_estimate_knows_no_idle_power() -> None:
    """It returns at once, and the reason is told."""
    with open_meter((), cpu_watts=5) as meter:
        assert meter.rest(60) == ()
        assert "knows no idle power" in meter.facts["idle_reasons"]["cpu"]
        assert meter.facts["idle_reasons"]["gpu"] == "no GPU is counted (CPU cell)"
        assert meter.facts["estimated_w_per_core"] == 5
