"""Measures what the thread that reads the counters uses while all cores compute.

    python tools/sampler_cost.py [SECONDS]

Simulated RAPL zones of a package and its memory are read: that costs what reading files costs, and
a real zone a few microseconds more for the processor's register.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = str(os.cpu_count())  # torch reads it when imported
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from greenbench.machine.energy import open_meter, rapl_sensors
from tests.simulators.powercap import Powercap

SIZE = 600
"""Rows of the matrices whose products keep the cores busy."""


def main() -> None:
    """Compute for some seconds beside an open meter, and print the sampler's share of a core."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    matrix = torch.randn(SIZE, SIZE)
    with tempfile.TemporaryDirectory() as folder:
        tree = Powercap(Path(folder) / "intel-rapl")
        tree.zone(0, "package-0")
        tree.subzone(0, 0, "dram")
        rapl_sensors.FOLDERS = (tree.root,)
        with open_meter((), calibrate_s=0) as meter:
            sampler = meter.sampler
            if sampler is None:
                raise SystemExit("the simulated counters were not found")
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                torch.mm(matrix, matrix)
                sum(range(2000))  # Python holds its lock meanwhile, as a training loop does
            share = sampler.cpu_seconds / (time.perf_counter() - sampler.since)
            each = sampler.cpu_seconds / max(1, sampler.ticks)
    print(
        f"every {sampler.interval_s} s: {100 * share:.2f} % of one core, "
        f"{1e6 * each:.0f} microseconds a wake-up"
    )


if __name__ == "__main__":
    main()
