"""Sessions as results files hold them, of known joules in each stage."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gates.made import HEADER, answers

from greenbench.options import Options
from greenbench.results.record import builtin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STAGES = ("data", "architecture", "training", "inference")
BASE = (8.0, 2.0, 60.0, 30.0)
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "data": ("data", {"tokenizer": "rust"}),
    "training": ("training", {"precision": "bf16", "accumulation_steps": 4}),
    "inference": ("inference", {"skip_layers": 0.25}),
    "architecture": ("architecture", {"weight_format": "int8"}),
    "compile": ("training", {"compile": True}),
    "small batch": ("inference", {"batch_size": 8}),
    "large batch": ("inference", {"batch_size": 128}),
    "capped": ("system", {"gpu_power_fraction": 0.7}),
}
"""What a variant of that knob set turns on."""


def options(*on: str) -> dict[str, Any]:
    """Return the recorded options of a variant with some knob sets on."""
    resolved = Options()
    for name in on:
        stage, settings = SETTINGS[name]
        changed = replace(getattr(resolved, stage), **settings)
        resolved = replace(resolved, **{stage: changed})
    return builtin(resolved)


def energy(joules: float | None, net: float | None = None) -> dict[str, Any]:
    """Return the fields of a window's joules, of an estimated processor."""
    known = {"cpu": "estimated:cpu-seconds*3W/core"} if joules is not None else {}
    idle = {} if net is None or joules is None else {"cpu": joules - net}
    return {"cpu_j": joules, "sources": known, "idle_j": idle}


def one_round(block: int, position: int, joules: Sequence[float], **more: Any) -> dict[str, Any]:
    """Return a round whose stages took ``joules``, a tenth of them in seconds."""
    windows = []
    for stage, value in zip(STAGES, joules, strict=True):
        windows.append({"stage": stage, "seconds": value / 10, **energy(value, 0.7 * value)})
    total = sum(joules)
    return {
        "seed": block,
        "block": block,
        "position": position,
        "seconds": total / 10,
        "energy": energy(total, 0.7 * total),
        "windows": windows,
        "work": {"samples_scored": 100, "samples_trained": 1000, "flops_inference": 10_000},
        **more,
    }


def cell(
    name: str, on: Sequence[str], rounds: Sequence[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """Return a record; what a test does not name is ordinary."""
    return {
        "id": f"T2-{name}",
        "task": "T2",
        "variant": name,
        "model": "tiny",
        "checkpoint": {"sha256": "c" * 64},
        "data": {"source": "generated", "sha256": "d" * 64, "split_sizes": {"test": 100}},
        "status": "ok",
        "outcome": "passed",
        "options": options(*on),
        "rounds": list(rounds),
        **more,
    }


def quality(right: int) -> dict[str, Any]:
    """Return what a round has of a score whose model is right on so many of 100 rows."""
    return {
        "quality": {"mcc": {"value": (right - 50) / 50, "n": 100}},
        "outcomes": answers(right),
    }


def write(
    folder: Path, cells: Sequence[dict[str, Any]], started: str = "20260101T000000Z", **more: Any
) -> Path:
    """Write a session's results files, one a variant."""
    folder.mkdir(exist_ok=True)
    for record in cells:
        run = {
            "schema": 4,
            "variant": record["variant"],
            **HEADER,
            "session": {"id": started, "started": started},
            "cells": [record],
            **more,
        }
        (folder / f"{record['variant']}_{started}.json").write_text(json.dumps(run))
    return folder


def session(
    means: Mapping[str, tuple[Sequence[str], Sequence[float]]],
    *,
    blocks: int = 5,
    noise: float = 0.0,
    right: Mapping[str, int] | None = None,
    **more: Any,
) -> list[dict[str, Any]]:
    """Return the cells of a session in blocks: by variant what is on, and the stages' joules.

    ``noise`` alternates by round, so that it is the same each time; ``right`` makes cells answer
    100 rows.
    """
    cells = []
    for number, (name, (on, joules)) in enumerate(means.items()):
        rounds = []
        for block in range(blocks):
            position = block * len(means) + (number if block % 2 == 0 else -1 - number)
            position += 0 if block % 2 == 0 else len(means)
            wobble = 1 + noise * ((7 * number + 3 * block) % 5 - 2) / 2
            own = quality(right[name]) if right else {}
            rounds.append(one_round(block, position, [wobble * j for j in joules], **own))
        cells.append(cell(name, on, rounds, **more))
    return cells
