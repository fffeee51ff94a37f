"""Which sessions get a GPU for each worker, and how workers' ends become one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from greenbench.machine.gpu_records import Gpu, LostGpu, Survey
from greenbench.plugin.controller import own_gpus
from greenbench.plugin.worker_ends import merged


def gpu(number: int, **what: object) -> Gpu:
    """Return a card."""
    card = Gpu(
        index=number,
        nvml_index=number,
        uuid=f"GPU-{number}",
        name="one",
        driver="1",
        simulated=False,
        energy_counter=True,
    )
    return replace(card, **what)


TWO = Survey(gpus=(gpu(0), gpu(1)))
LOST = LostGpu(index=2, nvml_index=2, error="lost")


@pytest.mark.parametrize(
    ("workers", "blocks", "device", "gpus", "machine", "own"),
    [
        (2, 2, "auto", "auto", TWO, 2),
        (2, 5, "cuda", "auto", TWO, 2),
        (2, 2, "auto", "auto", Survey(gpus=(*TWO.gpus, gpu(2))), 2),
        (3, 3, "auto", "auto", TWO, 0),
        (1, 2, "auto", "auto", TWO, 0),
        (2, 1, "auto", "auto", TWO, 0),
        (2, 2, "cuda:1", "auto", TWO, 0),
        (2, 2, "auto", "all", TWO, 0),
        (2, 2, "auto", "auto", Survey(gpus=(gpu(0), gpu(1, name="other"))), 0),
        (2, 2, "auto", "auto", Survey(gpus=(gpu(0), gpu(1, mig=True))), 0),
        (2, 2, "auto", "auto", Survey(gpus=(gpu(0, vendor="amd"), gpu(1, vendor="amd"))), 0),
        (2, 2, "auto", "auto", replace(TWO, lost=(LOST,)), 0),
        (2, 2, "auto", "auto", Survey(reason="none"), 0),
    ],
)
def test_workers_have_gpus_of_their_own_where_all_are_alike(
    workers: int, blocks: int, device: str, gpus: str, machine: Survey, own: int
) -> None:
    """Otherwise they take turns on what there is."""
    settings = SimpleNamespace(device=device, gpus=gpus)
    chosen = own_gpus(workers, blocks, settings, machine)
    assert [card.uuid for card in chosen] == ["GPU-0", "GPU-1"][:own]


def test_the_ends_of_workers_are_one() -> None:
    """All warnings, each once; the CPU seconds in sum, or None if no worker had a sampler."""
    one = {"doubts": ["a", "b"], "in_a_hurry": False, "sampler_cpu_seconds": 1.5}
    other = {"doubts": ["b", "c"], "in_a_hurry": True, "sampler_cpu_seconds": None}
    assert merged([one, other], hurry=False) == {
        "doubts": ["a", "b", "c"],
        "in_a_hurry": True,
        "sampler_cpu_seconds": 1.5,
    }
    assert merged([one], hurry=True)["in_a_hurry"]
    assert merged([other], hurry=False)["sampler_cpu_seconds"] is None
