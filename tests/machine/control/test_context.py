"""Limits, clocks and governors: set as requested or not at all, read back, proved by samples."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine.control import controls, transaction
from greenbench.machine.control.context import DeviceSettings
from greenbench.machine.control.guard import Guard
from greenbench.machine.control.journal import Entry, Journal, new_journal
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.requests import KNOBS
from greenbench.machine.gpus import gpus
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


def measured(
    options: SystemOptions, machine: Machine, **changed: Any
) -> tuple[DeviceSettings, dict[str, Applied], dict[str, Any]]:
    """Apply ``options`` for one round under load.

    Returns the context, the proofs by knob, and the settings that were in force in the round.
    """
    device_settings = DeviceSettings(options, gpus(), **changed)
    watch = Watch(gpus())
    device_settings.reserve()
    with device_settings:
        watch.begin()
        machine.gpu.load = 1
        machine.gpu.sm_clock_mhz, machine.gpu.memory_clock_mhz = 1980, 3201
        watch.tick()
        observation = watch.end()
        inside = {
            "limit": machine.gpu.power_limit_w,
            "sm": machine.gpu.locked_sm_mhz,
            "memory": machine.gpu.locked_memory_mhz,
            **machine.sysfs.changed,
        }
    watch.close()
    proofs = {p.knob: p for p in device_settings.proofs(observation.record)}
    return device_settings, proofs, inside


def round_with(proofs: dict[str, Applied]) -> Round:
    """Return a round whose only content is the proofs of its knobs."""
    whole = Window(stage="whole", seconds=1.0, energy=Energy())
    return Round(seed=0, whole=whole, windows=(), applied=tuple(proofs.values()))


def test_every_device_knob_is_tested_here() -> None:
    """``EVERY`` holds a value for each knob that sets a device, in the same order."""
    assert tuple(EVERY) == KNOBS


def test_v7_limits_the_card_relative_to_its_default_and_its_highest_clock(root: Machine) -> None:
    """70 % of the default limit, not of the present one; the highest clock up to 80 %."""
    _, proofs, inside = measured(V7, root)
    assert (inside["limit"], inside["sm"]) == (490, 1500)
    limit, clock = proofs["gpu_power_fraction"], proofs["gpu_clock_fraction"]
    assert (limit.asked, limit.got, limit.before, limit.holds) == (0.7, 0.7, 0.929, True)
    assert (clock.asked, clock.got, clock.holds) == (0.8, 0.758, True)
    assert limit.evidence["sampled"][0]["enforced_power_limit_w"]["max"] == 490
    assert clock.evidence["sampled"][0]["sm_clock_mhz"]["max"] == 1500
    assert root.as_before
    assert root.journals == []


def test_the_steps_happen_in_the_safe_order(root: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lease, recovery, guard, journal, change, read back, restore; the lease is released last."""
    steps = []

    def record(owner: Any, name: str, step: str) -> None:
        original = getattr(owner, name)

        def recorded(*arguments: Any, **options: Any) -> Any:
            steps.append(step)
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, recorded)

    record(Lease, "take", "lease")
    record(transaction, "recover", "recovery")
    record(Guard, "start", "guard")
    record(controls.PowerLimit, "read", "read")
    record(controls.PowerLimit, "write", "set")
    record(Journal, "write", "journal")
    record(Journal, "remove", "end of journal")
    record(Lease, "release", "release")
    with DeviceSettings(SystemOptions(gpu_power_fraction=0.7), gpus()):
        steps.append("round")
    assert steps[:5] == ["lease", "recovery", "guard", "read", "journal"]
    assert steps[5:9] == ["set", "read", "journal", "round"]
    assert steps[9] == "read"  # for the proof: what holds at the end
    assert steps[10:] == ["read", "set", "read", "end of journal", "release"]
    assert root.as_before


