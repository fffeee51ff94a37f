"""Writes a saved run with many simulated cells, on which to time ``greenbench`` commands.

Their joules are drawn from a distribution, not measured.

    python tools/many_cells.py 10000 a.json --seed 1
    python tools/many_cells.py 10000 b.json --seed 2
    time greenbench compare a.json b.json --json > /dev/null
    python tools/many_cells.py 10000 c.json --stages
    time greenbench export c.json --parquet c.parquet
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

SOURCE = {"cpu": "simulated:drawn"}
STAGES = ("data", "architecture", "training", "inference")


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stages", action="store_true", help="rounds of four stages")
    options = parser.parse_args()
    noise = random.Random(options.seed)
    cells = []
    for number in range(options.count):
        record = cell(f"test_function[{number}]", options.rounds, noise)
        if options.stages:
            for made in record["rounds"]:
                made["windows"] = [window(stage, made) for stage in STAGES]
        cells.append(record)
    benchmarks = [{"extra_info": {"greenbench": record}, "stats": {}} for record in cells]
    header = {"profile": "tiny", "environment": {"device": "cpu"}}
    options.file.write_text(json.dumps({"benchmarks": benchmarks, "greenbench": header}), "utf-8")


def cell(name: str, rounds: int, noise: random.Random) -> dict[str, Any]:
    """Return the record of a plain function's cell, but for what no comparison reads."""
    about = {
        "id": name,
        "task": "",
        "variant": "",
        "model": "",
        "data": {},
        "status": "ok",
        "outcome": "passed",
        "schema": 3,
    }
    return {**about, "quality": {}, "rounds": [one_round(seed, noise) for seed in range(rounds)]}


def window(stage: str, whole: dict[str, Any]) -> dict[str, Any]:
    """Return a fourth of a round as one of its stages."""
    joules = whole["energy"]["total_j"] / len(STAGES)
    energy = {**whole["energy"], "total_j": joules, "cpu_j": joules}
    return {"stage": stage, "seconds": whole["seconds"] / len(STAGES), **energy}


def one_round(seed: int, noise: random.Random) -> dict[str, Any]:
    """Return a round of about 10 J and 1 s."""
    joules = 10 * noise.lognormvariate(0, 0.02)
    energy = {
        "total_j": joules,
        "cpu_j": joules,
        "scope": ["cpu"],
        "sources": SOURCE,
        "uncertainty_j": {"cpu": {"model": 4.0}},
    }
    return {
        "seed": seed,
        "seconds": joules / 10,
        "energy": energy,
        "windows": [],
        "repeats": [],
        "work": {},
    }


if __name__ == "__main__":
    main()
