"""CPU joules are estimated from the CPU seconds of the whole process tree."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

import psutil
import pytest

from greenbench.machine.energy import open_meter
from greenbench.machine.energy.estimate import (
    DEFAULT_WATTS,
    CoreWatts,
    CpuEstimate,
    estimated,
    watts_per_core,
)
from greenbench.machine.energy.readings import Reading

if TYPE_CHECKING:
    from tests.simulators.powercap import Powercap

SLACK_S = 0.15
"""Clock ticks of 10 ms, and what the test itself computes meanwhile."""

BURN = """
import sys, time
def burn(seconds):
    started = time.process_time()
    while time.process_time() - started < seconds:
        pass
for line in sys.stdin:
    burn(float(line))
    print(time.process_time(), flush=True)
"""


class Burner:
    """A child process that burns CPU seconds on request, and returns how many it has used."""

    def __init__(self) -> None:
        """Start it."""
        self._child = subprocess.Popen(
            [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def burn(self, seconds: float) -> float:
        """Burn ``seconds`` and return all that were burnt so far."""
        _pipe(self._child.stdin).write(f"{seconds}\n".encode())
        _pipe(self._child.stdin).flush()
        return float(_pipe(self._child.stdout).readline())

    def end(self) -> None:
        """Let it end, and wait for it."""
        _pipe(self._child.stdin).close()
        self._child.wait()
        _pipe(self._child.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def test_a_child_that_ends_in_the_window_counts() -> None:
    """The CPU seconds of a child that was born and ended within the window are in it, once."""
    estimate = CpuEstimate(given_watts=1)
    estimate.begin("a")
    child = Burner()
    burnt = child.burn(0.3)
    child.end()
    assert estimate.end("a").joules == pytest.approx(burnt, abs=SLACK_S)


def test_a_child_that_lives_across_counts_only_for_what_it_does_inside() -> None:
    """Only what a child uses inside the window is in it, and its end changes nothing."""
    estimate = CpuEstimate(given_watts=1)
    child = Burner()
    before = child.burn(0.3)
    estimate.begin("outer")
    estimate.begin("living")
    inside = child.burn(0.2) - before
    assert estimate.end("living").joules == pytest.approx(inside, abs=SLACK_S)
    child.end()
    assert estimate.end("outer").joules == pytest.approx(inside, abs=SLACK_S)


def test_own_cpu_time_counts_and_sleep_does_not() -> None:
    """The process's own CPU seconds times the watts; time without work costs nothing."""
    estimate = CpuEstimate(given_watts=10)
    estimate.begin("a")
    started = time.process_time()
    while time.process_time() - started < 0.1:
        pass
    time.sleep(0.3)
    assert estimate.end("a").joules == pytest.approx(1.0, abs=10 * SLACK_S)


ORPHAN = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
started = time.process_time()
while time.process_time() - started < 0.4:
    pass
print(os.getpid(), flush=True)
if sys.argv[1] == "lives":
    time.sleep(60)
"""


@pytest.mark.usefixtures("no_rapl")
@pytest.mark.parametrize("end", ["lives", "ends"])
def test_a_process_that_outlives_its_parent_counts(end: str) -> None:
    """A daemon (a double fork, a session of its own) counts, whether it lives on or has ended."""
    with open_meter((), cpu_watts=1) as meter:
        meter.watch.begin()
        with meter.window("work"):
            command = [sys.executable, "-c", ORPHAN, end]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
                orphan = int(_pipe(parent.stdout).readline())
            wait_for_end(orphan, end)
        observed = meter.watch.end()
    (window,) = meter.take()
    os.kill(orphan, signal.SIGKILL)
    os.waitpid(orphan, 0)
    assert window.energy.cpu_j == pytest.approx(0.45, abs=SLACK_S)
    assert "lost" not in window.energy.uncertainty_j["cpu"]
    cpu = observed.record["cpu"]
    assert isinstance(cpu, dict)
    assert cpu["own_cores"] * cpu["seconds"] >= 0.4


def wait_for_end(pid: int, end: str) -> None:
    """Wait until a process that ends has ended, and is a zombie."""
    process = psutil.Process(pid)
    until = time.monotonic() + 20
    while end == "ends" and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_seconds_that_may_be_lost_are_in_the_uncertainty() -> None:
    """If SIGCHLD is ignored, children leave no CPU seconds: others' may be theirs, and it says."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with open_meter((), cpu_watts=1):
            estimate = CpuEstimate(given_watts=1)
            estimate.begin("a")
            command = [sys.executable, "-c", "sum(range(20_000_000))"]
            subprocess.run(command, check=False)
            reading = estimate.end("a")
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert reading.joules is not None
    assert reading.uncertainty["lost"] * math.sqrt(3) > 0.1
    assert f"process {os.getpid()} ignores SIGCHLD" in reading.doubts[0]


