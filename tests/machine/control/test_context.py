"""Limits, clocks and governors: set as asked, read back, all or nothing, and proved by what was sampled."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine import gpus as devices
from greenbench.machine.control import controls, requests
from greenbench.machine.control import journal as journals
from greenbench.machine.control.context import DeviceSettings
from greenbench.machine.control.journal import Entry
from greenbench.machine.watch import Watch
from greenbench.options import Options, SystemOptions, differences
from greenbench.run.effects import NO_EFFECT, effect_of
from greenbench.types import Energy, Round, Window
from tests.simulators.sysfs import CPUS, PACKAGE
from tests.simulators.zeusd import Zeusd

if TYPE_CHECKING:
    from pathlib import Path

    from machine.control.conftest import Machine

    from greenbench.types import Applied

V7 = SystemOptions(gpu_power_fraction=0.7, gpu_clock_fraction=0.8)
EVERY = {
    "gpu_power_fraction": 0.7,
    "gpu_power_w": 420.0,
    "gpu_clock_fraction": 0.8,
    "gpu_memory_clock_fraction": 0.9,
    "cpu_power_fraction": 0.5,
    "cpu_clock_fraction": 0.5,
    "cpu_governor": "powersave",
}


@pytest.fixture
def root(machine: Machine) -> Machine:
    """Give the machine to a session that may set everything."""
    machine.gpu.privileged = True
    return machine


def held(
    options: SystemOptions, machine: Machine, **changed: Any
) -> tuple[DeviceSettings, dict[str, Applied], dict[str, Any]]:
    """Hold ``options`` for a round under load; return the context, its proofs, and the settings that were in force."""
    device_settings, watch = (
        DeviceSettings(options, devices.gpus(), **changed),
        Watch(devices.gpus()),
    )
    device_settings.reserve()
    with device_settings:
        watch.begin()
        machine.gpu.load = 1
        machine.gpu.sm_clock_mhz, machine.gpu.memory_clock_mhz = 1980, 3201
        watch.tick()
        seen = watch.end()
        inside = {
            "limit": machine.gpu.power_limit_w,
            "sm": machine.gpu.locked_sm_mhz,
            "memory": machine.gpu.locked_memory_mhz,
            **machine.sysfs.changed,
        }
    watch.close()
    return device_settings, {p.knob: p for p in device_settings.proofs(seen.record)}, inside


def test_every_knob_of_the_machine_is_listed_above() -> None:
    """A new one joins."""
    assert EVERY.keys() == requests.KNOBS.keys()


def test_v7_caps_the_card_relative_to_what_it_is(root: Machine) -> None:
    """70 % of the default limit (not of the present one), and the highest clock that is at most 80 % of the card's."""
    _, proofs, inside = held(V7, root)
    assert (inside["limit"], inside["sm"]) == (490, 1500)
    limit, clock = proofs["gpu_power_fraction"], proofs["gpu_clock_fraction"]
    assert (limit.asked, limit.got, limit.before, limit.holds) == (0.7, 0.7, 0.929, True)
    assert (clock.asked, clock.got, clock.holds) == (0.8, 0.758, True)
    assert limit.evidence["sampled"][0]["enforced_power_limit_w"]["max"] == 490
    assert clock.evidence["sampled"][0]["sm_clock_mhz"]["max"] == 1500
    assert root.as_before
    assert root.journals == []


def test_processors_are_capped_and_governed(root: Machine) -> None:
    """Each package's long-term limit, and the short-term one that lies above it; every processor's clock and governor."""
    options = SystemOptions(
        cpu_power_fraction=0.5, cpu_clock_fraction=0.5, cpu_governor="powersave"
    )
    _, proofs, inside = held(options, root)
    cpu = {
        f"{CPUS}/cpu{n}/cpufreq/{k}": v
        for n in (0, 1)
        for k, v in {"scaling_max_freq": "2000000", "scaling_governor": "powersave"}.items()
    }
    caps = {f"{PACKAGE}/constraint_{n}_power_limit_uw": "100000000" for n in (0, 1)}
    assert {k: v for k, v in inside.items() if "/" in k} == {**cpu, **caps}
    assert {k: (p.got, p.holds) for k, p in proofs.items() if p.asked is not None} == {
        "cpu_power_fraction": (0.5, True),
        "cpu_clock_fraction": (0.5, True),
        "cpu_governor": ("powersave", True),
    }
    assert (proofs["cpu_clock_fraction"].before, proofs["cpu_governor"].before) == (
        0.9,
        "schedutil",
    )
    assert root.as_before


