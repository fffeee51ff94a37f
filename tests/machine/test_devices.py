"""The devices of a cell: what names several, and which cells cannot train on them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from greenbench.errors import UsageError
from greenbench.machine import cpu_state, devices
from greenbench.options import DataOptions, Options, SystemOptions, TrainingOptions
from greenbench.plugin.distribution import refuse_unfit


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ("auto", ("auto",)),
        ("cpu", ("cpu",)),
        ("cuda:3", ("cuda:3",)),
        ("cpu:3", ("cpu", "cpu", "cpu")),
        ("cuda:2,0", ("cuda:2", "cuda:0")),
    ],
)
def test_each_process_has_a_device(named: str, parts: tuple[str, ...]) -> None:
    """In the order in which they are named."""
    assert devices.parts(named) == parts


def refusal(
    named: str, monkeypatch: pytest.MonkeyPatch, options: Options | None = None, cores: int = 8
) -> str:
    """Return the sentence that refuses a cell on several devices; empty if it may run."""
    monkeypatch.setattr(cpu_state, "usable_cores", lambda: cores)
    cell = SimpleNamespace(id="T2-V0", options=options or Options())
    try:
        devices.check(named, [cell])
    except UsageError as error:
        return str(error)
    return ""


def test_more_processes_than_cores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says how many there may be."""
    assert refusal("cpu:999", monkeypatch) == (
        "--green-device cpu:999: 999 processes were requested, and this session may use 8 core(s); "
        "write cpu, or at most cpu:8"
    )
    assert refusal("cpu:2", monkeypatch, cores=1).endswith("1 core(s); write cpu")
    assert refusal("cpu:8", monkeypatch) == refusal("cpu", monkeypatch, cores=1) == ""


def test_batches_have_to_be_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the micro-batch of accumulation."""
    options = Options(
        data=DataOptions(batch_size=24), training=TrainingOptions(accumulation_steps=4)
    )
    assert "T2-V0 has micro-batches of 6 examples" in refusal("cuda:0,1,2,3", monkeypatch, options)
    assert refusal("cuda:0,1", monkeypatch, options) == ""


@pytest.mark.parametrize("knob", [{"cpu_threads": 2}, {"cpu_affinity": "0-1"}, {"numa_node": 0}])
def test_knobs_of_one_process_are_refused(
    knob: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would hold in the first of the processes alone."""
    options = replace(Options(), system=SystemOptions(**knob))
    assert f"sets system.{next(iter(knob))}" in refusal("cpu:2", monkeypatch, options)


def test_several_workers_are_refused() -> None:
    """Each would start processes of its own."""
    config = SimpleNamespace(getoption=lambda name: [] if name == "tx" else "load")
    with pytest.raises(UsageError, match=r"^--green-device cpu:2: .* run without -n"):
        refuse_unfit(config, SimpleNamespace(device="cpu:2"))
