"""The system stage: settings are in force inside, restored outside, and proved."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch

from greenbench.errors import UsageError
from greenbench.options import SystemOptions, knobs
from greenbench.stages.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.types import Applied


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Let torch use two threads before each test, and as many as it did after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def proof(system: System, knob: str) -> Applied:
    """Return the proof of a knob."""
    return next(a for a in system.proofs({}) if a.knob == knob)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_are_set_inside_and_put_back(threads: int) -> None:
    """Inside, torch uses the requested threads; outside, as many as before."""
    system = System(SystemOptions(cpu_threads=threads), ())
    assert torch.get_num_threads() == 2
    with system:
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2
    told = proof(system, "cpu_threads")
    assert (told.asked, told.got, told.before, told.holds) == (threads, threads, 2, True)


def test_threads_are_put_back_after_an_exception() -> None:
    """A cell that fails does not leave its circumstances to the next, and its exception goes on."""
    with pytest.raises(RuntimeError, match="cell failed"), System(SystemOptions(cpu_threads=1), ()):
        raise RuntimeError("cell failed")
    assert torch.get_num_threads() == 2


def test_threads_that_torch_does_not_take_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof reads back what torch uses."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _count: None)
    with System(SystemOptions(cpu_threads=7), ()) as system:
        pass
    assert proof(system, "cpu_threads").note == "requested 7 threads, torch uses 2"


@pytest.mark.parametrize("requested", [1, None])
def test_threads_that_change_during_the_round_are_reported(requested: int | None) -> None:
    """The number at the end is what is read back, and it is put back all the same."""
    with System(SystemOptions(cpu_threads=requested), ()) as system:
        torch.set_num_threads(3)
    told = proof(system, "cpu_threads")
    first = requested or 2
    assert (told.got, told.note) == (3, f"torch used {first} threads at first and 3 at the end")
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_a_thread_that_leaves_its_processors_is_reported() -> None:
    """A pin that is undone after the first batch does not pass for one."""
    usable = os.sched_getaffinity(0)
    with System(SystemOptions(cpu_affinity=str(min(usable))), ()) as system:
        os.sched_setaffinity(0, usable)
    told = proof(system, "cpu_affinity")
    assert told.got == told.before
    assert "threads might also run on other processors than" in told.note


def test_every_thread_is_pinned_inside_and_free_again_outside() -> None:
    """Threads that were started before are pinned, too; the proof names both sets of processors."""
    usable = os.sched_getaffinity(0)
    first = min(usable)
    done, other = threading.Event(), []
    thread = threading.Thread(target=done.wait)
    thread.start()
    with System(SystemOptions(cpu_affinity=str(first)), ()) as system:
        other.append(os.sched_getaffinity(thread.native_id))
        assert os.sched_getaffinity(0) == {first}
    other.append(os.sched_getaffinity(thread.native_id))
    done.set()
    thread.join()
    assert other == [{first}, usable]
    assert os.sched_getaffinity(0) == usable
    assert (proof(system, "cpu_affinity").got, proof(system, "cpu_affinity").holds) == (
        str(first),
        True,
    )


def test_processors_that_are_not_there_are_refused_before_anything_runs() -> None:
    """The sentence names those that are."""
    with pytest.raises(
        UsageError, match=r"system.cpu_affinity: 0,9999 was requested, and this process may use 0"
    ):
        System(SystemOptions(cpu_affinity="0,9999"), ()).reserve()


@pytest.mark.parametrize("asked", [{}, {"gpu_power_fraction": 0.7, "gpu_clock_fraction": 0.8}])
def test_every_knob_has_a_proof(asked: dict[str, Any]) -> None:
    """One each, but for the processes, which training proves; what cannot be set says why."""
    with System(SystemOptions(**asked), ()) as system:
        pass
    proofs = system.proofs({})
    assert {a.knob for a in proofs} == {*knobs("system")} - {"processes"}
    assert len(proofs) == len(knobs("system")) - 1
    assert {a.knob: a.note for a in proofs if not a.holds} == dict.fromkeys(
        asked, "not applied: the cell counts no GPU"
    )


def test_without_control_nothing_of_the_machine_is_set() -> None:
    """The process's own threads are no setting of the machine."""
    options = SystemOptions(gpu_power_fraction=0.7, cpu_governor="powersave", cpu_threads=1)
    with System(options, (), control=False) as system:
        assert torch.get_num_threads() == 1
    told = {a.knob: a.note for a in system.proofs({}) if not a.holds}
    assert told == dict.fromkeys(
        ("gpu_power_fraction", "cpu_governor"), "not applied: --green-control off"
    )
