"""A block states what it took, whatever happens in it and beside it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

import greenbench
from greenbench.api.process_meters import METERS, MeterScope
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from greenbench.api.block import CodeBlock
    from greenbench.api.measurement import Measurement
    from tests.simulators.nvml import SimulatedNvml
    from tests.simulators.powercap import Zone

CHANNELS = ("gpu", "cpu", "dram")


def measured_use(zone: Zone, joules: float, name: str = "step") -> Measurement:
    """Return the measurement of a block in which a processor uses ``joules``."""
    with greenbench.measure(name) as measurement:
        zone.use(joules)
    return measurement


def test_a_block_has_joules_with_their_interval_source_and_reasons(package: Zone) -> None:
    """By channel: what is measured, and why the rest is not."""
    step = measured_use(package, 40)
    assert step.joules == {"gpu": None, "cpu": pytest.approx(40, abs=1e-3), "dram": None}
    assert step.total_j == step.joules["cpu"]
    assert 0 < step.uncertainty["cpu"] == step.total_uncertainty
    assert step.sources == {"gpu": "none", "cpu": "simulated:rapl", "dram": "none"}
    assert set(step.reasons) == {"gpu", "dram"}
    assert "no usable NVIDIA driver" in step.reasons["gpu"]
    assert step.seconds > 0
    assert "cpu joules are simulated, not measured" in step.warnings
    assert step.net_joules == dict.fromkeys(CHANNELS)


def test_nothing_is_known_before_the_end(package: Zone) -> None:
    """Reading too early is one sentence, and showing it says that it runs."""
    assert package.folder.exists()
    with greenbench.measure("step") as step:
        assert not step.ended
        for name in ("seconds", "joules", "warnings", "total_j", "sources", "quantities"):
            with pytest.raises(UsageError, match=r"'step'.*has not ended.*after the with block"):
                getattr(step, name)
        assert repr(step) == str(step) == "step: running"
        assert step._repr_html_() is None
    assert step.ended


def test_a_block_in_another_one_is_in_the_joules_of_both(package: Zone) -> None:
    """Of the same name too; neither has a warning about the other."""
    with greenbench.measure("step") as outer:
        package.use(3)
        inner = measured_use(package, 4)
        again = measured_use(package, 5)
    found = [step.joules["cpu"] for step in (outer, inner, again)]
    assert found == pytest.approx([12, 4, 5], abs=1e-3)
    assert not any("at the same time" in text for text in (*outer.warnings, *inner.warnings))


def test_blocks_of_two_threads_know_of_each_other(package: Zone) -> None:
    """Each has the joules of both, and a warning that names the other one."""
    began, used = threading.Event(), threading.Event()
    measurements = []

    def other() -> None:
        with greenbench.measure("other") as measurement:
            began.set()
            used.wait()
        measurements.append(measurement)

    thread = threading.Thread(target=other)
    with greenbench.measure("here") as here:
        thread.start()
        began.wait()
        package.use(8)
    used.set()
    thread.join()
    (there,) = measurements
    assert [here.joules["cpu"], there.joules["cpu"]] == pytest.approx([8, 8], abs=1e-3)
    assert any("block 'other' ran at the same time" in text for text in here.warnings)
    assert any("block 'here' ran at the same time" in text for text in there.warnings)


def test_tasks_that_take_turns_know_of_each_other(package: Zone) -> None:
    """The blocks of two tasks overlap, though they run in one thread."""

    async def task(name: str) -> Measurement:
        with greenbench.measure(name) as measurement:
            package.use(2)
            await asyncio.sleep(0.01)
        return measurement

    async def both() -> list[Measurement]:
        return await asyncio.gather(task("one"), task("two"))

    one, two = asyncio.run(both())
    assert any("'two'" in text for text in one.warnings)
    assert any("'one'" in text for text in two.warnings)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_goes_through_and_its_joules_are_known(
    package: Zone, error: type[BaseException]
) -> None:
    """The block is closed, says so, and the next one is not disturbed."""
    block = greenbench.measure("step")
    with pytest.raises(error):
        interrupted(block, package, error)
    step = block.measurement
    assert step.joules["cpu"] == pytest.approx(6, abs=1e-3)
    name = error.__name__
    assert step.warnings[0] == f"the block raised {name}: these are its joules until then"
    assert measured_use(package, 1).joules["cpu"] == pytest.approx(1, abs=1e-3)


def interrupted(block: CodeBlock, package: Zone, error: type[BaseException]) -> None:
    """Raise ``error`` within a block."""
    with block:
        package.use(6)
        raise error


def test_a_block_is_entered_once(package: Zone) -> None:
    """A second measurement in the same object would replace the first one."""
    block = greenbench.measure("step")
    with block:
        package.use(1)
    with pytest.raises(UsageError, match=r"'step'.*entered before; call .* again"):
        block.__enter__()


def test_a_counter_that_did_not_move_gives_no_joules(package: Zone) -> None:
    """Too short a block has a reason and the counter's period, and no zero."""
    with greenbench.measure("step") as step:
        pass
    assert package.true_j == 0
    assert step.total_j is None
    assert "did not move" in step.reasons["cpu"]
    assert any("unknown although there is simulated:rapl" in text for text in step.warnings)


def test_too_short_a_block_says_from_when_on_it_is_resolved(package: Zone) -> None:
    """Its interval holds the counter's resolution, and the warning the seconds that it takes."""
    step = measured_use(package, 1)  # its counter is taken to move every millisecond
    text = "too short for cpu: counters resolve blocks from"
    assert (step.seconds < 0.02) == any(text in warning for warning in step.warnings)


