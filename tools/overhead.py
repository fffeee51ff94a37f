"""Measures what measuring costs: the same training and inference with and without windows.

    python tools/overhead.py [PAIRS] [--gpu]

Runs alternate. Prints the ratio of the times with a 95 % interval (paired t of the logarithms), and
the CPU seconds of the thread that reads the counters. On a machine without a GPU, simulated RAPL
zones are read instead, and with --gpu a simulated NVIDIA driver too: reading them costs what
reading files and calling a library costs, which is less than a driver's answer.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from greenbench.data.examples import Example
from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.data.synthetic.c_functions import generate
from greenbench.machine import gpus as devices
from greenbench.machine.energy import open_meter, rapl_sensors
from greenbench.options import Options
from greenbench.stages.toggles import Toggles
from greenbench.stats.student import coverage
from greenbench.tasks import BUILT_IN
from tests.simulators import nvml
from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from greenbench.machine.energy import Meter

SIZE = BUILT_IN["T2"].sizes["tiny"]
START = Checkpoint("M2", SIZE.model, head=TWO_CLASSES)
STEPS = 6
"""Optimizer steps of a run. Short alternating runs see the same machine, whose speed drifts by more
than what is measured."""


def examples(count: int, seed: int) -> tuple[Example, ...]:
    """Make generated C functions."""
    return tuple(Example(text=f.text, label=int(f.vulnerable)) for f in generate(count, seed))


def run(meter: Meter | None, train: Any, test: Any) -> float:
    """Train and classify once, in windows if there is a meter, and return the seconds."""
    toggles = Toggles(Options(), SIZE, "cpu")
    window: Any = meter.window if meter is not None else lambda _stage, **_: nullcontext()
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(train, test, START, 0)
        net = toggles.architecture(START)
        started = time.perf_counter()
        with window("whole"):
            with window("training", synchronize=toggles.synchronize):
                net = toggles.training(net, batches)
            with window("inference", synchronize=toggles.synchronize):
                toggles.inference(net, batches)
        return time.perf_counter() - started


def simulated(stack: ExitStack) -> None:
    """Simulate a CPU package with its memory, and with --gpu a GPU."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    tree = Powercap(folder / "intel-rapl")
    tree.zone(0, "package-0").use(1)
    tree.subzone(0, 0, "dram").use(1)
    rapl_sensors.FOLDERS = (tree.root,)
    library = nvml.build(folder) if "--gpu" in sys.argv else None
    if library is not None:
        (gpu,) = nvml.SimulatedNvml(library, folder / "state").plug()
        gpu.power_w = 300


def measured(train: Any, test: Any) -> tuple[float, float]:
    """Run once with its own meter; return the seconds, and the sampler's share of one core."""
    with open_meter(devices.gpus(), calibrate_s=0) as meter:
        seconds = run(meter, train, test)
        sampler = meter.sampler
    if sampler is None:
        return seconds, 0.0
    return seconds, sampler.cpu_seconds / (time.perf_counter() - sampler.since)


def report(pairs: list[tuple[float, float]], shares: list[float]) -> None:
    """Print the ratio with its interval, and what the sampler used."""
    logs = [math.log(metered / plain) for plain, metered in pairs]
    half = coverage(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.fmean(logs)
    seconds = statistics.fmean(plain for plain, _ in pairs)
    ratio, low, high = math.exp(mean), math.exp(mean - half), math.exp(mean + half)
    print(f"{len(pairs)} pairs, {seconds:.2f} s a run without windows")
    print(f"time with windows / without: {ratio:.4f} ({low:.4f} to {high:.4f})")
    print(f"sampler: {100 * statistics.fmean(shares):.2f} % of one core")


def main() -> None:
    """Measure pairs, plain first in every other one; no meter is open in a plain run."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    train, test = examples(STEPS * 32, 0), examples(96, 1)
    with ExitStack() as stack:
        if not devices.gpus():
            simulated(stack)
        with open_meter(devices.gpus()) as meter:
            sources = [f"{channel} {source}" for channel, source in meter.sources.items()]
            print("; ".join(sources), flush=True)
        run(None, train, test)
        pairs, shares = [], []
        for i in range(count):
            plain = run(None, train, test) if i % 2 == 0 else 0.0
            metered, share = measured(train, test)
            plain = plain or run(None, train, test)
            pairs.append((plain, metered))
            shares.append(share)
        report(pairs, shares)


if __name__ == "__main__":
    main()
