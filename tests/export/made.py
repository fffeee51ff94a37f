"""A results folder with each kind of row, written as a session writes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from greenbench.gates.verdict import Verdict
from greenbench.options import Options, TrainingOptions
from greenbench.results.files import Recorder
from greenbench.results.record import cell_record
from greenbench.types import CellResult, Energy, Judged, Metric, Quantity, Round, Window

if TYPE_CHECKING:
    from pathlib import Path

STARTED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HEADER = {
    "profile": "tiny",
    "profile_changes": {},
    "carbon": None,
    "session": {"id": "a session", "started": "2026-11-23T12:00:00Z"},
    "environment": {
        "device": "cuda:0",
        "host": "a host",
        "cpu": {"model": "a processor", "usable_cores": 2},
        "gpus": [{"name": "a GPU"}],
    },
}
HOSTILE = "=1+1\x1b[2J\n@x, \"'"
MEASURED, ESTIMATED = "zeus:nvml-counter", "estimated:cpu-seconds*3W/core"
SOURCES = {"gpu": MEASURED, "cpu": ESTIMATED, "dram": "none"}
OPTIONS = Options(training=TrainingOptions(precision="bf16"))


def energy(joules: float, **more: Any) -> Energy:
    """Return joules that a counter and an estimate share, where DRAM is unknown."""
    known = {
        "gpu_j": 0.75 * joules,
        "cpu_j": 0.25 * joules,
        "sources": SOURCES,
        "reasons": {"dram": HOSTILE},
        "uncertainty_j": {"gpu": {"resolution": 3.0, "edges": 4.0}},
        "idle_j": {"gpu": joules},
    }
    return Energy(**{**known, **more})


def one_round(seed: int, joules: float = 100.0, **more: Any) -> Round:
    """Return a round of two stages, whose inference was too short and was repeated.

    ``more`` is said of the energy of all windows.
    """
    short = Window(stage="inference", seconds=0.1, energy=energy(0.1 * joules, **more))
    whole = Window(stage="whole", seconds=1.0, energy=energy(joules, **more))
    return Round(
        seed=seed,
        block=seed,
        position=seed,
        whole=whole,
        windows=(Window(stage="training", seconds=0.8, energy=energy(0.8 * joules, **more)), short),
        repeats=(replace(short, seconds=0.09, passes=20),),
        judged=Judged(quality={"mcc": Metric(value=0.5 + 0.1 * seed, n=10)}, correct=8),
        work={"samples_scored": 10, "peak_memory_bytes": 2**30},
    )


def reusing(one: Round) -> Round:
    """Return a round whose training was taken over."""
    training, inference = one.windows
    return replace(
        one,
        position=one.seed + 2,
        windows=(replace(training, state="reused"), inference),
        origins={"training": {"measured_in": "another session:0", "reused": True}},
    )


def result(cell: str, variant: str, rounds: tuple[Round, ...], **more: Any) -> CellResult:
    """Return a cell of T2."""
    known = {
        "id": cell,
        "task": "T2",
        "variant": variant,
        "model": "a model",
        "data": {"source": "generated"},
        "seeds": (0, 1),
        "status": "ok",
        "rounds": rounds,
        "quality": {"mcc": Metric(value=0.55, n=10, low=0.4, high=0.7)} if rounds else {},
        "energy": {"total_j": Quantity(value=100.0, uncertainty=5.0, n=2)} if rounds else {},
    }
    return CellResult(**{**known, **more})


def write_results(folder: Path) -> tuple[Path, ...]:
    """Write V0, a variant that reuses its training, and one that failed; return their files."""
    recorder = Recorder(folder, STARTED, HEADER)
    rounds = (one_round(0), one_round(1, 104.0))
    baseline = result("T2-V0_baseline", "V0_baseline", rounds)
    variant = result("T2-V2_training", "V2_training", tuple(map(reusing, rounds)))
    failed = result("T2-V3_x", "V3_x", (), status="failed", error=HOSTILE)
    for cell, options in ((baseline, Options()), (variant, OPTIONS), (failed, OPTIONS)):
        recorder.append({**cell_record(cell, options), "outcome": "passed"}, options)
    verdict = Verdict(gate="energy <= 2*V0", cell="T2-V2_training", outcome="PASS")
    recorder.conclude(gates={"failed": False, "verdicts": [verdict.record()]})
    return recorder.paths
