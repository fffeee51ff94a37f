"""The thread that reads counters between the edges of windows, and knows what it costs itself.

A thread and no process: it ends with the run, however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OFTEN_S = 0.1
"""Between two readings where a power sensor is integrated: a GPU's cell leaves the CPU room for that."""
SELDOM_S = 0.5
"""Between two readings of RAPL alone, and of temperatures and clocks. A wrap takes minutes; and on a CPU whose every core
computes each wake-up holds all of them up: ten a second cost 2 to 3 % on two cores, two about 1 %."""


class Sampler(threading.Thread):
    """Calls a function again and again until it is told to end."""

    def __init__(
        self, tick: Callable[[], None], also: Callable[[], None], interval_s: float
    ) -> None:
        """Call ``tick`` every ``interval_s``, and ``also`` every ``SELDOM_S``."""
        super().__init__(name="greenbench sampler", daemon=True)
        self.cpu_seconds = 0.0
        """CPU seconds that the thread itself has used."""
        self.ticks = 0
        self.since = time.perf_counter()
        self._tick, self._also, self.interval_s = tick, also, interval_s
        self._stop_asked = threading.Event()
        self._error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._stop_asked.is_set()

    def run(self) -> None:
        """Tick until the end."""
        due = time.perf_counter()
        while not self._stop_asked.wait(max(0.0, due - time.perf_counter())):
            try:
                self._tick()
                if self.ticks % round(SELDOM_S / self.interval_s) == 0:
                    self._also()
            except Exception as error:  # noqa: BLE001  raised again in the measuring thread, at the next window's edge
                self._error = error
                return
            self.ticks += 1
            self.cpu_seconds = time.thread_time()
            # A late tick is not made up for: two at once would tell nothing more.
            due = max(due + self.interval_s, time.perf_counter())

    def check(self) -> None:
        """Raise what ended the thread, if something did: windows without samples would be judged as if nothing had been."""
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Stop, and wait for it."""
        self._stop_asked.set()
        if self.is_alive():
            self.join()
