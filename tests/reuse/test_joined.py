"""What a round took, if its training was measured before: both, with both uncertainties."""

from __future__ import annotations

from greenbench.reuse.joined import sum_of, with_training
from greenbench.types import Applied, Energy, Round, Window

HERE = Energy(
    gpu_j=3.0,
    cpu_j=1.0,
    sources={"gpu": "zeus:nvml-counter", "cpu": "estimated:x"},
    uncertainty_j={"gpu": {"resolution": 0.3}, "cpu": {"model": 0.2}},
    idle_j={"gpu": 1.0},
    idle_uncertainty_j={"gpu": 0.1},
)
BEFORE = Energy(
    gpu_j=10.0,
    cpu_j=4.0,
    uncertainty_j={"gpu": {"resolution": 0.4}, "cpu": {"model": 0.8}},
    idle_j={"gpu": 2.0},
    idle_uncertainty_j={"gpu": 0.2},
)


def test_joules_add_and_so_do_their_uncertainties() -> None:
    """What strikes each window anew adds in quadrature, what is common to both adds plainly."""
    joined = sum_of(HERE, BEFORE)
    assert (joined.gpu_j, joined.cpu_j, joined.dram_j) == (13.0, 5.0, None)
    assert joined.uncertainty_j["gpu"]["resolution"] == 0.5
    assert joined.uncertainty_j["cpu"]["model"] == 1.0
    assert (joined.idle_j["gpu"], round(joined.idle_uncertainty_j["gpu"], 9)) == (3.0, 0.3)


def test_a_channel_that_was_unknown_before_is_unknown() -> None:
    """It has no joules, and the reason says where they lack."""
    joined = sum_of(HERE, Energy(cpu_j=4.0, reasons={"gpu": "the counter stood still"}))
    assert joined.gpu_j is None
    assert joined.reasons["gpu"] == "unknown in the recorded training: the counter stood still"


def test_the_recorded_window_stands_in_the_round() -> None:
    """Its state says so, seconds and peaks count, and its proofs name it as recorded."""
    stages = ("data", "architecture", "inference")
    windows = tuple(Window(stage=stage, seconds=1.0, energy=Energy()) for stage in stages)
    proofs = [
        Applied(stage=stage, knob="k", asked=1, got=1, how="seen") for stage in ("data", "training")
    ]
    one_round = Round(
        seed=0,
        whole=Window(stage="whole", seconds=3.5, energy=HERE),
        windows=windows,
        work={"peak_memory_bytes": 5, "peak_gpu_memory_bytes": None},
        applied=tuple(proofs),
    )
    recorded = Window(stage="training", seconds=7.0, energy=BEFORE)
    joined = with_training(one_round, recorded, {"peak_memory_bytes": 9})
    assert joined.whole.seconds == 10.5
    assert [(w.stage, w.state) for w in joined.windows] == [
        ("data", "cold"),
        ("architecture", "cold"),
        ("training", "reused"),
        ("inference", "cold"),
    ]
    assert joined.work == {"peak_memory_bytes": 9, "peak_gpu_memory_bytes": None}
    hows = [proof.how for proof in joined.applied]
    assert hows == ["seen", "seen; of the recorded training, which was not repeated"]
