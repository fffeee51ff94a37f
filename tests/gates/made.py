"""Cells as results files hold them, made by hand: what a test does not name is ordinary."""

from __future__ import annotations

from typing import Any

from greenbench.gates.verdict import Measured
from greenbench.results.fields import Fields
from greenbench.results.reading import CellRecord, RunHeader
from greenbench.stats import classification_answers as outcomes

HEADER = {
    "profile": "tiny",
    "profile_changes": {},
    "environment": {
        "device": "cpu",
        "cpu": {"model": "a processor", "usable_cores": 2},
        "gpus": [],
    },
}
HEADERS: dict[int, tuple[object, RunHeader]] = {}
"""Headers by the identity of their mapping, which is kept beside them so that no other one gets
that identity: cells of one mapping are of one session."""
CPU = {"cpu": "estimated:cpu-seconds*3W/core"}
LABELS = [1, 0] * 50


def answers(right: int) -> dict[str, Any]:
    """Return the outcomes of a classifier that is right on the first ``right`` of 100 rows."""
    called = [label if i < right else 1 - label for i, label in enumerate(LABELS)]
    return outcomes.record(
        outcomes.Outcomes.of(
            LABELS, [0.9 if c else 0.1 for c in called], threshold=0.5, rows=["row"] * len(LABELS)
        )
    )


def one_round(
    seed: int, joules: float | None, *, seconds: float = 1.0, sources: Any = None, **more: Any
) -> dict[str, Any]:
    """Return a round whose training took nine tenths of it."""
    known = sources or (CPU if joules is not None else {})

    def energy(value: float | None) -> dict[str, Any]:
        return {
            "total_j": value,
            "total_net_j": None,
            "gpu_j": None,
            "cpu_j": value,
            "dram_j": None,
            "scope": list(known),
            "sources": dict(known),
            "reasons": {"cpu": "no counter is here"} if value is None else {},
            "uncertainty_j": {},
        }

    part = None if joules is None else 0.9 * joules
    training = {"stage": "training", "seconds": 0.9 * seconds, **energy(part)}
    work = {
        "flops_training": 1000,
        "flops_inference": 10,
        "samples_scored": 100,
        "peak_memory_bytes": 10**9,
    }
    return {
        "seed": seed,
        "seconds": seconds,
        "energy": energy(joules),
        "windows": [training],
        "repeats": [],
        "work": work,
        "correct": 50,
        **more,
    }


def raw_cell(
    name: str = "T2-V1_x", joules: Any = (100.0,), **more: Any
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return a cell's record as builtins, its header, and where it comes from."""
    task, _, variant = name.partition("-")
    header, origin, right = (
        more.pop(k, v) for k, v in (("header", HEADER), ("origin", "this session"), ("right", 90))
    )
    rounds = more.pop("rounds", None) or [
        one_round(seed, j, outcomes=answers(right)) for seed, j in enumerate(joules)
    ]
    score = {
        "value": (right - 50) / 50,
        "n": 100,
        "low": (right - 58) / 50,
        "high": (right - 42) / 50,
    }
    record = {
        "id": name,
        "task": task,
        "variant": variant.partition("-b")[0],
        "model": "tiny",
        "checkpoint": {"sha256": "c" * 64},
        "data": {"source": "generated", "sha256": "d" * 64, "split_sizes": {"test": 100}},
        "status": "ok",
        "outcome": "passed",
        "error": None,
        "degenerate": [],
        "effect": "",
        "without_effect": [],
        "yardstick": {},
        "quality": {"mcc": score},
        "rounds": rounds,
        "schema": 3,
        **more,
    }
    return record, header, origin


def cell(name: str = "T2-V1_x", joules: Any = (100.0,), **more: Any) -> Measured:
    """Return a cell, with ``joules`` of its rounds.

    ``header`` and ``origin`` are the cell's own, and all else its record's.
    """
    record, header, origin = raw_cell(name, joules, **more)
    read = HEADERS.setdefault(id(header), (header, RunHeader.of(Fields(header, origin))))
    return Measured(record=CellRecord.of(record), header=read[1], origin=origin)
