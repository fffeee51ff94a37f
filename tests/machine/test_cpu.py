"""The processors' state comes from /proc and /sys, and says who else was at work."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greenbench.machine.cpu import TICKS, Snapshot, between, snapshot
from greenbench.machine.processes import tree_cpu_seconds

if TYPE_CHECKING:
    from pathlib import Path

QUIET = Snapshot(
    at=0.0,
    busy_s=100.0,
    stolen_s=0.0,
    own_s=10.0,
    governors=("performance",),
    mean_mhz=3000.0,
    throttled=4,
    hottest_c=50.0,
)


def later(seconds: float = 10.0, own: float = 20.0, others: float = 0.0, **more: object) -> Snapshot:
    """Return the snapshot ``seconds`` after the quiet one, in which ``own`` and ``others`` CPU seconds were used."""
    end = replace(QUIET, at=seconds, busy_s=100.0 + own + others, own_s=10.0 + own)
    return replace(end, **more)


def tree(folder: Path, stat: str = "cpu  100 20 30 4000 50 6 7 8 9 0\ncpu0 1\n", **files: str) -> tuple[Path, Path]:
    """Build a /proc and a /sys; names of ``files`` have two underscores for a slash."""
    for name, text in {"proc__stat": stat, **files}.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "proc", folder / "sys"


def test_busy_seconds_are_work_and_nothing_else(tmp_path: Path) -> None:
    """User, nice, system and interrupts; neither idleness, nor waiting for disks, nor guests a second time."""
    seen = snapshot(*tree(tmp_path))
    assert seen.busy_s == pytest.approx((100 + 20 + 30 + 6 + 7) / TICKS)
    assert seen.stolen_s == pytest.approx(8 / TICKS)
    assert (seen.governors, seen.mean_mhz, seen.throttled) == ((), None, None)


def test_what_a_kernel_shows_is_read(tmp_path: Path) -> None:
    """Governor, frequency in MHz and the times that heat slowed a core down."""
    cores = "sys__devices__system__cpu__cpu"
    files = {
        f"{cores}0__cpufreq__scaling_governor": "powersave\n",
        f"{cores}1__cpufreq__scaling_governor": "powersave\n",
        f"{cores}0__cpufreq__scaling_cur_freq": "1000000\n",
        f"{cores}1__cpufreq__scaling_cur_freq": "3000000\n",
        f"{cores}0__thermal_throttle__core_throttle_count": "2\n",
        f"{cores}1__thermal_throttle__package_throttle_count": "3\n",
    }
    seen = snapshot(*tree(tmp_path, **files))
    assert (seen.governors, seen.mean_mhz, seen.throttled) == (("powersave",), 2000.0, 5)


@pytest.mark.parametrize("stat", ["", "cpu  1 2\n", "nonsense\n"])
def test_a_proc_that_cannot_be_read_is_none(tmp_path: Path, stat: str) -> None:
    """Another kernel's format is not known, and never 0."""
    seen = snapshot(*tree(tmp_path, stat=stat))
    assert (seen.busy_s, seen.stolen_s) == (None, None)
    record, doubts = between(seen, replace(seen, at=seen.at + 1))
    assert (record["others_cores"], doubts) == (None, ())


def test_a_quiet_machine_gives_no_doubt() -> None:
    """A little work of others is everywhere."""
    record, doubts = between(QUIET, later(others=0.5))
    assert doubts == ()
    assert record["own_cores"] == pytest.approx(2.0)
    assert record["others_cores"] == pytest.approx(0.05)


@given(st.floats(0.1, 100), st.floats(0, 100), st.floats(0, 100))
def test_others_are_told_from_a_tenth_on(seconds: float, own: float, others: float) -> None:
    """Both a tenth of all CPU time and a tenth of a core; the sentence has the numbers."""
    share, cores = others / (own + others) if others else 0.0, others / seconds
    assume(abs(share - 0.1) > 1e-6)
    assume(abs(cores - 0.1) > 1e-6)
    _, doubts = between(QUIET, later(seconds, own, others))
    assert any("other processes kept" in d for d in doubts) == (share > 0.1 and cores > 0.1)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (later(others=8.0), "other processes kept 0.80 cores busy beside 2.00 of ours (29 % of all CPU time)"),
        (later(stolen_s=3.0), "the hypervisor gave 3.0 CPU seconds to somebody else while 20.0 were used here"),
        (later(throttled=9), "heat slowed the CPU down 5 times"),
        (later(governors=("powersave",)), "governor changed from performance to powersave"),
    ],
)
def test_each_disturbance_is_told_with_its_numbers(end: Snapshot, words: str) -> None:
    """Load, theft, heat and another governor."""
    (doubt,) = between(QUIET, end)[1]
    assert words in doubt


def test_a_neighbour_of_ours_is_not_counted_as_our_own() -> None:
    """A process that left our tree and burns a core shows in the machine's busy seconds, and not in our own."""
    burn = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}], start_new_session=True)"
    start = snapshot()
    if start.busy_s is None:
        pytest.skip("this kernel does not show how busy it is")
    subprocess.run([sys.executable, "-c", orphan], check=True)
    time.sleep(1.2)
    record, _ = between(start, snapshot())
    assert record["others_cores"] > 0.3
    assert record["own_cores"] < 0.6


def test_the_tree_s_seconds_grow_with_its_work() -> None:
    """A child's work counts, whether it lives or has ended."""
    before = tree_cpu_seconds()
    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert 0.3 <= tree_cpu_seconds() - before < 1