ALONE = """
import subprocess, sys, time
from greenbench.machine.energy.estimate import CpuEstimate
estimate = CpuEstimate(given_watts=1)
estimate.begin("a")
subprocess.run([sys.executable, "-c", sys.argv[1], "ends"], check=True, stdout=subprocess.DEVNULL)
time.sleep(1)
reading = estimate.end("a")
print(reading.joules + 1.96 * reading.uncertainty["lost"], *reading.doubts)
"""


def test_where_nobody_adopts_orphans_the_estimate_says_so() -> None:
    """Without a meter, orphans go to process 1: what others used may be theirs."""
    command = [sys.executable, "-c", ALONE, ORPHAN]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    highest, _, warning = shown.partition(" ")
    assert float(highest) > 0.4
    assert "gives orphans to process 1" in warning


def test_lost_seconds_are_unknown_not_negative() -> None:
    """If CPU seconds fell (a child ended and nobody waited), joules are None with a reason."""
    reading = estimated(-0.5, watts_per_core("", 4))
    assert reading.joules is None
    assert "nobody waited" in reading.reason


def test_a_cancelled_window_is_forgotten() -> None:
    """After a cancel the window does not exist."""
    estimate = CpuEstimate(given_watts=1)
    estimate.begin("a")
    estimate.cancel("a")
    with pytest.raises(KeyError):
        estimate.end("a")


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("AMD EPYC 7763 64-Core Processor", "1.96W/core"),
        ("AMD EPYC 7R13 Processor", "1.96W/core"),
        ("AMD EPYC 7502P 32-Core Processor", "1.69W/core"),
        ("AMD EPYC 7773X 64-Core Processor", "1.96W/core"),
        ("AMD EPYC 8324PN 32-Core Processor", "2.28W/core"),
        ("AMD EPYC 7B12", "1.69W/core"),
        ("AMD EPYC 9654 96-Core Processor", "2.28W/core"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "3.76W/core"),
        ("Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz", "4.10W/core"),
        ("Intel(R) Xeon(R) Platinum 8480+", "4.16W/core"),
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "3.69W/core"),
        ("INTEL(R) XEON(R) PLATINUM 8581C CPU @ 2.10GHz", "4.48W/core"),
        ("Intel(R) Xeon(R) 6972P", "2.53W/core"),
        ("AMD EPYC 9755 128-Core Processor", f"{DEFAULT_WATTS:.2f}W/core(default)"),
        ("aarch64", f"{DEFAULT_WATTS:.2f}W/core(default)"),
    ],
)
def test_watts_follow_the_cpu(model: str, label: str) -> None:
    """The CPU's name decides the watts; an unknown one takes a labelled, less certain default."""
    core = watts_per_core(model)
    assert core.label == label
    assert f"{core.watts:.2f}W" in label
    assert core.relative == pytest.approx(0.42 if "default" in label else 0.30, abs=0.01)


def test_given_watts_win() -> None:
    """Watts that a person gives override the table, the label tells, and less is left open."""
    assert watts_per_core("AMD EPYC 7763 64-Core Processor", 5.5) == CoreWatts(
        watts=5.5, label="5.5W/core(given)", relative=0.2
    )
    assert CpuEstimate(given_watts=5.5).source == "estimated:cpu-seconds*5.5W/core(given)"


def test_an_estimate_states_its_uncertainty() -> None:
    """The relative uncertainty of the watts is the joules' own."""
    assert estimated(10, watts_per_core("", 5.0)) == Reading(
        joules=50.0, uncertainty={"model": 10.0}
    )


@pytest.mark.parametrize("true_watts", [1.3, 1.96, 2.9])
def test_the_truth_lies_within_the_estimate_s_uncertainty(
    powercap: Powercap, true_watts: float
) -> None:
    """The estimate's 95 % interval contains what simulated RAPL counts in the same window.

    The package draws ``true_watts`` for each second that a core of it is busy.
    They are those of a CPU of the table's Milan generation (1.96 W), or off by a third either way.
    """
    package = powercap.zone(0, "package-0")
    core = watts_per_core("AMD EPYC 7763 64-Core Processor")
    estimate = CpuEstimate(given_watts=core.watts)
    with open_meter((), calibrate_s=0) as meter:
        estimate.begin("work")
        with meter.window("work"):
            started = time.process_time()
            while time.process_time() - started < 0.3:
                package.use(true_watts * 0.02)
                burn_until = time.process_time() + 0.02
                while time.process_time() < burn_until:
                    pass
        guess = estimate.end("work").joules
        measured = meter.take()[0].energy.cpu_j
    assert guess is not None
    assert measured == pytest.approx(true_watts * 0.3, rel=0.2)
    assert abs(guess - measured) <= 1.96 * core.relative * guess