def test_cpus_get_the_power_cap_clock_and_governor(root: Machine) -> None:
    """Long-term limit, the short-term one above it, each CPU's clock and governor are set."""
    options = SystemOptions(
        cpu_power_fraction=0.5, cpu_clock_fraction=0.5, cpu_governor="powersave"
    )
    _, proofs, inside = measured(options, root)
    expected = {}
    for number in (0, 1):
        expected[f"{PACKAGE}/constraint_{number}_power_limit_uw"] = "100000000"
        expected[f"{CPUS}/cpu{number}/cpufreq/scaling_max_freq"] = "2000000"
        expected[f"{CPUS}/cpu{number}/cpufreq/scaling_governor"] = "powersave"
    assert {name: value for name, value in inside.items() if "/" in name} == expected
    turned = {knob: (p.got, p.holds) for knob, p in proofs.items() if p.asked is not None}
    assert turned == {
        "cpu_power_fraction": (0.5, True),
        "cpu_clock_fraction": (0.5, True),
        "cpu_governor": ("powersave", True),
    }
    assert proofs["cpu_clock_fraction"].before == 0.9
    assert proofs["cpu_governor"].before == "schedutil"
    assert root.as_before


@pytest.mark.parametrize("knob", EVERY)
def test_each_knob_acts_and_its_sabotage_has_no_effect(
    knob: str, root: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setter that does nothing is noticed by reading back or by the samples: no proof holds."""
    options = Options(system=SystemOptions(**{knob: EVERY[knob]}))

    def verdict() -> tuple[str, bool]:
        _, proofs, _ = measured(options.system, root)
        return effect_of([round_with(proofs)], options)[0], proofs[knob].holds

    assert [d.knob for d in differences(options)] == [f"system.{knob}"]
    assert verdict() == ("", True)
    for kind in (controls.PowerLimit, controls.Clocks, controls.KernelFile):
        monkeypatch.setattr(kind, "write", lambda _self, _value: None)
    effect, holds = verdict()
    assert not holds
    assert effect == ("" if "clock" in knob and knob.startswith("gpu") else NO_EFFECT)


def test_a_limit_that_was_in_force_already_has_no_effect(root: Machine) -> None:
    """A request for the limit that the administrator has set changes nothing: NO-EFFECT."""
    options = Options(system=SystemOptions(gpu_power_w=650.0))
    _, proofs, _ = measured(options.system, root)
    assert effect_of([round_with(proofs)], options)[0] == NO_EFFECT


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            SystemOptions(gpu_power_fraction=0.1),
            r"gpu_power_fraction: 0.1 is 70 W on .*, which accepts 200 to 700 W \(0.29 of its",
        ),
        (
            SystemOptions(gpu_power_w=2000.0),
            "gpu_power_w: 2000 is 2000 W on .*, which accepts 200 to 700 W",
        ),
        (
            SystemOptions(gpu_clock_fraction=0.1),
            "gpu_clock_fraction: 0.1 of 1980 MHz on .* is below its lowest clock, 345 MHz",
        ),
        (
            SystemOptions(cpu_clock_fraction=0.1),
            "cpu_clock_fraction: 0.1 of 4000 MHz is below .* clock, 800 MHz; choose at least 0.20",
        ),
        (
            SystemOptions(cpu_governor="fast"),
            "no governor 'fast' here; available: performance, powersave, schedutil",
        ),
    ],
)
def test_a_value_out_of_range_is_refused_before_anything_is_set(
    options: SystemOptions, sentence: str, root: Machine
) -> None:
    """The error gives the bounds that the device reports, and nothing is changed."""
    with pytest.raises(UsageError, match=sentence):
        DeviceSettings(options, gpus()).reserve()
    assert root.as_before


def test_without_privilege_the_notes_say_what_grants_it(machine: Machine) -> None:
    """Nothing is changed, no journal stays, and the note of each knob holds the command."""
    machine.gpu.privileged = False
    _, proofs, inside = measured(V7, machine)
    assert (inside["limit"], inside["sm"]) == (650, 0)
    for knob in ("gpu_power_fraction", "gpu_clock_fraction"):
        assert proofs[knob].got is None
        assert proofs[knob].note.startswith("not applied: power limit (mW) of GPU-")
        assert "Insufficient Permissions; run as root (CAP_SYS_ADMIN), or" in proofs[knob].note
        assert "let the Zeus daemon set it: cargo install zeusd" in proofs[knob].note
    assert machine.journals == []


def test_a_setter_that_fails_half_way_rolls_back(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit was set and the clocks are refused: both are as before, and no knob has a value."""
    machine.gpu.privileged = False
    daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, machine.nvml.gpus)
    daemon.refusing = {"set_gpu_locked_clocks"}
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(tmp_path / "zeusd.sock"))
    _, proofs, inside = measured(V7, machine)
    daemon.close()
    assert (inside["limit"], inside["sm"]) == (650, 0)
    for knob in ("gpu_power_fraction", "gpu_clock_fraction"):
        assert proofs[knob].got is None
        assert "clocks (MHz)" in proofs[knob].note
    assert machine.as_before


