"""The thread that reads counters between the edges of windows, and counts its own CPU seconds.

A thread and not a process: it ends with the run, however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OFTEN_S = 0.1
"""Between two readings of the counters: a counter that stands still for longer shows it.

A wake-up holds up a computation on all cores, and costs 0.2 to 0.3 ms of one core when all are
busy.
"""
SELDOM_S = 0.5
"""Between two readings of temperatures and clocks."""


class Sampler(threading.Thread):
    """Calls a function again and again until it is stopped."""

    def __init__(self, tick: Callable[[], None], also: Callable[[], None]) -> None:
        """Call ``tick`` every ``OFTEN_S``, and ``also`` every ``SELDOM_S``."""
        super().__init__(name="greenbench sampler", daemon=True)
        self.cpu_seconds = 0.0
        """CPU seconds that the thread itself has used."""
        self.ticks = 0
        self.since = time.perf_counter()
        self.interval_s = OFTEN_S
        self._tick = tick
        self._also = also
        self._ticks_between_also = round(SELDOM_S / OFTEN_S)
        self._stop_requested = threading.Event()
        self._error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether the thread was stopped."""
        return self._stop_requested.is_set()

    def run(self) -> None:
        """Tick until the thread is stopped."""
        due = time.perf_counter()
        while not self._stop_requested.wait(max(0.0, due - time.perf_counter())):
            try:
                self._tick()
                if self.ticks % self._ticks_between_also == 0:
                    self._also()
            except Exception as error:  # noqa: BLE001  check() raises it in the measuring thread
                self._error = error
                return
            self.ticks += 1
            self.cpu_seconds = time.thread_time()
            # A late tick is not made up for: two at once would show nothing more.
            due = max(due + self.interval_s, time.perf_counter())

    def check(self) -> None:
        """Raise the exception that ended the thread, if any: windows would lack their samples."""
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Stop the thread, and wait for it."""
        self._stop_requested.set()
        if self.is_alive():
            self.join()
