"""A simulated ``/sys/class/powercap/intel-rapl``: the files that Zeus reads, with counters that a test moves by hand.

Holds no clock and models no power: a zone counts what it is told, and wraps as the hardware does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RANGE_J = 262143.32885
"""``max_energy_range_uj`` of most Intel and AMD processors, in joules."""


class Zone:
    """One zone's folder. Its counter starts at ``joules``."""

    def __init__(self, folder: Path, name: str, joules: float) -> None:
        """Write the files of a zone called ``name`` into ``folder``."""
        folder.mkdir(parents=True)
        self.folder = folder
        self._joules = joules
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE_J * 1e6:.0f}\n")
        self.use(0)

    def use(self, joules: float) -> None:
        """Let the zone use ``joules`` (a negative number is a counter that runs backwards); wraps at ``RANGE_J``."""
        self._joules = (self._joules + joules) % RANGE_J
        fresh = self.folder / "fresh"
        fresh.write_text(f"{self._joules * 1e6:.0f}\n")
        os.replace(fresh, self.folder / "energy_uj")  # noqa: PTH105 - one step: no reader ever sees an empty file


class Powercap:
    """The folder of all zones."""

    def __init__(self, root: Path) -> None:
        """Start without any zone."""
        self.root = root
        root.mkdir()

    def zone(self, number: int, name: str, joules: float = 1000) -> Zone:
        """Add ``intel-rapl:<number>``."""
        return Zone(self.root / f"intel-rapl:{number}", name, joules)

    def subzone(self, number: int, below: int, name: str, joules: float = 1000) -> Zone:
        """Add ``intel-rapl:<number>:<below>``, such as the memory of a package."""
        return Zone(self.root / f"intel-rapl:{number}" / f"intel-rapl:{number}:{below}", name, joules)
