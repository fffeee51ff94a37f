"""RAPL through unmodified Zeus, over a simulated powercap tree."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from greenbench.machine.energy import meter as room
from tests.simulators.powercap import RANGE_J, Powercap, Zone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.machine.energy import Meter
    from greenbench.types import Energy

NOBODY = 65534


@pytest.fixture
def package(powercap: Powercap) -> Zone:
    """Give a socket whose counter stands at 1000 J, on a board whose ``psys`` zone holds it too."""
    powercap.zone(1, "psys", 5000)
    return powercap.zone(0, "package-0")


@pytest.fixture
def meter(package: Zone) -> Iterator[Meter]:
    """Give a meter over ``package``."""
    assert package.folder.exists()
    with open_meter(()) as opened:
        yield opened


def open_meter(gpus: tuple[()]) -> Meter:
    """Open a meter that does not wait for counters which a test moves by hand."""
    return room.open_meter(gpus, calibrate_s=0)


def _trackers() -> list[psutil.Process]:
    """Return the processes that Zeus started."""
    trackers = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has ended is none
            if "spawn_main" in " ".join(child.cmdline()):
                trackers.append(child)
    return trackers


def _used(meter: Meter, *uses: tuple[Zone, float]) -> Energy:
    """Return the energy of a window in which zones use joules."""
    with meter.window("stage"):
        for zone, joules in uses:
            zone.use(joules)
        time.sleep(0.02)
    (window,) = meter.take()
    return window.energy


def test_packages_are_added_and_psys_is_not(powercap: Powercap, package: Zone) -> None:
    """Two sockets add up; the board's zone, which holds them already, is left out."""
    second = powercap.zone(2, "package-1", 2000)
    board = Zone(powercap.root / "intel-rapl:3", "psys", 9000)
    with open_meter(()) as meter:
        energy = _used(meter, (package, 10), (second, 5.5), (board, 40))
    assert energy.cpu_j == pytest.approx(15.5, abs=1e-3)
    assert energy.sources == {"gpu": "none", "cpu": "simulated:rapl", "dram": "none"}
    assert energy.reasons["dram"] == "RAPL shows no DRAM zone for every CPU package here"


def test_memory_is_a_channel_of_its_own(powercap: Powercap, package: Zone) -> None:
    """The DRAM zone below a package is counted apart; other zones below it are not."""
    memory = powercap.subzone(0, 1, "dram")
    cores = powercap.subzone(0, 0, "core")
    with open_meter(()) as meter:
        energy = _used(meter, (package, 10), (memory, 2), (cores, 7))
    assert energy.cpu_j == pytest.approx(10, abs=1e-3)
    assert energy.dram_j == pytest.approx(2, abs=1e-3)
    assert energy.sources["dram"] == "simulated:rapl"


def test_memory_of_one_socket_of_two_is_not_the_memory(powercap: Powercap, package: Zone) -> None:
    """Where only some packages show their memory, the channel is unknown."""
    powercap.subzone(0, 0, "dram")
    second = powercap.zone(2, "package-1", 2000)
    with open_meter(()) as meter:
        energy = _used(meter, (package, 1), (second, 1))
    assert energy.dram_j is None
    assert energy.reasons["dram"]


def test_a_wrap_within_the_window_is_corrected(powercap: Powercap) -> None:
    """A counter that starts again at 0 gives the true joules, whether or not Zeus saw it wrap."""
    package = powercap.zone(0, "package-0", RANGE_J - 4)
    with open_meter(()) as meter:
        energy = _used(meter, (package, 10))
    assert energy.cpu_j == pytest.approx(10, abs=1e-3)


def test_a_counter_that_runs_backwards_is_refused(meter: Meter, package: Zone) -> None:
    """No joules and a reason; the next window is whole again."""
    energy = _used(meter, (package, -12.3))
    assert energy.cpu_j is None
    assert energy.reasons["cpu"] == "RAPL counter of package-0 went backwards by 12.3 J"
    assert energy.sources["cpu"] == "simulated:rapl"
    assert _used(meter, (package, 3)).cpu_j == pytest.approx(3, abs=1e-3)


def test_a_counter_that_stands_still_is_refused(meter: Meter) -> None:
    """Virtual machines show dead counters: 0 J is not a measurement."""
    energy = _used(meter)
    assert energy.cpu_j is None
    assert "did not move" in energy.reasons["cpu"]


def test_impossible_watts_are_refused(meter: Meter, package: Zone) -> None:
    """A jump of 5 kJ within milliseconds is a wrong reading."""
    energy = _used(meter, (package, 5000))
    assert energy.cpu_j is None
    assert "more than 1000 W allow" in energy.reasons["cpu"]


