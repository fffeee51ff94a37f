"""A wattmeter of one's own is one sensor more, checked member by member, that replaces none."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UsageError
from greenbench.machine.energy import examine
from greenbench.machine.energy.meter import open_meter
from greenbench.machine.gpu_records import Survey
from greenbench.machine.sensor_classes import UserSensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulators.powercap import Powercap

ROOT = Path(__file__).parent.parent.parent.parent
MODULE = '''
"""Wattmeters, right and wrong."""

closed = []


class Counting:
    channel = "node"
    name = "wall socket"
    max_watts = 1e9
    update_s = 0.001
    counted = 100.0

    def joules(self):
        return Counting.counted

    def close(self):
        closed.append(type(self).__name__)


class Watts:
    channel = "cpu"
    name = "shunt"
    max_watts = 1e9
    update_s = 0.001
    shown = 40.0

    def watts(self):
        return Watts.shown


class Moody(Counting):
    mood = "good"

    def joules(self):
        Counting.counted += 1
        return Counting.counted if Moody.mood == "good" else 1 / 0


class Nothing:
    pass


class Elsewhere(Counting):
    channel = "fridge"


class Idle(Counting):
    max_watts = 0


class Demanding(Counting):
    def __init__(self, port):
        self.port = port


class Wordy(Counting):
    def joules(self):
        return "many"


class Endless(Counting):
    def joules(self):
        return float("nan")


class Flat(Counting):
    joules = 5.0
'''


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder with the module ``wattmeter``, which is not on Python's path."""
    (tmp_path / "wattmeter.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    monkeypatch.delitem(sys.modules, "wattmeter", raising=False)
    yield tmp_path
    sys.modules.pop("wattmeter", None)


def own(folder: Path, *names: str) -> UserSensors:
    """Return the user's sensors of the module in ``folder``."""
    return UserSensors(names=tuple(f"wattmeter:{name}" for name in names), root=folder)


@pytest.mark.usefixtures("no_rapl")
def test_joules_of_the_whole_machine_stand_beside_the_estimate(suite: Path) -> None:
    """A counter at the wall is the channel node, labelled as the user's, and in no total."""
    with open_meter((), calibrate_s=0, own=own(suite, "Counting")) as meter:
        counting = sys.modules["wattmeter"].Counting
        with meter.window("training"):
            counting.counted += 12.5
        (window,) = meter.take()
    assert window.energy.node_j == 12.5
    assert window.energy.sources["node"] == "user:wattmeter:Counting"
    assert window.energy.sources["cpu"].startswith("estimated:")
    assert window.energy.total_j == window.energy.cpu_j
    assert sys.modules["wattmeter"].closed == ["Counting"]
    assert str(suite) not in sys.path


@pytest.mark.usefixtures("no_rapl")
def test_watts_are_integrated_and_take_the_place_of_the_estimate(suite: Path) -> None:
    """A channel that nothing measures is the user's: its joules grow with time."""
    with open_meter((), calibrate_s=0, own=own(suite, "Watts")) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert window.energy.sources["cpu"] == "user:wattmeter:Watts"
    assert window.energy.cpu_j > 0
    assert "integration" in window.energy.uncertainty_j["cpu"]


def test_a_measured_channel_is_not_replaced(suite: Path, powercap: Powercap) -> None:
    """The sentence names both, and what would work."""
    powercap.zone(0, "package-0")
    with pytest.raises(UsageError) as refusal:
        open_meter((), calibrate_s=0, own=own(suite, "Counting", "Watts"))
    assert str(refusal.value) == (
        "--green-sensor wattmeter:Watts: it stands for channel cpu, which simulated:rapl measures "
        "here, and no sensor replaces another one; give it the channel node, or leave it out"
    )
    assert sys.modules["wattmeter"].closed == ["Counting"]


@pytest.mark.usefixtures("no_rapl")
def test_a_sensor_that_fails_costs_its_window_the_joules(suite: Path) -> None:
    """Whatever it raises is the reason, and the next window is measured again."""
    with open_meter((), calibrate_s=0, own=own(suite, "Moody")) as meter:
        moody = sys.modules["wattmeter"].Moody
        with meter.window("training"):
            moody.mood = "bad"
        moody.mood = "good"
        with meter.window("inference"):
            pass
        failed, measured = meter.take()
    assert failed.energy.node_j is None
    reason = failed.energy.reasons["node"]
    assert "joules() of user:wattmeter:Moody raised ZeroDivisionError" in reason
    assert measured.energy.node_j > 0


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (
            "Nothing",
            "it lacks channel, name, max_watts, update_s, joules() or watts(); a ",
        ),
        ("Elsewhere", "found channel 'fridge'; it is one of gpu, cpu, dram, node"),
        ("Idle", "found max_watts 0; it is a number above 0"),
        ("Demanding", "it cannot be made without arguments (TypeError: "),
        ("Wordy", "it cannot be read (joules() of user:wattmeter:Wordy raised ValueError: could"),
        ("Endless", "it cannot be read (joules() of user:wattmeter:Endless returned nan)"),
        ("Flat", "joules is no method; it returns a number when called"),
        ("Absent", "module wattmeter has no class Absent"),
    ],
)
def test_what_is_wrong_with_a_class_is_one_sentence(suite: Path, name: str, problem: str) -> None:
    """It names module, class and member."""
    with pytest.raises(UsageError) as refusal:
        open_meter((), own=own(suite, name))
    assert str(refusal.value).startswith(f"--green-sensor wattmeter:{name}: ")
    assert problem in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("broken:Any", "module broken cannot be imported (looked for in "),
        ("nowhere.at.all:Any", "module nowhere.at.all cannot be imported"),
        ("wattmeter", "found 'wattmeter'; write MODULE:CLASS"),
        ("wattmeter:", "found 'wattmeter:'; write MODULE:CLASS"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(suite: Path, name: str, problem: str) -> None:
    """With the exception, and where it was looked for."""
    with pytest.raises(UsageError) as refusal:
        open_meter((), own=UserSensors(names=(name,), root=suite))
    assert problem in str(refusal.value)


@pytest.mark.usefixtures("no_rapl")
def test_doctor_tries_it_out(suite: Path) -> None:
    """A row of its own, with the period that was measured, if it moved."""
    findings = examine(Survey(reason="none"), pause_s=0.05, own=own(suite, "Watts", "Counting"))
    assert [finding.channel for finding in findings] == ["gpu", "cpu", "dram", "node"]
    watts, wall = findings[1], findings[3]
    assert (watts.source, watts.available) == ("user:wattmeter:Watts", True)
    assert watts.update_seconds == 0.001  # as stated: each reading moves the integral
    assert watts.idle_w > 0
    assert (wall.source, wall.device) == ("user:wattmeter:Counting", "sensor wall socket")
    assert "did not move" in wall.reason


@pytest.mark.usefixtures("no_rapl")
def test_the_documented_example_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The class of docs/sensors.md, on a battery that shows 15 W."""
    page = (ROOT / "docs" / "sensors.md").read_text("utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "documented.py").write_text(code)
    (tmp_path / "power_now").write_text("15000000\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("documented")
    monkeypatch.setattr(module.Battery, "file", tmp_path / "power_now")
    with open_meter((), own=UserSensors(names=("documented:Battery",))) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert window.energy.node_j > 0
    assert window.energy.sources["node"] == "user:documented:Battery"


def test_beside_other_workers_it_is_left_alone(suite: Path) -> None:
    """The whole machine's joules would be those of others too; the reason says so."""
    with open_meter((), no_host="others run beside it", own=own(suite, "Counting")) as meter:
        with meter.window("training"):
            pass
        (window,) = meter.take()
    assert window.energy.node_j is None
    assert window.energy.reasons["node"] == "others run beside it"