def test_without_a_folder_for_the_journal_nothing_is_set(
    root: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared folder that cannot be created is reported by the knobs, and nothing is changed."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "file" / "state"))
    _, proofs, inside = measured(V7, root)
    assert (inside["limit"], inside["sm"]) == (650, 0)
    assert (
        "cannot be created (Not a directory); no device is set without a journal"
        in proofs["gpu_power_fraction"].note
    )


def test_a_baseline_without_a_lease_runs_and_says_so(
    root: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sets nothing, so it can run; the warning is that others may set the card meanwhile."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "file" / "state"))
    device_settings, proofs, _ = measured(SystemOptions(), root)
    assert all(p.holds for p in proofs.values())
    assert device_settings.doubts[0].startswith("other sessions may use these devices meanwhile: ")


def test_the_settings_of_a_lost_card_stay_in_the_journal(root: Machine) -> None:
    """The next session restores them once the card is there again."""
    device_settings = DeviceSettings(SystemOptions(gpu_power_fraction=0.7), gpus())
    with device_settings:
        root.gpu.lose()
    assert any("could not be restored to 650000" in doubt for doubt in device_settings.doubts)
    assert len(root.journals) == 1
    root.gpu.find()
    with DeviceSettings(V7, gpus()):
        assert root.gpu.power_limit_w == 490
    assert root.as_before
    assert root.journals == []


def test_what_somebody_else_set_meanwhile_stays(root: Machine) -> None:
    """A limit that somebody else set in the round is kept and reported; the rest is restored."""
    device_settings = DeviceSettings(replace(V7, cpu_governor="powersave"), gpus())
    with device_settings:
        root.gpu.power_limit_w = 300
    assert root.gpu.power_limit_w == 300
    assert not root.sysfs.changed
    (doubt,) = device_settings.doubts
    assert "is 300000, changed by somebody else after greenbench set 490000: left as it is" in doubt
    assert doubt.endswith("it was 650000 before")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"mig": True}, "is partitioned by MIG, and its limits apply to all partitions"),
        ({"default_power_limit_w": None}, "reports no power limit (a laptop's"),
    ],
)
def test_a_card_that_cannot_be_limited_gives_the_reason(
    changed: dict[str, Any], reason: str, root: Machine
) -> None:
    """Nothing is set, and the note of the knob says why."""
    (gpu,) = gpus()
    options = SystemOptions(gpu_power_fraction=0.7)
    with DeviceSettings(options, [replace(gpu, **changed)]) as device_settings:
        assert root.as_before
    note = next(p.note for p in device_settings.proofs({}) if p.knob == "gpu_power_fraction")
    assert reason in note


