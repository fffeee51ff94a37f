"""What the energy tests share: RAPL in a simulated powercap tree, read as it is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.machine.energy import rapl_sensors
from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Powercap:
    """Give a powercap tree without zones, the only one there is."""
    tree = Powercap(tmp_path / "intel-rapl")
    monkeypatch.setattr(rapl_sensors, "FOLDERS", (tree.root,))
    return tree


@pytest.fixture
def no_rapl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the machine's own RAPL."""
    monkeypatch.setattr(rapl_sensors, "FOLDERS", (tmp_path / "nothing here",))
