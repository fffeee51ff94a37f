"""The system stage: circumstances hold inside, are as before outside, and what was not done is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from greenbench.devices import Gpu
from greenbench.options import SystemOptions
from greenbench.stages.system import NO_GPU, NOT_YET, System

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU = Gpu(
    index=0,
    nvml_index=0,
    uuid="GPU-aaaa1111",
    name="H200",
    driver="570.1",
    simulated=False,
    energy_counter=True,
    power_limit_w=650.0,
    default_power_limit_w=700.0,
)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Let torch use two threads before each test, and as many as it did after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_are_set_inside_and_put_back(threads: int) -> None:
    """Inside, torch uses as many threads as asked, and as before afterwards; the proof reads them."""
    system = System(SystemOptions(cpu_threads=threads), ())
    assert torch.get_num_threads() == 2
    with system:
        assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == 2
    proof = next(a for a in system.applied if a.knob == "cpu_threads")
    assert (proof.asked, proof.got, proof.holds) == (threads, threads, True)


def test_threads_are_put_back_after_an_exception() -> None:
    """A cell that fails does not leave its circumstances to the next, and its exception goes on."""
    with pytest.raises(RuntimeError, match="cell failed"), System(SystemOptions(cpu_threads=1), ()):
        raise RuntimeError("cell failed")
    assert torch.get_num_threads() == 2


def test_threads_that_torch_does_not_take_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof reads back what torch uses."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _count: None)
    with System(SystemOptions(cpu_threads=7), ()) as system:
        pass
    assert system.applied[0].note == "asked for 7 threads, torch uses 2"


@pytest.mark.parametrize("knob", ["gpu_power_fraction", "gpu_clock_fraction"])
@pytest.mark.parametrize(("gpus", "reason", "how"), [((), NO_GPU, "no GPU"), ((GPU,), NOT_YET, "limit 650.0 W of 700.0 W")])
def test_gpu_knobs_are_told_as_not_applied(knob: str, gpus: tuple[Gpu, ...], reason: str, how: str) -> None:
    """A power cap or clock that was asked for has a proof that does not hold, with the reason and the card's limits."""
    with System(SystemOptions(**{knob: 0.7}), gpus) as system:
        pass
    (told,) = [a for a in system.applied if not a.holds]
    assert (told.knob, told.asked, told.got, told.note) == (knob, 0.7, None, reason)
    assert told.note.startswith("not applied: ")
    assert how in told.how


@pytest.mark.parametrize("gpus", [(), (GPU,)])
def test_nothing_is_told_where_nothing_was_asked(gpus: tuple[Gpu, ...]) -> None:
    """The baseline's circumstances have a proof each and no note, and the threads stay."""
    with System(SystemOptions(), gpus) as system:
        assert torch.get_num_threads() == 2
    assert [a.knob for a in system.applied] == ["cpu_threads", "gpu_power_fraction", "gpu_clock_fraction"]
    assert all(a.stage == "system" and a.asked is None and a.holds for a in system.applied)