def test_one_partitioned_card_keeps_the_others_from_being_set(root: Machine) -> None:
    """All GPUs of a cell are limited or none: the note names the card that cannot be."""
    (gpu,) = gpus()
    partitioned = replace(gpu, uuid="GPU-partitioned", mig=True)
    options = SystemOptions(gpu_power_fraction=0.7)
    with DeviceSettings(options, [partitioned, gpu]) as device_settings:
        assert root.as_before
    note = next(p.note for p in device_settings.proofs({}) if p.knob == "gpu_power_fraction")
    assert "(GPU-partitioned) is partitioned by MIG" in note


def test_the_lease_is_kept_until_it_is_released(root: Machine) -> None:
    """The lease spans the rounds of a cell; without ``reserve`` it spans the context alone."""
    device_settings = DeviceSettings(V7, gpus())
    device_settings.reserve()
    lease = device_settings._transaction._lease
    for _ in range(2):
        with device_settings:
            assert root.gpu.power_limit_w == 490
        assert root.as_before
        device_settings.reserve()
        assert device_settings._transaction._lease is lease is not None
    device_settings.release()
    assert device_settings._transaction._lease is None
    with DeviceSettings(V7, gpus()) as unreserved:
        assert unreserved._transaction._lease is not None
    assert unreserved._transaction._lease is None


def test_a_small_step_is_undone(root: Machine) -> None:
    """A limit 10 W below the administrator's is not taken for rounding: it is restored."""
    with DeviceSettings(SystemOptions(gpu_power_w=640.0), gpus()):
        assert root.gpu.power_limit_w == 640
    assert root.as_before


