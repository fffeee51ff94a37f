"""A cell's own number of processes: what it trains on, and which cells cannot have it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from greenbench.errors import UsageError
from greenbench.machine import cpu_state, training_processes
from greenbench.options import Options, SystemOptions


def refusal(options: Options, devices: str = "cpu", *, reuse: bool = False) -> str:
    """Return the sentence that refuses a cell; empty if it may run."""
    cell = SimpleNamespace(id="T2-V8", options=options)
    try:
        training_processes.check([cell], lambda: devices, reuse=reuse)
    except UsageError as error:
        return str(error)
    return ""


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this session use four cores."""
    monkeypatch.setattr(cpu_state, "usable_cores", lambda: 4)


@pytest.mark.parametrize(("processes", "devices"), [(None, "cpu"), (1, "cpu"), (3, "cpu:3")])
def test_a_cell_trains_on_as_many_devices_as_it_has_processes(
    processes: int | None, devices: str
) -> None:
    """None and one are the process of the session."""
    assert training_processes.devices_of(processes, "cpu") == devices
    assert training_processes.devices_of(None, "cuda:0") == "cuda:0"


def test_more_processes_than_cores_are_refused() -> None:
    """The sentence names the cell, the number and the most that there may be."""
    assert refusal(Options(system=SystemOptions(processes=5))) == (
        "system.processes: T2-V8 requests 5, and this session may use 4 core(s); choose at most 4"
    )
    assert refusal(Options(system=SystemOptions(processes=4))) == ""


def test_devices_and_reuse_that_contradict_it_are_refused() -> None:
    """Several devices say the number themselves, a GPU trains in one, and no such training is kept.

    One process is refused by several devices alone.
    """
    two, one = (Options(system=SystemOptions(processes=number)) for number in (2, 1))
    assert "--green-device cpu:2 says how many" in refusal(two, "cpu:2")
    assert "--green-device cuda:0,1 says how many" in refusal(one, "cuda:0,1")
    assert "trains on cuda:0; give --green-device cpu" in refusal(two, "cuda:0")
    assert "--green-reuse keeps no trainings" in refusal(two, reuse=True)
    assert refusal(two) == refusal(one, reuse=True) == refusal(Options(), "cuda:0,1") == ""
