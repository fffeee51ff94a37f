"""A simulated ``/sys/cray/pm_counters`` of an HPE Cray node, moved by hand or by steady watts."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCAN_S = 0.1


class PmCounters:
    """The folder, with one file for each counter, in whole joules beside a time stamp."""

    def __init__(self, root: Path, **joules: float) -> None:
        """Write a file for each of ``joules``, and ``freshness``."""
        root.mkdir()
        self.root = root
        self.joules = dict(joules)
        """What each counter has counted exactly; its file shows whole joules."""
        self.scans = 0
        self._lock = threading.Lock()
        self.scan()

    def use(self, **joules: float) -> None:
        """Let counters go on; the files show it with the next scan."""
        with self._lock:
            for name, amount in joules.items():
                self.joules[name] += amount

    def scan(self) -> None:
        """Show what was counted until now."""
        with self._lock:
            self.scans += 1
            stamp = time.time_ns() // 1000
            for name, joules in self.joules.items():
                self.show(name, f"{int(joules)} J {stamp} us")
            self.show("freshness", f"{self.scans}")

    def show(self, name: str, text: str) -> None:
        """Write a file, in one step."""
        fresh = self.root / "fresh"
        fresh.write_text(f"{text}\n")
        os.replace(fresh, self.root / name)  # noqa: PTH105  as the powercap simulator does

    @contextlib.contextmanager
    def scanned(self, every_s: float = SCAN_S, **watts: float) -> Iterator[None]:
        """Scan again and again while the block runs, at steady ``watts``."""
        done = threading.Event()

        def run() -> None:
            last = time.monotonic()
            while not done.wait(every_s):
                now = time.monotonic()
                self.use(**{name: power * (now - last) for name, power in watts.items()})
                self.scan()
                last = now

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