@pytest.mark.parametrize("knob", EVERY)
def test_each_knob_acts_and_its_sabotage_has_no_effect(
    knob: str, root: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setter that does nothing is read back, or seen in the samples, and the cell is NO-EFFECT or its proof does not hold."""
    options = Options(system=SystemOptions(**{knob: EVERY[knob]}))
    whole = Window(stage="whole", seconds=1.0, energy=Energy())

    def verdict() -> tuple[str, bool]:
        _, proofs, _ = held(options.system, root)
        done = Round(seed=0, whole=whole, windows=(), applied=tuple(proofs.values()))
        return effect_of([done], options)[0], proofs[knob].holds

    assert [d.knob for d in differences(options)] == [f"system.{knob}"]
    assert verdict() == ("", True)
    for kind in (controls.PowerLimit, controls.Clocks, controls.KernelFile):
        monkeypatch.setattr(kind, "write", lambda _self, _value: None)
    effect, holds = verdict()
    assert not holds
    assert effect == ("" if "clock" in knob and knob.startswith("gpu") else NO_EFFECT)


def test_a_limit_that_was_in_force_already_has_no_effect(root: Machine) -> None:
    """Asked for what the administrator has set: nothing changed."""
    options = Options(system=SystemOptions(gpu_power_w=650.0))
    _, proofs, _ = held(options.system, root)
    whole = Window(stage="whole", seconds=1.0, energy=Energy())
    assert (
        effect_of(
            [Round(seed=0, whole=whole, windows=(), applied=tuple(proofs.values()))], options
        )[0]
        == NO_EFFECT
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            SystemOptions(gpu_power_fraction=0.1),
            r"gpu_power_fraction: 0.1 is 70 W on .*, which takes 200 to 700 W \(0.29 of its",
        ),
        (
            SystemOptions(gpu_power_w=2000.0),
            "gpu_power_w: 2000 is 2000 W on .*, which takes 200 to 700 W",
        ),
        (
            SystemOptions(gpu_clock_fraction=0.1),
            "gpu_clock_fraction: 0.1 of 1980 MHz on .* is below its lowest clock, 345 MHz",
        ),
        (
            SystemOptions(cpu_clock_fraction=0.1),
            "cpu_clock_fraction: 0.1 of 4000 MHz is below .* lowest, 800; choose at least 0.20",
        ),
        (
            SystemOptions(cpu_governor="fast"),
            "no governor 'fast' here; there are: performance, powersave, schedutil",
        ),
    ],
)
def test_what_a_device_does_not_take_is_refused_before_anything_is_set(
    options: SystemOptions, sentence: str, root: Machine
) -> None:
    """The sentence gives the device's own bounds."""
    with pytest.raises(UsageError, match=sentence):
        DeviceSettings(options, devices.gpus()).reserve()
    assert root.as_before


def test_without_privilege_the_knobs_say_what_would_grant_it(machine: Machine) -> None:
    """The set itself is the probe: nothing is changed, nothing is owed, and the remedy is a command."""
    machine.gpu.privileged = False
    _, proofs, inside = held(V7, machine)
    assert (inside["limit"], inside["sm"]) == (650, 0)
    for knob in ("gpu_power_fraction", "gpu_clock_fraction"):
        assert proofs[knob].got is None
        assert proofs[knob].note.startswith("not applied: power limit (mW) of GPU-")
        assert (
            "Insufficient Permissions; run as root (CAP_SYS_ADMIN), or let the Zeus daemon set it: cargo"
            in proofs[knob].note
        )
    assert machine.journals == []


def test_a_setter_that_fails_half_way_rolls_back(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit was set and the clocks are refused: both are as before, and neither knob claims anything."""
    machine.gpu.privileged = False
    daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, machine.nvml.gpus)
    daemon.refusing = {"set_gpu_locked_clocks"}
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(tmp_path / "zeusd.sock"))
    _, proofs, inside = held(V7, machine)
    daemon.close()
    assert (inside["limit"], inside["sm"]) == (650, 0)
    assert all(
        proofs[k].got is None and "clocks (MHz)" in proofs[k].note
        for k in ("gpu_power_fraction", "gpu_clock_fraction")
    )
    assert machine.as_before


def test_a_folder_that_takes_no_journal_keeps_everything_as_it_is(
    root: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the second line of defence the first does not advance."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "file" / "state"))
    _, proofs, inside = held(V7, root)
    assert (inside["limit"], inside["sm"]) == (650, 0)
    assert (
        "cannot be made (Not a directory): nothing is set without a journal there"
        in proofs["gpu_power_fraction"].note
    )


def test_a_baseline_without_a_lease_runs_and_says_so(
    root: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sets nothing, so nothing is lost; but another session might cap the card meanwhile."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "file" / "state"))
    device_settings, proofs, _ = held(SystemOptions(), root)
    assert all(p.holds for p in proofs.values())
    assert device_settings.doubts[0].startswith("no other session is kept from these devices: ")


def test_a_card_that_is_lost_meanwhile_is_owed(root: Machine) -> None:
    """What cannot be put back stays in the journal, for whoever comes when the card is there again."""
    device_settings = DeviceSettings(SystemOptions(gpu_power_fraction=0.7), devices.gpus())
    with device_settings:
        root.gpu.lose()
    assert any("could not be put back to 650000" in doubt for doubt in device_settings.doubts)
    assert len(root.journals) == 1
    root.gpu.find()
    with DeviceSettings(V7, devices.gpus()):
        pass
    assert root.as_before
    assert root.journals == []


def test_what_somebody_else_set_meanwhile_stays(root: Machine) -> None:
    """It is told, and theirs is left; the rest goes back."""
    device_settings = DeviceSettings(replace(V7, cpu_governor="powersave"), devices.gpus())
    with device_settings:
        root.gpu.power_limit_w = 300
    assert root.gpu.power_limit_w == 300
    assert not root.sysfs.changed
    (doubt,) = device_settings.doubts
    assert (
        "is 300000, which somebody else set after 490000 was set here: left; it was 650000" in doubt
    )


@pytest.mark.parametrize(
    ("trait", "said"),
    [
        ("mig", "is partitioned by MIG, and its limits are all partitions'"),
        ("default_limit_w", "tells no power limit (a laptop's"),
    ],
)
def test_cards_that_cannot_be_capped_get_a_sentence(trait: str, said: str, root: Machine) -> None:
    """No traceback, nothing set, the cell is partial."""
    changed = {"mig": True} if trait == "mig" else {"default_power_limit_w": None}
    gpus = [replace(g, **changed) for g in devices.gpus()]
    device_settings = DeviceSettings(SystemOptions(gpu_power_fraction=0.7), gpus)
    with device_settings:
        assert root.as_before
    note = next(p.note for p in device_settings.proofs({}) if p.knob == "gpu_power_fraction")
    assert said in note


def test_the_lease_is_kept_until_it_is_released(root: Machine) -> None:
    """Nobody slips in between the rounds of a cell, and waiting is never timed; afterwards others may have the card."""
    device_settings = DeviceSettings(V7, devices.gpus())
    device_settings.reserve()
    taken = device_settings._transaction._lease
    for _ in range(2):
        with device_settings:
            assert root.gpu.power_limit_w == 490
        assert root.as_before
        device_settings.reserve()
        assert device_settings._transaction._lease is taken is not None
    device_settings.release()
    assert device_settings._transaction._lease is None
    with DeviceSettings(V7, devices.gpus()) as unreserved:
        assert unreserved._transaction._lease is not None
    assert unreserved._transaction._lease is None


def test_a_small_step_is_a_step(root: Machine) -> None:
    """A limit 10 W below the administrator's is undone, and a setter that ignores it is found out."""
    with DeviceSettings(SystemOptions(gpu_power_w=640.0), devices.gpus()):
        assert root.gpu.power_limit_w == 640
    assert root.as_before


def test_a_setter_that_ignores_a_small_step_is_found_out(
    root: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reads as before was not set, however near it lies."""
    monkeypatch.setattr(controls.PowerLimit, "write", lambda _self, _value: None)
    _, proofs, _ = held(SystemOptions(gpu_power_w=640.0), root)
    assert "was set to 640000 and reads 650000" in proofs["gpu_power_w"].note


def test_a_journal_that_vanishes_costs_nothing(root: Machine) -> None:
    """What is in memory is put back all the same."""
    with DeviceSettings(V7, devices.gpus()):
        root.journals[0].unlink()
    assert root.as_before


def test_a_refused_limit_leaves_others_locks_alone(machine: Machine) -> None:
    """The clocks were never reached: a rollback that lets go of them would undo an administrator's lock."""
    machine.gpu.privileged, machine.gpu.locked_sm_mhz = False, 1200
    held(V7, machine)
    assert machine.gpu.locked_sm_mhz == 1200
    assert machine.journals == []


def test_refused_clocks_leave_no_debt(machine: Machine) -> None:
    """Nothing was locked, so nothing is owed, although letting go of clocks is refused as well."""
    machine.gpu.privileged = False
    _, proofs, _ = held(SystemOptions(gpu_clock_fraction=0.8), machine)
    assert proofs["gpu_clock_fraction"].got is None
    assert machine.journals == []


def test_a_repeated_stage_that_cannot_have_the_settings_is_not_measured(root: Machine) -> None:
    """The proof is of the round: what runs under other settings must not pass for it."""
    device_settings = DeviceSettings(V7, devices.gpus())
    device_settings.reserve()
    with device_settings:
        pass
    root.gpu.privileged = False
    with pytest.raises(UnavailableError, match="cannot be set"), device_settings:
        pass


def test_a_forked_child_gives_nothing_back(root: Machine) -> None:
    """A worker that unwinds its parent's context leaves the parent's settings in force."""
    with DeviceSettings(V7, devices.gpus()) as device_settings:
        child = os.fork()
        if child == 0:
            device_settings.__exit__()
            os._exit(0)
        os.waitpid(child, 0)
        assert (root.gpu.power_limit_w, len(root.journals)) == (490, 1)
    assert root.as_before


def test_a_power_cap_that_is_switched_off_caps_nothing(root: Machine) -> None:
    """The kernel takes the value and does not hold the package to it."""
    root.sysfs.set(f"{PACKAGE}/enabled", "0")
    _, proofs, _ = held(SystemOptions(cpu_power_fraction=0.5), root)
    assert "power cap is switched off (powercap, enabled is 0)" in proofs["cpu_power_fraction"].note


def test_a_daemon_with_other_cards_sets_none(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts cards by numbers: in a container that sees some of them, ours would be another's."""
    machine.gpu.privileged = False
    daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, [*machine.nvml.gpus, *machine.nvml.gpus])
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(tmp_path / "zeusd.sock"))
    _, proofs, inside = held(SystemOptions(gpu_power_fraction=0.7), machine)
    daemon.close()
    assert inside["limit"] == 650
    assert "zeusd has 2 GPUs and this process sees 1" in proofs["gpu_power_fraction"].note


def test_without_control_nothing_is_restored_either(root: Machine) -> None:
    """What a killed session left stays until somebody says restore."""
    root.gpu.power_limit_w = 490
    journals.new(
        [Entry(control=controls.PowerLimit(root.gpu.uuid), before=650000, after=490000)]
    ).write()
    device_settings = DeviceSettings(SystemOptions(), devices.gpus(), control=False)
    device_settings.reserve()
    device_settings.release()
    assert root.gpu.power_limit_w == 490
    assert len(root.journals) == 1


def test_without_control_nothing_is_set(root: Machine) -> None:
    """The knobs say so."""
    _, proofs, inside = held(V7, root, control=False)
    assert inside["limit"] == 650
    assert proofs["gpu_power_fraction"].note == "not applied: --green-control off"


def test_a_limit_that_another_changes_during_the_round_is_seen(root: Machine) -> None:
    """Read back right after it was set, it held; the samples say that it did not last."""
    device_settings, watch = (
        DeviceSettings(SystemOptions(gpu_power_fraction=0.7), devices.gpus()),
        Watch(devices.gpus()),
    )
    with device_settings:
        watch.begin()
        root.gpu.power_limit_w = 700
        seen = watch.end()
        root.gpu.power_limit_w = 490
    watch.close()
    note = next(
        p.note for p in device_settings.proofs(seen.record) if p.knob == "gpu_power_fraction"
    )
    assert note == "490 W were set, and the limit in force was between 490 and 700 W"


def test_files_outside_the_kernels_trees_are_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a journal says, and through a link neither."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path / "sys"))
    (tmp_path / "sys").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "sys" / "link").symlink_to(secret)
    for path in (secret, tmp_path / "sys" / "link", tmp_path / "sys" / ".." / "secret"):
        with pytest.raises(PermissionError, match="lies outside"):
            controls.KernelFile(str(path)).write("theirs")
    assert secret.read_text() == "mine"
    assert os.environ["GREENBENCH_SYSFS"] in controls.roots()
