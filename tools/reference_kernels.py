"""Prints how fast both reference kernels run, and how much, beside a neighbour and without.

    python tools/reference_kernels.py [--runs 20] [--threads 1]

Runs alternate: one of each kernel by itself, then one of each beside a process that copies 256 MiB
in a loop, so that what else the machine does strikes both alike. The median and the median
deviation from it are printed, as other programs may use the machine too: by the clock, and by the
process's CPU time, which leaves out what others take of the cores themselves.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import torch

from greenbench.run.reference_kernel import ARITHMETIC, KINDS, MEMORY, KernelKind
from greenbench.stages import bandwidth, yardstick

if TYPE_CHECKING:
    from collections.abc import Sequence

COPYING = """
source, target = bytearray(b"x") * (1 << 28), memoryview(bytearray(b"x") * (1 << 28))
print(flush=True)
while True: target[:] = source
"""
TO_NORMAL = 1.4826
"""Standard deviations in a median deviation of normal noise."""

CLOCKS = {"clock": time.perf_counter, "CPU time": time.process_time}
WORK = {ARITHMETIC: yardstick.kernel, MEMORY: bandwidth.kernel}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    alone, beside = Rates(), Rates()
    for _ in range(chosen.runs):
        alone.note()
        begun, ready = os.pipe()
        with subprocess.Popen([sys.executable, "-c", COPYING], stdout=ready) as copying:
            os.read(begun, 1)
            beside.note()
            copying.kill()
        os.close(begun)
        os.close(ready)
    for name in CLOCKS:
        for kind in KINDS:
            print(line(name, kind, alone.known[name, kind], beside.known[name, kind]))


class Rates:
    """Amounts a second, by clock and kernel."""

    def __init__(self) -> None:
        """Begin without any."""
        self.known: dict[tuple[str, KernelKind], list[float]] = defaultdict(list)

    def note(self) -> None:
        """Run each kernel once, and note its rate by each clock."""
        for kind, kernel in WORK.items():
            run = kernel(torch.device("cpu"))
            starts = {name: clock() for name, clock in CLOCKS.items()}
            amount = run(kind.short_s)
            for name, clock in CLOCKS.items():
                self.known[name, kind].append(amount / (clock() - starts[name]))


def line(clock: str, kind: KernelKind, alone: Sequence[float], beside: Sequence[float]) -> str:
    """Return a row of the table."""
    change = 100 * (statistics.median(beside) / statistics.median(alone) - 1)
    rates = f"{shown(alone, kind)} | {shown(beside, kind)}"
    return f"| {kind.name}, by the {clock} | {rates} | {change:+.0f} % |"


def shown(rates: Sequence[float], kind: KernelKind) -> str:
    """Return the median rate and its scatter in percent."""
    middle = statistics.median(rates)
    deviation = statistics.median(abs(rate - middle) for rate in rates)
    return f"{middle / 1e9:.1f} {kind.unit} +- {100 * TO_NORMAL * deviation / middle:.1f} %"


if __name__ == "__main__":
    main()
