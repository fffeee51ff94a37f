"""The processors' state comes from /proc and /sys, and says who else was at work."""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greenbench.machine.cpu_state import LOOKED_AT, TICKS, Snapshot, between, snapshot

if TYPE_CHECKING:
    from pathlib import Path

QUIET = Snapshot(
    at=0.0,
    busy_s=100.0,
    stolen_s=0.0,
    own_s=10.0,
    pressure_s=None,
    governors=("performance",),
    mean_mhz=3000.0,
    throttled=4,
    hottest_c=50.0,
)


def later(
    seconds: float = 10.0, own: float = 20.0, others: float = 0.0, **more: object
) -> Snapshot:
    """Return the snapshot ``seconds`` after QUIET, with CPU seconds of ``own`` and ``others``."""
    end = replace(QUIET, at=seconds, busy_s=100.0 + own + others, own_s=10.0 + own)
    return replace(end, **more)


def tree(
    folder: Path, stat: str = "cpu  100 20 30 4000 50 6 7 8 9 0\ncpu0 1\n", **files: str
) -> tuple[Path, Path]:
    """Build a /proc and a /sys; names of ``files`` have two underscores for a slash."""
    for name, text in {"proc__stat": stat, **files}.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "proc", folder / "sys"


def test_busy_seconds_are_work_and_nothing_else(tmp_path: Path) -> None:
    """User, nice, system and interrupts count; idleness, disk waits and guests again do not."""
    seen = snapshot(*tree(tmp_path))
    assert seen.busy_s == pytest.approx((100 + 20 + 30 + 6 + 7) / TICKS)
    assert seen.stolen_s == pytest.approx(8 / TICKS)
    assert (seen.governors, seen.mean_mhz, seen.throttled, seen.pressure_s) == (
        (),
        None,
        None,
        None,
    )


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


def test_a_frequency_that_the_kernel_does_not_know_is_left_out(tmp_path: Path) -> None:
    """Neither is what only looks like a core, nor does it raise."""
    files = {
        "sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq": "<unknown>\n",
        "sys__devices__system__cpu__cpu1__cpufreq__scaling_cur_freq": "2000000\n",
        "sys__devices__system__cpu__cpufreq__scaling_cur_freq": "9000000\n",
    }
    assert snapshot(*tree(tmp_path, **files)).mean_mhz == 2000.0


@pytest.mark.parametrize("cores", [1, LOOKED_AT, LOOKED_AT + 1, 100])
def test_few_frequencies_are_read_and_all_throttle_counters(tmp_path: Path, cores: int) -> None:
    """Asking for a frequency may take long, so that it is spread; heat at any core counts."""
    files = {
        f"sys__devices__system__cpu__cpu{i}__cpufreq__scaling_cur_freq": f"{i}000\n"
        for i in range(cores)
    }
    files |= {
        f"sys__devices__system__cpu__cpu{i}__thermal_throttle__core_throttle_count": "1\n"
        for i in range(cores)
    }
    seen = snapshot(*tree(tmp_path, **files))
    assert seen.throttled == cores
    step = math.ceil(cores / LOOKED_AT)
    assert seen.mean_mhz == pytest.approx(statistics.mean(range(0, cores, step)))


def test_pressure_is_the_share_of_time_in_which_somebody_waited(tmp_path: Path) -> None:
    """The kernel's microseconds of the line ``some``, and not of ``full``."""
    text = "some avg10=0.00 total=2500000\nfull avg10=0.00 total=7\n"
    seen = snapshot(*tree(tmp_path, proc__pressure__cpu=text))
    assert seen.pressure_s == 2.5
    record, _ = between(replace(QUIET, pressure_s=2.5), later(10.0, pressure_s=4.5))
    assert record["pressure_share"] == pytest.approx(0.2)
    assert between(QUIET, later(pressure_s=4.5))[0]["pressure_share"] is None


@pytest.mark.parametrize("stat", ["", "cpu  1 2\n", "nonsense\n"])
def test_a_proc_that_cannot_be_read_is_none(tmp_path: Path, stat: str) -> None:
    """Another kernel's format is not known, and never 0."""
    seen = snapshot(*tree(tmp_path, stat=stat))
    assert (seen.busy_s, seen.stolen_s) == (None, None)
    record, doubts = between(seen, replace(seen, at=seen.at + 1))
    assert (record["others_cores"], doubts) == (None, ())


def test_a_quiet_machine_gives_no_warning() -> None:
    """A little work of others is everywhere."""
    record, doubts = between(QUIET, later(others=0.5))
    assert doubts == ()
    assert record["own_cores"] == pytest.approx(2.0)
    assert record["others_cores"] == pytest.approx(0.05)


@given(st.floats(0.1, 100), st.floats(0, 100), st.floats(0, 100))
def test_others_are_reported_from_a_tenth_on(seconds: float, own: float, others: float) -> None:
    """Both a tenth of all CPU time and a tenth of a core; the sentence has the numbers."""
    share, cores = others / (own + others) if others else 0.0, others / seconds
    assume(abs(share - 0.1) > 1e-6)
    assume(abs(cores - 0.1) > 1e-6)
    _, doubts = between(QUIET, later(seconds, own, others))
    assert any("other processes kept" in d for d in doubts) == (share > 0.1 and cores > 0.1)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            later(others=8.0),
            "other processes kept 0.80 cores busy beside 2.00 of ours (29 % of all CPU time)",
        ),
        (
            later(stolen_s=3.0),
            "the hypervisor gave 3.00 CPU seconds to other virtual machines while 20.00",
        ),
        (
            later(throttled=9),
            "heat slowed the CPU down: its throttle counters rose by 5",
        ),
        (later(governors=("powersave",)), "governor changed from performance to powersave"),
    ],
)
def test_each_disturbance_is_reported_with_its_numbers(end: Snapshot, words: str) -> None:
    """Load, theft, heat and another governor."""
    (doubt,) = between(QUIET, end)[1]
    assert words in doubt


@pytest.mark.parametrize(
    "end", [later(governors=()), later(throttled=None), later(stolen_s=0.9), later(hottest_c=95.0)]
)
def test_what_is_not_known_or_little_gives_no_warning(end: Snapshot) -> None:
    """A file that is gone has not changed, and a hypervisor may take a twentieth."""
    assert between(QUIET, end)[1] == ()


@pytest.mark.alone
def test_a_neighbour_of_ours_is_not_counted_as_our_own() -> None:
    """A process outside our tree that burns a core counts as the machine's work, not as ours."""
    burn = "import time; end = time.monotonic() + 1.5\nwhile time.monotonic() < end: pass"
    arguments = f"[sys.executable, '-c', {burn!r}], start_new_session=True"
    orphan = f"import subprocess, sys; subprocess.Popen({arguments})"
    start = snapshot()
    if start.busy_s is None:
        pytest.skip("this kernel does not show how busy it is")
    subprocess.run([sys.executable, "-c", orphan], check=True)
    time.sleep(1.2)
    record, _ = between(start, snapshot())
    assert record["others_cores"] > 0.3
    assert record["own_cores"] < 0.6
