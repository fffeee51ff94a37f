"""Simulates runs on many machines: nothing lost or doubled, intervals that cover, time and memory.

    python -m tools.fleet_check                        # all three
    python -m tools.fleet_check coverage --fleets 200  # one of faults, coverage, scale

``faults`` writes a run of 500 cells in 5 blocks on 8 hosts through greenbench's own run folder. Its
hosts are killed at random moments, also in the middle of a delivery, deliver twice, and deliver
after the run was fetched; it is fetched twice, and its blocks are counted. ``coverage`` simulates
fleets of two identical variants on hosts whose joules differ by 10 % and drift by 10 % over a
block, and asks how often the interval of their ratio contains 1, by greenbench's own arithmetic.
``scale`` fetches and compares a run of 50,000 cells, each command in a process of its own, and
states CPU seconds and the largest memory. No joule here was measured.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from greenbench.cluster.fetching import fetch
from greenbench.cluster.plan import PlannedCell, RunPlan, Software, jobs_of
from greenbench.cluster.run_folder import (
    DELIVERED,
    UNFINISHED,
    RunFolder,
    created,
    new_attempt,
    write_delivery,
)
from greenbench.results import loading
from greenbench.stats.random_effects import across_hosts
from greenbench.stats.student import quantile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.cluster.plan import Job

HOSTS, BLOCKS, CELLS, KILLS = 8, 5, 500, 20
SPREAD = 0.10
"""Of the joules of hosts, and of their drift over a block."""
NOISE = 0.02
"""Of a round."""
KILLED, WHILE_DELIVERING, TWICE, LATE = 0.4, 0.5, 0.1, 0.1
"""How likely it is that a host is killed, that it then delivers, and how a whole block arrives."""
SOURCE = {"cpu": "simulated:drawn"}
KEYS = {"task": "T2", "model": "tiny", "status": "ok", "outcome": "passed", "quality": {}}


def main() -> None:
    """Read the arguments and print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("faults", "coverage", "scale", "all"))
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--cells", type=int, default=50_000, help="of scale")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    noise = random.Random(options.seed)
    what = options.what or "all"
    with tempfile.TemporaryDirectory() as folder:
        if what in {"faults", "all"}:
            print(faults(Path(folder), noise))
        if what in {"coverage", "all"}:
            for line in coverage(options.fleets, noise):
                print(line)
        if what in {"scale", "all"}:
            for line in scale(Path(folder), options.cells, noise):
                print(line)


# --- faults ---------------------------------------------------------------------------------------


def plan_of(cells: int, blocks: int, per_job: int) -> RunPlan:
    """Plan a run of one task."""
    planned = []
    for number in range(cells):
        name = "V0_baseline" if number == 0 else f"V{number}_x"
        planned.append(PlannedCell(id=f"T2-{name}", task="T2", variant=name, rounds=blocks))
    return RunPlan(
        run="simulated",
        engine="ssh",
        root="/",
        arguments=(),
        rounds=blocks,
        software=Software(python="3", packages={}, commit=None, dirty=None),
        jobs=jobs_of(planned, per_job),
        cells=tuple(planned),
    )


def faults(folder: Path, noise: random.Random) -> str:
    """Let hosts measure a run while they are killed at random moments; count what is fetched."""
    run = created(folder / "runs" / "faults", plan_of(CELLS, BLOCKS, 50))
    hosts = Fleet(noise)
    killed, submissions = 0, 0
    late: list[tuple[str, Path]] = []
    while run.lacking():
        submissions += 1
        for job in run.lacking():
            host = hosts.any()
            results = write_results(folder / "local", run.plan.job(job), host, hosts, noise)
            doomed = killed < KILLS and noise.random() < KILLED
            if doomed and noise.random() < WHILE_DELIVERING:  # in the middle of a delivery
                killed += 1
                cut_off(run, job, results, noise)
                continue
            if doomed:  # in the middle of the block
                killed += 1
                continue
            run.deliver(job, results, {})
            if noise.random() < TWICE:
                run.deliver(job, results, {})
            if noise.random() < LATE:  # so does a host that had been given up
                late.append((job, results))
    fetched = fetch(run, folder / "faults-results")
    for job, results in late:
        run.deliver(job, results, {})
    again = fetch(run, folder / "faults-results")
    seen = blocks_of(folder / "faults-results")
    wanted = []
    for job in run.plan.jobs:
        wanted += [(job.name, cell) for cell in job.cells]
    lost = len(set(wanted) - set(seen))
    doubled = len(seen) - len(set(seen))
    deliveries = sum(map(len, run.deliveries().values()))
    return (
        f"faults: {CELLS} cells x {BLOCKS} blocks in {len(run.plan.jobs)} jobs on {HOSTS} hosts, "
        f"{killed} kills, {submissions} submissions, {deliveries} deliveries ({len(late)} of them "
        f"after the run was fetched): {lost} lost, {doubled} doubled; {fetched.new} jobs "
        f"fetched, and {again.new} by a second fetch"
    )


class Fleet:
    """Hosts of one class whose joules differ."""

    def __init__(self, noise: random.Random) -> None:
        """Draw the level of each host."""
        self._noise = noise
        self.levels = {f"host{n}": noise.lognormvariate(0, SPREAD) for n in range(HOSTS)}

    def any(self) -> str:
        """Return some host."""
        return self._noise.choice(sorted(self.levels))


