"""What the tests of blocks share: a simulated processor, and meters that open at once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from greenbench.api.process_meters import METERS
from greenbench.machine.energy import meter as meter_module
from greenbench.machine.energy import rapl_sensors
from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.simulators.powercap import Zone


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Give a processor whose counter a test moves by hand, the only one that blocks see."""
    tree = Powercap(tmp_path / "intel-rapl")
    monkeypatch.setattr(rapl_sensors, "FOLDERS", (tree.root,))
    opened_at_once = functools.partial(meter_module.open_meter, calibrate_s=0)
    monkeypatch.setattr(meter_module, "open_meter", opened_at_once)
    METERS.close()
    yield tree.zone(0, "package-0")
    METERS.close()


@pytest.fixture
def no_counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the machine's own counters: the CPU is estimated."""
    monkeypatch.setattr(rapl_sensors, "FOLDERS", (tmp_path / "nothing here",))
    METERS.close()
    yield
    METERS.close()
