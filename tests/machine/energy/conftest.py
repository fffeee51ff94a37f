"""What the energy tests share: Zeus pointed at a simulated powercap tree, otherwise as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import zeus.device.cpu
from zeus.device.cpu import rapl

from tests.simulators.powercap import Powercap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _point_zeus_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapl, "RAPL_DIR", str(folder))
    monkeypatch.setattr(rapl, "CONTAINER_RAPL_DIR", str(folder))
    monkeypatch.setattr(zeus.device.cpu, "_cpus", None)
    rapl.rapl_is_available.cache_clear()


@pytest.fixture
def powercap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Powercap]:
    """Give a powercap tree without zones, the only one that Zeus sees."""
    tree = Powercap(tmp_path / "intel-rapl")
    _point_zeus_at(tree.root, monkeypatch)
    yield tree
    rapl.rapl_is_available.cache_clear()


@pytest.fixture
def no_rapl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the machine's own RAPL."""
    _point_zeus_at(tmp_path / "nothing here", monkeypatch)
    yield
    rapl.rapl_is_available.cache_clear()