def test_a_counter_that_vanishes_is_a_reason(meter: Meter, package: Zone) -> None:
    """Files that cannot be read at one edge cost the window its joules, not the cell its life."""
    with meter.window("end"):
        (package.folder / "energy_uj").unlink()
    with meter.window("start"):
        package.use(1)
    with meter.window("again"):
        package.use(1)
    end, start, again = (window.energy for window in meter.take())
    assert "at the window's end" in end.reasons["cpu"]
    assert "at the window's start" in start.reasons["cpu"]
    assert again.cpu_j == pytest.approx(1, abs=1e-3)


def test_a_body_that_raises_leaves_no_window_open_in_zeus(meter: Meter, package: Zone) -> None:
    """The joules of a window that failed are in no later one."""

    def interrupted() -> None:
        package.use(50)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), meter.window("stage"):
        interrupted()
    assert _used(meter, (package, 2)).cpu_j == pytest.approx(2, abs=1e-3)


def test_nested_windows_each_have_their_joules(meter: Meter, package: Zone) -> None:
    """The outer window holds the inner one's joules too."""
    with meter.window("outer"):
        package.use(1)
        with meter.window("inner"):
            package.use(2)
    assert [w.energy.cpu_j for w in meter.take()] == [
        pytest.approx(2, abs=1e-3),
        pytest.approx(3, abs=1e-3),
    ]


@pytest.mark.usefixtures("package")
def test_nothing_is_left_behind() -> None:
    """Zeus starts no process of its own, and closing a meter ends its thread, even twice."""
    before = threading.active_count()
    first, second = open_meter(()), open_meter(())
    assert _trackers() == []
    first.close()
    first.close()
    assert threading.active_count() == before + 1
    second.close()
    assert threading.active_count() == before


def test_forbidden_counters_are_an_estimate_with_a_remedy(
    powercap: Powercap, package: Zone
) -> None:
    """RAPL that only root may read: the CPU is estimated, and the reason says how to measure it."""
    shared = Path(tempfile.gettempdir())
    for folder in (powercap.root, *powercap.root.parents):
        if shared in folder.parents:  # never the shared folder itself
            folder.chmod(0o755)
    (package.folder / "energy_uj").chmod(0)
    before = os.geteuid()
    os.seteuid(NOBODY if before == 0 else before)  # the permissions of a file do not bind root
    try:
        meter = open_meter(())
    finally:
        os.seteuid(before)
    meter.close()
    assert meter.sources["cpu"].startswith("estimated:")
    assert "sudo chmod" in meter.reasons["cpu"]
    assert "sudo chmod" in meter.reasons["dram"]


def test_an_empty_powercap_folder_says_so(powercap: Powercap) -> None:
    """Containers mask the zones but not the folder: an estimate, with that reason."""
    with open_meter(()) as meter:
        assert meter.sources["cpu"].startswith("estimated:")
        assert f"{powercap.root} holds no package zone" in meter.reasons["cpu"]


def test_a_broken_zone_says_so(package: Zone) -> None:
    """A zone without its range cannot be read safely: an estimate, with that reason."""
    (package.folder / "max_energy_range_uj").unlink()
    with open_meter(()) as meter:
        assert meter.sources["cpu"].startswith("estimated:")
        assert "RAPL cannot be read" in meter.reasons["cpu"]


LIFE = """
import os, signal, sys, time
from pathlib import Path
from greenbench.machine.energy import open_meter, rapl_sensors

if __name__ == "__main__":
    rapl_sensors.FOLDERS = (Path(sys.argv[1]),)
    meter = open_meter((), calibrate_s=0)
    child = os.fork()
    if child == 0:
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with meter.window("after the child's end"):
        time.sleep(0.3)
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("end", "code"), [("exit", 0), ("kill", -9)])
def test_no_process_outlives_its_owner(
    powercap: Powercap, tmp_path: Path, end: str, code: int
) -> None:
    """A forked child's end leaves the meter alone, and no process outlives an unclosed meter."""
    script = tmp_path / "life.py"
    script.write_text(LIFE)
    root = str(Path(__file__).parents[3])
    owner = subprocess.Popen(
        [sys.executable, "-W", "error", str(script), str(powercap.root), end],
        env={**os.environ, "PYTHONPATH": root},
        start_new_session=True,
    )
    assert owner.wait(timeout=120) == code
    _, left = psutil.wait_procs(
        [p for p in psutil.process_iter() if _session(p.pid) == owner.pid], timeout=20
    )
    assert left == []


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
