"""A simulated ``/sys/class/powercap/intel-rapl``: files for Zeus, with counters that a test moves.

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
    """One zone's folder. Its counter starts at ``joules`` and wraps at ``range_j``."""

    def __init__(self, folder: Path, name: str, joules: float, range_j: float = RANGE_J) -> None:
        """Write the files of a zone called ``name`` into ``folder``."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.stuck = False
        """Whether its file stays as it is while it uses more."""
        self.unit_factor = 1.0
        """What its counter is multiplied by."""
        self._start, self._range_j = joules, range_j
        self._used = self._watts = self._shown = 0.0
        self._since = time.monotonic()
        self._mode = 0o644
        self._lock = threading.RLock()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{range_j * 1e6:.0f}\n")
        self.use(0)

    @property
    def true_j(self) -> float:
        """Exactly what it has used since it was made, whatever its file shows."""
        with self._lock:
            self._settle()
            return self._used

    def use(self, joules: float) -> None:
        """Let the zone use ``joules`` (a negative number is a counter that runs backwards)."""
        with self._lock:
            self._used += joules
            if not self.stuck:
                self.show(self._counter_j())

    def show(self, joules: float) -> None:
        """Write ``joules`` into the zone's file, whatever it has used."""
        with self._lock:
            self._shown = joules
            fresh = self.folder / "fresh"
            fresh.write_text(f"{joules * 1e6:.0f}\n")
            fresh.chmod(self._mode)
            os.replace(fresh, self.folder / "energy_uj")  # noqa: PTH105 - one step: no reader ever sees an empty file

    def stick(self) -> None:
        """Let the file stand still; the zone goes on."""
        self.stuck = True

    def release(self, *, catch_up: bool = True) -> None:
        """Let the file go on, from the truth or from where it stood."""
        with self._lock:
            if self.stuck and not catch_up:
                self._start += self._shown - self._counter_j()
            self.stuck = False

    def fall(self, joules: float) -> None:
        """Let the counter show ``joules`` less from now on, though nothing was given back."""
        with self._lock:
            self._start -= joules

    def jump(self, joules: float) -> None:
        """Let the counter show ``joules`` more from now on, though nothing was used."""
        self.fall(-joules)

    def restart(self) -> None:
        """Let the counter begin at 0 again, as a reset does."""
        self.fall(self._counter_j())

    def design(self, watts: float, number: int = 0) -> None:
        """State ``watts`` as the most that limit ``number`` may be set to."""
        file = self.folder / f"constraint_{number}_max_power_uw"
        file.write_text(f"{watts * 1e6:.0f}\n")

    def limit(self, watts: float, number: int = 0) -> None:
        """State that the power limit ``number`` is set to ``watts``."""
        file = self.folder / f"constraint_{number}_power_limit_uw"
        file.write_text(f"{watts * 1e6:.0f}\n")

    def forbid(self) -> None:
        """Take everybody's permission to read the counter. Root reads it all the same."""
        self._allow(0)

    def allow(self) -> None:
        """Let everybody read the counter again."""
        self._allow(0o644)

    @contextlib.contextmanager
    def driven(self, watts: float) -> Iterator[None]:
        """Use ``watts`` while the block runs; its file moves every two milliseconds."""
        done = threading.Event()
        thread = threading.Thread(target=self._drive, args=(done,))
        self._draw(watts)
        thread.start()
        try:
            yield
        finally:
            self._draw(-watts)
            done.set()
            thread.join()
            self.use(0)

    def _counter_j(self) -> float:
        return (self._start + self.true_j * self.unit_factor) % self._range_j

    def _draw(self, watts: float) -> None:
        with self._lock:
            self._settle()
            self._watts += watts

    def _settle(self) -> None:
        now = time.monotonic()
        self._used += self._watts * (now - self._since)
        self._since = now

    def _drive(self, done: threading.Event) -> None:
        while not done.wait(STEP_S):
            self.use(0)

    def _allow(self, mode: int) -> None:
        with self._lock:
            self._mode = mode
            (self.folder / "energy_uj").chmod(mode)


class Powercap:
    """The folder of all zones."""

    def __init__(self, root: Path) -> None:
        """Start without any zone."""
        self.root = root
        root.mkdir()

    def zone(self, number: int, name: str, joules: float = 1000, range_j: float = RANGE_J) -> Zone:
        """Add ``intel-rapl:<number>``."""
        return Zone(self.root / f"intel-rapl:{number}", name, joules, range_j)

    def subzone(
        self, number: int, below: int, name: str, joules: float = 1000, range_j: float = RANGE_J
    ) -> Zone:
        """Add ``intel-rapl:<number>:<below>``, such as the memory of a package."""
        return Zone(
            self.root / f"intel-rapl:{number}" / f"intel-rapl:{number}:{below}",
            name,
            joules,
            range_j,
        )
