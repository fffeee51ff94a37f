"""What only a real NVIDIA GPU can show: moving counters, number formats, and a cell on it.

``pytest -m gpu`` runs these; without CUDA they are skipped. Nothing here sets a limit, a clock or
a mode.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_runs import SIZE, START, functions

from greenbench.machine import gpus as devices
from greenbench.machine.energy import open_meter
from greenbench.options import (
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    TrainingOptions,
)
from greenbench.stages import bandwidth, yardstick
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles
from greenbench.stats.uncertainty import energies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.machine.energy import Meter

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def meter() -> Iterator[Meter]:
    """Give a meter over the GPU that ``cuda:0`` is."""
    with open_meter(
        devices.counted("auto", "cuda:0"), synchronize=torch.cuda.synchronize
    ) as opened:
        yield opened


def busy(seconds: float) -> None:
    """Keep the GPU at work."""
    work, until = yardstick.kernel(torch.device("cuda:0")), time.perf_counter() + seconds
    while time.perf_counter() < until:
        work()


def test_the_counter_s_period_is_measured(meter: Meter) -> None:
    """NVML's counters move every 10 to 200 ms, by card and driver."""
    (counter,) = [c for c in meter.facts["counters"] if c["channel"] == "gpu"]
    assert counter["source"] == "zeus:nvml-counter"
    assert counter["update_measured"]
    assert 0.005 <= counter["update_seconds"] <= 0.3


def test_work_costs_more_than_idleness(meter: Meter) -> None:
    """A busy window is above idle by more than its uncertainty, checked by the power sensor."""
    time.sleep(3)
    meter.rest(3.0)
    with meter.window("busy"):
        busy(3)
    net = energies([meter.take()[0].energy])["gpu_net_j"]
    assert net.value is not None
    assert net.uncertainty is not None
    assert net.value > net.uncertainty
    assert "cross_sensor" in net.causes


def test_the_memory_kernel_runs_in_the_card_s_memory_and_gives_it_back() -> None:
    """Its rate is that of no bus and no cache: 50 GB/s to 20 TB/s; nothing stays allocated."""
    device = torch.device("cuda:0")
    before = torch.cuda.memory_allocated(device)
    kernel = bandwidth.kernel(device)
    started = time.perf_counter()
    moved = kernel(0.2)
    rate = moved / (time.perf_counter() - started)
    del kernel
    assert 50e9 < rate < 20e12
    assert torch.cuda.memory_allocated(device) == before


def test_the_state_of_the_card_is_seen(meter: Meter) -> None:
    """Temperature, clocks, limit and reasons come from the driver."""
    meter.watch.begin()
    busy(1)
    (card,) = meter.watch.end().record["gpus"]
    assert card["samples"] >= 2
    assert card["temperature_c"]["max"] > 0
    assert card["sm_clock_mhz"]["max"] > 0
    assert card["enforced_power_limit_w"]["min"] > 0


def run(**options: Any) -> Toggles:
    """Run the stages in miniature on the GPU."""
    toggles = Toggles(Options(**options), SIZE, "cuda:0")
    with toggles.quiet():
        toggles.check()
        toggles.reset(0)
        batches = toggles.data(functions(64), functions(16, seed=1), START, 0)
        net = toggles.training(toggles.architecture(START), batches)
        net = toggles.conversion(net) if toggles.converts else net
        assert len(toggles.inference(net, batches)) == 16
        assert toggles.work(net, batches)["flops_training"] > 0
    return toggles


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="this machine has no two GPUs")
def test_two_cards_train_the_weights_of_one() -> None:
    """Each takes half of every batch, through NCCL; both hold memory."""
    ranks = Ranks("cuda:0,1")
    ways = []
    try:
        for each in (Ranks("cuda:0"), ranks):
            toggles = Toggles(Options(), SIZE, each)
            with toggles.quiet():
                toggles.reset(0)
                batches = toggles.data(functions(64), functions(16, seed=1), START, 0)
                net = toggles.architecture(START)
                before = torch.cat([p.detach().flatten() for p in net.parameters()])
                toggles.training(net, batches)
                after = torch.cat([p.detach().flatten() for p in net.parameters()])
                ways.append(after - before)
            assert all(p.holds for p in toggles.applied())
    finally:
        ranks.close()
    alone, together = ways
    assert float((together - alone).norm() / alone.norm()) < 1e-3


def test_pinned_memory_changes_no_answer() -> None:
    """The batches of both loaders lie in it, and what the model answers stays within 1e-4."""
    answers = []
    for pinned in (False, True):
        toggles = Toggles(Options(data=DataOptions(pin_memory=pinned)), SIZE, "cuda:0")
        with toggles.quiet():
            toggles.reset(0)
            batches = toggles.data(functions(64), functions(16, seed=1), START, 0)
            net = toggles.training(toggles.architecture(START), batches)
            answers.append(toggles.inference(net, batches))
        (proof,) = [p for p in toggles.applied() if p.knob == "pin_memory"]
        assert (proof.got, proof.holds) == (pinned, True)
    assert answers[1] == pytest.approx(answers[0], abs=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_mixed_precision_is_what_the_card_computes_in(precision: str) -> None:
    """Seen at a linear layer in training and in inference; fp16 with its gradient scaler."""
    training, inference = (
        TrainingOptions(precision=precision),
        InferenceOptions(precision=precision),
    )
    proofs = run(training=training, inference=inference).applied()
    assert [p.got for p in proofs if p.knob == "precision"] == [precision, precision]
    assert all(p.holds for p in proofs)


@pytest.mark.parametrize(
    ("weight_format", "package"),
    [("int8", "bitsandbytes"), ("int8", "torchao"), ("fp8", "torchao")],
)
def test_quantised_weights_are_held_on_the_card(weight_format: str, package: str) -> None:
    """INT8 through either library, FP8 through torchao if the card has it; all weights convert."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: {weight_format} is not available here")
    if weight_format == "fp8" and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("this card has no FP8 units")
    proofs = run(
        architecture=ArchitectureOptions(weight_format=weight_format, quantizer=package)
    ).applied()
    assert [p.got for p in proofs if p.stage == "architecture"] == [weight_format, package]
    assert all(p.holds for p in proofs)


def test_a_cell_on_the_card_leaves_measured_joules(tmp_path: Path) -> None:
    """V0 on T2 gives GPU joules with an uncertainty, the card's state, and repeats of stages."""
    command = [
        "bench",
        "-k",
        "V0 and T2",
        "--green-control",
        "off",
        "--green-require",
        "gpu",
        "--green-results",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    (cell,) = json.loads(next(tmp_path.glob("V0*.json")).read_text())["cells"]
    assert cell["energy"]["gpu_j"]["uncertainty"] > 0
    assert cell["energy"]["gpu_net_j"]["value"] is not None
    (one,) = cell["rounds"]
    assert one["machine"]["gpus"][0]["samples"] > 0
    assert {w["stage"] for w in one["repeats"]} <= {"data", "inference"}
    assert one["work"]["peak_gpu_memory_bytes"] > 0