def cut_off(run: RunFolder, job: str, results: Path, noise: random.Random) -> None:
    """Leave what a host that dies while it delivers leaves: some files, the last one in part."""
    half = run.path / "delivered" / f"{UNFINISHED}{job}.{noise.random()}"
    half.mkdir(parents=True)
    for path in sorted(results.iterdir())[: noise.randrange(20)]:
        text = path.read_text("utf-8")
        (half / path.name).write_text(text[: noise.randrange(len(text))], "utf-8")


def blocks_of(folder: Path) -> list[tuple[str, str]]:
    """Return job and cell of each record that was fetched."""
    found = []
    for place in folder.iterdir():
        runs, problems = loading.load_folder(place)
        if problems:
            raise SystemExit(problems[0])
        for one in runs:
            job = one.header.allocation.job if one.header.allocation else ""
            found += [(job, cell.id) for cell in one.cells]
    return found


# --- what hosts would have measured ---------------------------------------------------------------


def write_results(folder: Path, job: Job, host: str, hosts: Fleet, noise: random.Random) -> Path:
    """Write the results files of a block, drawn instead of measured."""
    place = Path(tempfile.mkdtemp(prefix="job-", dir=_made(folder)))
    place.rmdir()
    place.mkdir()
    level = hosts.levels[host]
    order = list(job.cells)
    if job.block % 2 == 0:
        order.reverse()
    for position, cell in enumerate(order):
        drift = 1 + SPREAD * position / len(order)
        joules = 10 * level * drift * noise.lognormvariate(0, NOISE)
        text = json.dumps(results_file(job, cell, host, joules, position))
        variant = cell.partition("-")[2]
        (place / f"{variant}_20260101T000000Z.json").write_text(text, "utf-8")
    return place


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def results_file(job: Job, cell: str, host: str, joules: float, position: int) -> dict[str, Any]:
    """Return a results file of one cell with one round."""
    allocation = {"run": "simulated", "job": job.name, "place": host, "host": host}
    energy = {"cpu_j": joules, "total_j": joules, "scope": ["cpu"], "sources": SOURCE}
    one_round = {
        "seed": job.block,
        "block": job.block - 1,
        "position": position,
        "seconds": joules / 10,
        "energy": energy,
        "windows": [],
    }
    variant = cell.partition("-")[2]
    record = {**KEYS, "id": cell, "variant": variant, "data": {}, "rounds": [one_round]}
    cpu = {"model": "simulated", "usable_cores": 8}
    return {
        "schema": 12,
        "variant": variant,
        "profile": "tiny",
        "session": {
            "id": f"{job.name}-{host}",
            "started": "20260101T000000Z",
            "allocation": allocation,
        },
        "environment": {"host": host, "device": "cpu", "cpu": cpu, "gpus": []},
        "cells": [record],
    }


# --- coverage -------------------------------------------------------------------------------------


def coverage(fleets: int, noise: random.Random) -> Iterator[str]:
    """Say how often the interval of the ratio of two identical variants contains 1."""
    for own in (0.0, 0.03):
        for blocks, name in (([BLOCKS] * HOSTS, "5 blocks each"), ([1, 1, 1, 1, 1], "5 in all")):
            covered, widths = 0, []
            for _ in range(fleets):
                found = across_hosts(list(_ratios(blocks, own, noise)))
                half = quantile(found.freedom) * (found.standard or 0.0)
                covered += abs(found.mean) <= half
                widths.append(half)
            widths.sort()
            yield (
                f"coverage: {len(blocks)} hosts, {name}, ratio differs by {100 * own:g} % between "
                f"hosts: {100 * covered / fleets:.1f} % of {fleets} fleets, +- "
                f"{100 * widths[fleets // 2]:.2f} %"
            )


def _ratios(blocks: list[int], own: float, noise: random.Random) -> Iterator[list[float]]:
    """Yield by host the logarithms of a variant's joules over V0's, among 50 cells of a block."""
    for count in blocks:
        of_host = noise.gauss(0, own)
        values = []
        for block in range(count):
            drift = noise.gauss(0, SPREAD)
            distance = noise.randrange(1, 50) / 50 * (1 if block % 2 == 0 else -1)
            error = noise.gauss(0, NOISE) - noise.gauss(0, NOISE)
            values.append(of_host + drift * distance + error)
        yield values


# --- scale ----------------------------------------------------------------------------------------


def scale(folder: Path, cells: int, noise: random.Random) -> Iterator[str]:
    """Fetch and compare a run of so many records, and say what that took."""
    variants, blocks = 500, max(1, cells // 500)
    run = created(folder / "runs" / "scale", plan_of(variants, blocks, variants))
    hosts = Fleet(noise)
    for job in run.plan.jobs:
        results = write_results(folder / "local", job, hosts.any(), hosts, noise)
        write_delivery(results, {})
        target = run.path / DELIVERED / f"{job.name}.{new_attempt()}"
        target.parent.mkdir(exist_ok=True)
        results.rename(target)  # as it is once it is there: to write it safely is not timed
    greenbench = [sys.executable, "-m", "greenbench"]
    target = folder / "scale-results"
    yield _timed([*greenbench, "fetch", str(run.path), "--results", str(target)], cells)
    (place,) = target.iterdir()
    yield _timed([*greenbench, "compare", str(place), "--gate", "energy <= 1.05*V0"], cells)


def _timed(command: list[str], cells: int) -> str:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = after.ru_maxrss / 2**20
    return f"scale: {command[3]} of {cells} cells: {seconds:.1f} s of CPU, {memory:.2f} GiB"


if __name__ == "__main__":
    main()
