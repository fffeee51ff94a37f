"""The simulated RAPL does what it says."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.simulators.powercap import Powercap, Zone

if TYPE_CHECKING:
    from pathlib import Path

UJ = 1e-6


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    """Give a zone of 500 J that stands at 100 J."""
    return Powercap(tmp_path / "intel-rapl").zone(0, "package-0", 100, range_j=500)


def shown(zone: Zone) -> float:
    """Return the joules in the zone's file."""
    return int((zone.folder / "energy_uj").read_text()) * UJ


def test_it_counts_what_it_is_told_and_wraps(zone: Zone) -> None:
    """At its own range, which it shows."""
    zone.use(30)
    assert shown(zone) == pytest.approx(130)
    zone.use(380)
    assert shown(zone) == pytest.approx(10)
    assert zone.true_j == 410
    assert int((zone.folder / "max_energy_range_uj").read_text()) * UJ == pytest.approx(500)


def test_driven_it_uses_power_times_time(zone: Zone) -> None:
    """The used joules are power times time; the file follows, wraps and never exceeds the truth."""
    zone.use(350)
    before = time.monotonic()
    with zone.driven(1000):
        after = time.monotonic()
        for _ in range(60):
            time.sleep(0.005)
            seen, true = shown(zone), zone.true_j
            assert (100 + true - seen) % 500 < 250
        end = time.monotonic()
    used = zone.true_j
    assert 1000 * (end - after) <= used - 350 <= 1000 * (time.monotonic() - before)
    assert shown(zone) == pytest.approx((100 + used) % 500, abs=1e-5)
    time.sleep(0.01)
    assert zone.true_j == used


def test_two_drives_add_up(zone: Zone) -> None:
    """One within the other."""
    with zone.driven(100), zone.driven(200):
        start, first = time.monotonic(), zone.true_j
        time.sleep(0.05)
        last, end = zone.true_j, time.monotonic()
    assert 300 * 0.05 <= last - first <= 300 * (end - start)


@pytest.mark.parametrize("catch_up", [True, False])
def test_a_stuck_zone_stands_still(zone: Zone, catch_up: bool) -> None:  # noqa: FBT001
    """Released it either shows all that was used meanwhile, or stays behind by it."""
    zone.stick()
    zone.use(40)
    assert shown(zone) == pytest.approx(100)
    zone.release(catch_up=catch_up)
    zone.use(5)
    assert shown(zone) == pytest.approx(145 if catch_up else 105)
    assert zone.true_j == 45


def test_a_forbidden_zone_stays_forbidden_while_it_counts(zone: Zone) -> None:
    """Its file is replaced at every step, and nobody but root may read the new one either."""
    file = zone.folder / "energy_uj"
    zone.forbid()
    zone.use(1)
    assert file.stat().st_mode & 0o777 == 0
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            shown(zone)
    zone.allow()
    assert shown(zone) == pytest.approx(101)


def test_readers_never_see_half_a_file(zone: Zone) -> None:
    """However fast it counts."""
    with zone.driven(10):
        assert all(shown(zone) >= 100 for _ in range(2000))