def test_a_setter_that_ignores_a_small_step_is_noticed(
    root: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value that reads as before was not set, however close the request is."""
    monkeypatch.setattr(controls.PowerLimit, "write", lambda _self, _value: None)
    _, proofs, _ = measured(SystemOptions(gpu_power_w=640.0), root)
    assert "was set to 640000 and reads 650000" in proofs["gpu_power_w"].note


def test_settings_are_restored_from_memory_if_the_journal_is_deleted(root: Machine) -> None:
    """Deleting the journal during the round changes nothing."""
    with DeviceSettings(V7, gpus()):
        root.journals[0].unlink()
    assert root.as_before


def test_a_refused_limit_leaves_others_locks_alone(machine: Machine) -> None:
    """The clocks were not set, so the rollback does not reset an administrator's lock."""
    machine.gpu.privileged, machine.gpu.locked_sm_mhz = False, 1200
    measured(V7, machine)
    assert machine.gpu.locked_sm_mhz == 1200
    assert machine.journals == []


def test_refused_clocks_leave_no_journal(machine: Machine) -> None:
    """Nothing was locked, so there is nothing to restore, although a reset is refused as well."""
    machine.gpu.privileged = False
    _, proofs, _ = measured(SystemOptions(gpu_clock_fraction=0.8), machine)
    assert proofs["gpu_clock_fraction"].got is None
    assert machine.journals == []


def test_a_repeated_stage_that_cannot_have_the_settings_is_not_measured(root: Machine) -> None:
    """Entering again raises if the settings of the round are refused now."""
    device_settings = DeviceSettings(V7, gpus())
    device_settings.reserve()
    with device_settings:
        pass
    root.gpu.privileged = False
    with pytest.raises(UnavailableError, match="cannot be set"), device_settings:
        pass


def test_a_forked_child_restores_nothing(root: Machine) -> None:
    """A worker that exits its parent's context leaves the parent's settings in force."""
    with DeviceSettings(V7, gpus()) as device_settings:
        child = os.fork()
        if child == 0:
            device_settings.__exit__()
            os._exit(0)
        os.waitpid(child, 0)
        assert (root.gpu.power_limit_w, len(root.journals)) == (490, 1)
    assert root.as_before


def test_a_power_cap_that_is_switched_off_is_not_set(root: Machine) -> None:
    """The kernel would accept the value without enforcing it, so the knob is not applied."""
    root.sysfs.set(f"{PACKAGE}/enabled", "0")
    _, proofs, _ = measured(SystemOptions(cpu_power_fraction=0.5), root)
    assert "power cap is switched off (powercap, enabled is 0)" in proofs["cpu_power_fraction"].note


def test_a_daemon_that_counts_other_cards_sets_none(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon knows cards by number: in a container with fewer cards it would set another."""
    machine.gpu.privileged = False
    daemon = Zeusd(tmp_path / "zeusd.sock", lambda: 0, [*machine.nvml.gpus, *machine.nvml.gpus])
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(tmp_path / "zeusd.sock"))
    _, proofs, inside = measured(SystemOptions(gpu_power_fraction=0.7), machine)
    daemon.close()
    assert inside["limit"] == 650
    assert "zeusd has 2 GPUs and this process sees 1" in proofs["gpu_power_fraction"].note


def test_without_control_nothing_is_restored_either(root: Machine) -> None:
    """``--green-control off`` leaves what a killed session set, and its journal."""
    root.gpu.power_limit_w = 490
    new_journal(
        [Entry(control=controls.PowerLimit(root.gpu.uuid), before=650000, after=490000)]
    ).write()
    device_settings = DeviceSettings(SystemOptions(), gpus(), control=False)
    device_settings.reserve()
    device_settings.release()
    assert root.gpu.power_limit_w == 490
    assert len(root.journals) == 1


def test_without_control_nothing_is_set(root: Machine) -> None:
    """The limit stays, and the note of the knob names the option."""
    _, proofs, inside = measured(V7, root, control=False)
    assert inside["limit"] == 650
    assert proofs["gpu_power_fraction"].note == "not applied: --green-control off"


def test_a_limit_that_changes_during_the_round_is_noted(root: Machine) -> None:
    """It was right when it was read back; the samples show that another limit was in force."""
    watch = Watch(gpus())
    with DeviceSettings(SystemOptions(gpu_power_fraction=0.7), gpus()) as device_settings:
        watch.begin()
        root.gpu.power_limit_w = 700
        observation = watch.end()
        root.gpu.power_limit_w = 490
    watch.close()
    note = next(
        p.note for p in device_settings.proofs(observation.record) if p.knob == "gpu_power_fraction"
    )
    assert note == "490 W were set, and the limit in force was between 490 and 700 W"


def test_a_setting_that_is_undone_before_the_end_of_the_round_is_noted(root: Machine) -> None:
    """What was read back at first is no proof of the rest, with samples or without."""
    options = SystemOptions(
        gpu_power_fraction=0.7, cpu_power_fraction=0.5, cpu_governor="powersave"
    )
    with DeviceSettings(options, gpus()) as device_settings:
        root.gpu.power_limit_w = 650
        root.sysfs.set(f"{PACKAGE}/constraint_0_power_limit_uw", "180000000")
        root.sysfs.set(f"{CPUS}/cpu1/cpufreq/scaling_governor", "schedutil")
    ends = {
        "gpu_power_fraction": "was set to 490000 and reads 650000 at the end",
        "cpu_power_fraction": "was set to 100000000 and reads 180000000 at the end",
        "cpu_governor": "was set to powersave and reads schedutil at the end",
    }
    notes = {p.knob: p.note for p in device_settings.proofs({}) if p.asked is not None}
    assert notes.keys() == ends.keys()
    assert all(note.endswith(ends[knob]) for knob, note in notes.items())


def test_files_outside_the_kernels_trees_are_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a path from a journal nor a link leads outside the roots."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path / "sys"))
    (tmp_path / "sys").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (tmp_path / "sys" / "link").symlink_to(secret)
    for path in (secret, tmp_path / "sys" / "link", tmp_path / "sys" / ".." / "secret"):
        with pytest.raises(PermissionError, match="lies outside"):
            controls.KernelFile(str(path)).write("theirs")
    assert secret.read_text() == "mine"
    assert os.environ["GREENBENCH_SYSFS"] in controls.writable_roots()
