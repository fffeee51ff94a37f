"""A simulated ``/sys/class/powercap/intel-rapl``: the files that Zeus reads, with counters that a test moves.

A zone counts what it is told, by hand or as steady watts, and wraps as the hardware does.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RANGE_J = 262143.32885
"""``max_energy_range_uj`` of most Intel and AMD processors, in joules."""
STEP_S = 0.002


class Zone:
    """One zone's folder. Its counter starts at ``joules``."""

    def __init__(self, folder: Path, name: str, joules: float, range_j: float = RANGE_J) -> None:
        """Write the files of a zone called ``name`` into ``folder``."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.true_j = 0.0
        """What it has used since it was made."""
        self.stuck = False
        """Whether its file stays as it is while it uses more."""
        self.unit_factor = 1.0
        self._start, self._range_j = joules, range_j
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_j * 1e6:.0f}\n")
        self.use(0)

    def use(self, joules: float) -> None:
        """Let the zone use ``joules`` (a negative number is a counter that runs backwards)."""
        self.true_j += joules
        if not self.stuck:
            self.show((self._start + self.true_j * self.unit_factor) % self._range_j)

    def show(self, joules: float) -> None:
        """Write ``joules`` into the zone's file, whatever it has used."""
        fresh = self.folder / "fresh"
        fresh.write_text(f"{joules * 1e6:.0f}\n")
        os.replace(fresh, self.folder / "energy_uj")  # noqa: PTH105 - one step: no reader ever sees an empty file

    @contextlib.contextmanager
    def driven(self, watts: float) -> Iterator[None]:
        """Use ``watts`` while the block runs; its file moves every two milliseconds."""
        done = threading.Event()
        thread = threading.Thread(target=self._drive, args=(watts, done))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _drive(self, watts: float, done: threading.Event) -> None:
        last = time.perf_counter()
        while not done.wait(STEP_S):
            now = time.perf_counter()
            self.use(watts * (now - last))
            last = now


class Powercap:
    """The folder of all zones."""

    def __init__(self, root: Path) -> None:
        """Start without any zone."""
        self.root = root
        root.mkdir()

    def zone(self, number: int, name: str, joules: float = 1000, range_j: float = RANGE_J) -> Zone:
        """Add ``intel-rapl:<number>``."""
        return Zone(self.root / f"intel-rapl:{number}", name, joules, range_j)

    def subzone(self, number: int, below: int, name: str, joules: float = 1000) -> Zone:
        """Add ``intel-rapl:<number>:<below>``, such as the memory of a package."""
        return Zone(self.root / f"intel-rapl:{number}" / f"intel-rapl:{number}:{below}", name, joules)
