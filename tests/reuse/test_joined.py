"""What a round took, if a stage of it was measured before: both, with both uncertainties."""

from __future__ import annotations

from greenbench.reuse.joined import RecordedRun, sum_of, with_run
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
    joined = sum_of(HERE, BEFORE, "training")
    assert (joined.gpu_j, joined.cpu_j, joined.dram_j) == (13.0, 5.0, None)
    assert joined.uncertainty_j["gpu"]["resolution"] == 0.5
    assert joined.uncertainty_j["cpu"]["model"] == 1.0
    assert (joined.idle_j["gpu"], round(joined.idle_uncertainty_j["gpu"], 9)) == (3.0, 0.3)


def test_a_channel_that_was_unknown_before_is_unknown() -> None:
    """It has no joules, and the reason says where they lack."""
    joined = sum_of(HERE, Energy(cpu_j=4.0, reasons={"gpu": "the counter stood still"}), "training")
    assert joined.gpu_j is None
    assert joined.reasons["gpu"] == "unknown in the recorded training: the counter stood still"


def proof(stage: str, knob: str, how: str = "seen") -> Applied:
    """Return the proof of a knob that holds."""
    return Applied(stage=stage, knob=knob, asked=1, got=1, how=how)


def round_of(*stages: str) -> Round:
    """Return a round of 3.5 seconds with these stages, of one second each."""
    windows = tuple(Window(stage=stage, seconds=1.0, energy=Energy()) for stage in stages)
    return Round(
        seed=0,
        whole=Window(stage="whole", seconds=3.5, energy=HERE),
        windows=windows,
        repeats=(Window(stage="inference", seconds=1.0, energy=Energy()),),
        work={"peak_memory_bytes": 5, "peak_gpu_memory_bytes": None},
        applied=(proof("data", "tokenizer"), proof("data", "batch_size"), proof("training", "k")),
    )


def test_the_recorded_window_stands_in_the_round() -> None:
    """Its state says so, seconds and peaks count, and its proofs are named as recorded."""
    recorded = RecordedRun(
        window=Window(stage="training", seconds=7.0, energy=BEFORE),
        proofs=(proof("training", "k", "seen before"),),
        peaks={"peak_memory_bytes": 9},
    )
    joined = with_run(round_of("data", "architecture", "inference"), recorded)
    assert joined.whole.seconds == 10.5
    assert [(w.stage, w.state) for w in joined.windows] == [
        ("data", "cold"),
        ("architecture", "cold"),
        ("training", "reused"),
        ("inference", "cold"),
    ]
    assert joined.work == {"peak_memory_bytes": 9, "peak_gpu_memory_bytes": None}
    hows = [applied.how for applied in joined.applied]
    recorded_how = "seen before; of the recorded training, which was not repeated"
    assert hows == ["seen", "seen", recorded_how]


def test_a_recorded_data_stage_brings_its_repeats() -> None:
    """It comes first, counts by its repeats, and these give joules that its window lacks."""
    recorded = RecordedRun(
        window=Window(stage="data", seconds=0.01, energy=Energy(cpu_j=4.0)),
        repeats=(Window(stage="data", seconds=0.02, energy=BEFORE, passes=50),),
        proofs=(proof("data", "tokenizer"),),
        peaks={"peak_memory_bytes": 4},
    )
    joined = with_run(round_of("architecture", "inference"), recorded)
    assert joined.whole.seconds == 3.51
    assert joined.whole.energy.gpu_j == 13.0
    assert [(w.stage, w.state) for w in (joined.windows[0], *joined.repeats)] == [
        ("data", "reused"),
        ("data", "reused"),
        ("inference", "cold"),
    ]
    assert joined.stage_windows("data") == joined.repeats[:1]
    assert [applied.how for applied in joined.applied] == [
        "seen; of the recorded data stage, which was not repeated",
        "seen",
        "seen",
    ]
