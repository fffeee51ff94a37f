"""Writes a results file of many made-up variants on both tasks, to time reports on.

Joules and scores are drawn from distributions, not measured. With ``--like`` all else of a cell,
from its proofs to its warnings, is that of a measured one.

    python tools/many_variants.py 250 many.json
    time greenbench report many.json --figures figures
    python tools/many_variants.py 250 like.json --like results
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from greenbench.options import Options
from greenbench.results.record import SCHEMA, builtin

SOURCE = {"cpu": "simulated:drawn"}
STAGES = {"data": 1.0, "architecture": 0.5, "training": 16.0, "inference": 12.0}
SCORES = {"T1": "bleu", "T2": "mcc"}
BEST = {"T1": 90.0, "T2": 0.8}


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variants", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--like", type=Path, metavar="RESULTS", help="a folder of results files")
    options = parser.parse_args()
    noise = random.Random(options.seed)
    contents = {
        "schema": SCHEMA,
        "variant": "many",
        "profile": "tiny",
        "environment": {"device": "cpu", "cpu": {"model": "made up"}, "gpus": []},
        "session": {"id": "made up", "started": "2026-01-01T00:00:00Z"},
    }
    cells = []
    if options.like:
        header, measured = read(options.like)
        contents |= header
        cells = copies(measured, options.variants, noise)
    else:
        for task in SCORES:
            for number in range(options.variants):
                cells.append(cell(task, number, options.rounds, noise))
    options.file.write_text(json.dumps({**contents, "cells": cells}), "utf-8")


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the results files of a folder share, and the cells of all of them, V0 first."""
    cells = []
    header: dict[str, Any] = {}
    for path in sorted(folder.glob("[VK]*.json")):
        file = json.loads(path.read_text("utf-8"))
        cells += file["cells"]
        header = {key: file[key] for key in ("environment", "session", "profile_changes")}
    return header, sorted(cells, key=lambda one: (one["task"], "V0" not in one["variant"]))


def copies(
    measured: list[dict[str, Any]], variants: int, noise: random.Random
) -> list[dict[str, Any]]:
    """Return V0 and made-up variants of each task, each like a measured one in turn."""
    made = []
    for task in dict.fromkeys(one["task"] for one in measured):
        of_task = [one for one in measured if one["task"] == task]
        for number in range(variants):
            one = copy.deepcopy(of_task[number % len(of_task)])
            factor = 1.0
            if number:
                one["variant"] = f"V{number}_like_{one['variant'].partition('_')[0]}"
                factor = noise.lognormvariate(-0.2, 0.4)
            one["id"] = f"{task}-{one['variant']}"
            one["energy"] = {k: scaled(v, factor) for k, v in one["energy"].items()}
            one["efficiency"] = {k: scaled(v, factor) for k, v in one["efficiency"].items()}
            for each in one["rounds"]:
                scale_round(each, factor, noise)
                each["position"] = 10_000 * each["block"] + len(made)
            made.append(one)
    return made


def scaled(quantity: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return a mean and its uncertainty, times a factor."""
    found = dict(quantity)
    for key in ("value", "uncertainty", "standard"):
        if found.get(key) is not None:
            found[key] *= factor
    return found


def scale_round(one: dict[str, Any], factor: float, noise: random.Random) -> None:
    """Multiply seconds and joules of all windows of a round, each with noise of its own.

    The round itself takes the largest of the factors: no part is larger than the whole.
    """
    windows = [*one["windows"], *one["repeats"]]
    factors = [factor * noise.lognormvariate(0, 0.02) for _ in windows]
    for window, times in ((one, max(factors)), *zip(windows, factors, strict=True)):
        window["seconds"] *= times
        energy = window.get("energy", window)
        for key in ("cpu_j", "gpu_j", "dram_j", "total_j", "total_net_j"):
            if energy.get(key) is not None:
                energy[key] *= times
        for key in ("net_j", "idle_j"):
            known = energy.get(key) or {}
            energy[key] = {k: v * times if v is not None else None for k, v in known.items()}


def cell(task: str, number: int, rounds: int, noise: random.Random) -> dict[str, Any]:
    """Return the record of a variant that saves or costs something, at some score."""
    name = f"V{number}_{'baseline' if number == 0 else 'made_up'}"
    factor = 1.0 if number == 0 else noise.lognormvariate(-0.2, 0.4)
    score = BEST[task] * (1.0 if number == 0 else noise.uniform(0.8, 1.02))
    made = [one_round(task, seed, number, factor, score, noise) for seed in range(rounds)]
    total = sum(one["energy"]["cpu_j"] for one in made) / rounds
    mean = sum(one["quality"][SCORES[task]]["value"] for one in made) / rounds
    return {
        "id": f"{task}-{name}",
        "task": task,
        "variant": name,
        "model": "made up",
        "status": "ok",
        "outcome": "passed",
        "data": {"source": "made up", "sha256": "d" * 64, "split_sizes": {"test": 100}},
        "checkpoint": {"sha256": "c" * 64},
        "options": builtin(Options()),
        "differs_from_baseline": [{"knob": "data.batch_size"}] if number else [],
        "rounds": made,
        "quality": {SCORES[task]: metric(mean)},
        "energy": {"total_j": {"value": total, "uncertainty": total / 20, "n": rounds}},
    }


def one_round(
    task: str, seed: int, number: int, factor: float, score: float, noise: random.Random
) -> dict[str, Any]:
    """Return a round whose stages sum to its whole."""
    windows = []
    for stage, joules in STAGES.items():
        taken = joules * factor * noise.lognormvariate(0, 0.02)
        windows.append({"stage": stage, "seconds": taken / 10, "cpu_j": taken, "sources": SOURCE})
    total = sum(window["cpu_j"] for window in windows)
    return {
        "seed": seed,
        "block": seed,
        "position": 10_000 * seed + 2 * number + (task == "T2"),
        "seconds": total / 10,
        "energy": {"cpu_j": total, "sources": SOURCE},
        "windows": windows,
        "quality": {SCORES[task]: metric(score * noise.uniform(0.98, 1.0))},
        "machine": {"cpu": {"others_cores": noise.random() / 10}},
    }


def metric(value: float) -> dict[str, Any]:
    """Return a score with an interval."""
    return {"value": value, "low": 0.97 * value, "high": min(100.0, 1.03 * value), "n": 100}


if __name__ == "__main__":
    main()
