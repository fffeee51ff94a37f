"""Zeus reads RAPL through zeusd over a socket, and its joules are checked like any others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.energy import open_meter
from tests.simulators.zeusd import Zeusd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulators.powercap import Powercap, Zone

RANGE_J = 700.0


class Late:
    """Returns the counter, plus a range for each wrap, added half a second after it happened."""

    def __init__(self, zone: Zone) -> None:
        self._zone, self._wraps = zone, [0.0]

    def __call__(self) -> int:
        shown = int((self._zone.folder / "energy_uj").read_text())
        wraps = int(self._zone.true_j // RANGE_J)
        while len(self._wraps) <= wraps:
            self._wraps.append(time.monotonic() + 0.5)
        counted = sum(1 for at in self._wraps[1:] if at < time.monotonic())
        return shown + int(counted * RANGE_J * 1e6)


@pytest.fixture
def package(powercap: Powercap) -> Zone:
    """Give a package whose counter wraps every 700 J."""
    return powercap.zone(0, "package-0", 1.0, range_j=RANGE_J)


@pytest.fixture
def zeusd(package: Zone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zeusd]:
    """Give a daemon that serves it, known to Zeus."""
    socket = tmp_path / "s"
    daemon = Zeusd(socket, Late(package))
    monkeypatch.setenv("ZEUSD_SOCK_PATH", str(socket))
    yield daemon
    daemon.close()


@pytest.mark.usefixtures("zeusd")
def test_wraps_that_the_daemon_counts_late_are_counted_once(package: Zone) -> None:
    """Several wraps in the window, each added by the daemon half a second later, count once."""
    with open_meter((), calibrate_s=0.1) as meter, package.driven(900):
        before = package.true_j
        with meter.window("stage"):
            time.sleep(1.8)
        true = package.true_j - before
        (window,) = meter.take()
    assert true > 2 * RANGE_J
    # A busy machine reads late at both edges; a wrap that counts twice, or not, is a whole range.
    assert window.energy.cpu_j == pytest.approx(true, abs=RANGE_J / 2)


def test_a_daemon_that_fails_for_a_while_costs_no_session(zeusd: Zeusd, package: Zone) -> None:
    """In mid-window a failure costs nothing, at an edge the joules; the next window is whole."""
    with open_meter((), calibrate_s=0.1) as meter, package.driven(100):
        counted = [package.true_j]
        with meter.window("between"):
            time.sleep(0.2)
            zeusd.failing = True
            time.sleep(0.05)
            zeusd.failing = False
            time.sleep(0.2)
        counted.append(package.true_j)
        with meter.window("edge"):
            time.sleep(0.1)
            zeusd.failing = True
        zeusd.failing = False
        counted.append(package.true_j)
        with meter.window("after"):
            time.sleep(0.3)
        counted.append(package.true_j)
        between, edge, after = (w.energy for w in meter.take())
    first, second, third, fourth = counted
    assert between.cpu_j == pytest.approx(second - first, abs=20)
    assert edge.cpu_j is None
    assert "could not be read at the window's end" in edge.reasons["cpu"]
    assert after.cpu_j == pytest.approx(fourth - third, abs=20)