def test_all_blocks_share_one_meter_until_it_is_closed(package: Zone) -> None:
    """The sensors are opened once, and no thread is left once they are closed."""
    measured_use(package, 1)
    meter = METERS.meter(MeterScope())
    measured_use(package, 1)
    assert METERS.meter(MeterScope()) is meter
    METERS.close()
    assert not [t for t in threading.enumerate() if t.name == "greenbench sampler"]
    assert measured_use(package, 2).joules["cpu"] == pytest.approx(2, abs=1e-3)


def test_joules_are_net_of_idle_once_it_is_measured(package: Zone) -> None:
    """The machine rests once; every block of that meter is stated net of it from then on."""
    with package.driven(50), greenbench.measure("first", rest_s=0.2) as first:
        time.sleep(0.02)
    idle = METERS.meter(MeterScope()).idle.watts["cpu"]
    assert first.total_net_j == pytest.approx(first.total_j - idle * first.seconds)
    second = measured_use(package, 9)
    assert second.net_joules["cpu"] == pytest.approx(9 - idle * second.seconds, abs=1e-3)


@pytest.mark.usefixtures("no_counter")
def test_an_estimate_is_said_to_be_one() -> None:
    """In the table, the line and the warnings; it knows no idle power, which was asked for."""
    with greenbench.measure("step", cpu_watts=5, rest_s=1) as step:
        sum(range(100_000))
    assert step.sources["cpu"] == "estimated:cpu-seconds*5W/core(given)"
    assert any("estimated, not measured" in text for text in step.warnings)
    assert any("only counters show it" in text for text in step.warnings)
    assert "estimated:cpu-seconds*5W/core(given)" in str(step)


def test_a_forked_child_measures_for_itself_and_not_for_its_parent(package: Zone) -> None:
    """What it inherited is closed without joules; a block of its own has some, and no leftovers."""
    reading, writing = os.pipe()
    with greenbench.measure("outer") as outer:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                outer_block_ended(writing, package)
                code = 0
            finally:
                os._exit(code)
        os.close(writing)
        _, status = os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        own, follows, left = json.loads(pipe.read())
    assert status == 0
    assert own == pytest.approx(7, abs=1e-3)
    assert (follows, left) == (True, 0)
    assert outer.joules["cpu"] == pytest.approx(7, abs=1e-3), outer


def outer_block_ended(writing: int, package: Zone) -> None:
    """In the child: measure a block, close the meter, and write what is known."""
    own = measured_use(package, 7)
    sampler = METERS.meter(MeterScope()).sampler
    follows = sampler is not None and sampler.is_alive()
    METERS.close()
    left = [t for t in threading.enumerate() if t.name == "greenbench sampler"]
    os.write(writing, json.dumps([own.joules["cpu"], follows, len(left)]).encode())


def test_a_block_that_a_fork_copied_has_no_joules_in_the_child(package: Zone) -> None:
    """The reason says who has them."""
    block = greenbench.measure("step")
    step = block.__enter__()
    package.use(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        block.__exit__(None, None, None)
        os.write(writing, json.dumps([step.total_j, step.reasons["cpu"]]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    block.__exit__(None, None, None)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert json.loads(pipe.read()) == [
            None,
            "this process was forked within the block: its parent has the joules",
        ]
    assert step.joules["cpu"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"gpus": 1}, "found gpus=1; give auto, none, all, or UUIDs"),
        ({"cpu_watts": 0}, "found cpu_watts=0; give the watts of a busy core, above 0"),
        ({"cpu_watts": True}, "found cpu_watts=True"),
        ({"rest_s": -1}, "found rest_s=-1; give seconds, 0 or more"),
        ({"rest_s": float("nan")}, "found rest_s=nan"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(options: dict[str, object], found: str) -> None:
    """Before anything is opened."""
    with pytest.raises(UsageError, match=r"^measure\('step'\): ") as refusal:
        greenbench.measure("step", **options)
    assert found in str(refusal.value)


def test_gpus_that_cannot_be_counted_are_refused_by_the_call_s_name(package: Zone) -> None:
    """The message names what the user wrote, and no option of pytest."""
    with pytest.raises(UnavailableError, match=r"measure\(gpus=...\) all") as raised:
        greenbench.measure("step", gpus="all").__enter__()
    assert "--green-gpus" not in str(raised.value)
    with greenbench.measure("step", gpus="none") as step:  # the failure left nothing running
        package.use(1)
    assert step.reasons["gpu"] == "measure(gpus=...) is none"
    assert not any("at the same time" in text for text in step.warnings)


def test_all_visible_gpus_count_unless_some_are_named(nvml: SimulatedNvml, package: Zone) -> None:
    """One of another name is refused with what was written."""
    cards = nvml.plug(2)
    for card in cards:
        card.power_w, card.update_s = 300, 0
    with greenbench.measure("both") as both:
        package.use(1)
    assert both.sources["gpu"] == "simulated:nvml-counter"
    assert both.joules["gpu"] is not None
    with greenbench.measure("one", gpus=cards[0].uuid) as one:
        package.use(1)
    facts = METERS.meter(MeterScope(gpus=cards[0].uuid)).facts["counters"]
    assert [fact["channel"] for fact in facts].count("gpu") == 1
    assert one.sources["gpu"] == "simulated:nvml-counter"
    with pytest.raises(UsageError, match=r"^measure\(gpus=...\): 'GPU-no' names no GPU here"):
        greenbench.measure("none", gpus="GPU-no").__enter__()
