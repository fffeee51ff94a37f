"""What measuring costs: the same training and inference with and without windows, in turn.

    python tools/overhead.py [PAIRS]

Prints the ratio of the times with a 95 % interval (paired t on logarithms), and the CPU seconds of the thread that reads the
counters. Where the machine has no counters a simulated NVIDIA driver and simulated RAPL zones are read instead: reading
them costs what reading files and calling a library costs, which is less than a driver's answer.
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

from greenbench import devices
from greenbench.energy import open_meter
from greenbench.options import Options
from greenbench.profiles import PROFILES
from greenbench.stages.toggles import Toggles
from greenbench.tasks.c_functions import generate
from greenbench.tasks.checkpoints import Checkpoint
from greenbench.tasks.splits import Example
from greenbench.uncertainty import coverage
from tests.simulators import nvml
from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from greenbench.energy import Meter

SIZE = PROFILES["tiny"].tasks["T2"]
START = Checkpoint("M2", SIZE.model)


def examples(count: int, seed: int) -> tuple[Example, ...]:
    """Make generated C functions."""
    return tuple(Example(text=f.text, label=int(f.vulnerable)) for f in generate(count, seed))


def run(meter: Meter | None, train: Any, test: Any) -> float:
    """Train and classify once, in windows where there is a meter, and return the seconds."""
    toggles = Toggles(Options(), SIZE, "cpu")
    window = meter.window if meter is not None else lambda _stage, **_: nullcontext()
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
    """Let the machine have a simulated card, and a simulated package with its memory."""
    from zeus.device.cpu import rapl

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    tree = Powercap(folder / "intel-rapl")
    tree.zone(0, "package-0").use(1)
    tree.subzone(0, 0, "dram").use(1)
    rapl.RAPL_DIR = str(tree.root)
    if (library := nvml.build(folder)) is not None and not nvml.real_driver():
        nvml.SimulatedNvml(library, folder / "state").plug()[0].power_w = 300


def report(pairs: list[tuple[float, float]], meter: Meter) -> None:
    """Print the ratio with its interval, and what the sampler used."""
    logs = [math.log(measured / plain) for plain, measured in pairs]
    half = coverage(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    mean = statistics.fmean(logs)
    print(f"{len(pairs)} pairs, {statistics.fmean(p for p, _ in pairs):.2f} s a run without windows")
    print(f"time with windows / without: {math.exp(mean):.4f} ({math.exp(mean - half):.4f} to {math.exp(mean + half):.4f})")
    if meter.sampler is not None:
        used, lived = meter.sampler.cpu_seconds, time.perf_counter() - meter.sampler.since
        print(f"sampler: {used:.2f} CPU seconds in {lived:.1f} s, {100 * used / lived:.3f} % of one core")


def main() -> None:
    """Measure in turn: plain first, then with windows, then the other way round."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    train, test = examples(SIZE.sizes[0] if SIZE.sizes else 960, 0), examples(480, 1)
    with ExitStack() as stack:
        if not devices.gpus():
            simulated(stack)
        meter = stack.enter_context(open_meter(devices.gpus()))
        print("; ".join(f"{c} {s}" for c, s in meter.sources.items()))
        run(None, train, test)
        pairs = []
        for i in range(count):
            order = (None, meter) if i % 2 == 0 else (meter, None)
            took = {m is not None: run(m, train, test) for m in order}
            pairs.append((took[False], took[True]))
            print(f"pair {i + 1}: {took[False]:.3f} s plain, {took[True]:.3f} s measured", flush=True)
        report(pairs, meter)


if __name__ == "__main__":
    main()
