"""How many threads tokenise: those of this process that ran meanwhile, as the kernel counts."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

TASKS = Path("/proc/self/task")
VARIABLES = ("TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS")
"""What the library ``tokenizers`` reads: whether it uses threads, and how many."""


class ThreadWatch:
    """Context that counts the threads which compute in it.

    Python's other threads, such as the one that samples counters, are not counted. The Rust library
    decides when it is first used, so the variables that it reads say little: what ran does.
    """

    def __init__(self) -> None:
        """Count nothing yet."""
        self._before: dict[int, int] = {}
        self.count: int | None = None
        """Threads that ran; None if the kernel does not say."""

    def __enter__(self) -> Self:
        """Note how long each thread has run."""
        self._before = _run_ns()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Count the threads that have run since."""
        after = _run_ns()
        if not after:
            return
        others = {thread.native_id for thread in threading.enumerate()}
        others.discard(threading.get_native_id())
        self.count = 0
        for task, run_ns in after.items():
            if task not in others and run_ns > self._before.get(task, 0):
                self.count += 1

    @property
    def evidence(self) -> dict[str, object]:
        """The counted threads, and the variables of the environment that choose them."""
        chosen = {name.lower(): os.environ.get(name) for name in VARIABLES}
        return {"threads": self.count, **chosen}


def _run_ns() -> dict[int, int]:
    """Return the nanoseconds that each thread of this process has run; empty if unknown."""
    times = {}
    for task in TASKS.glob("*/schedstat"):
        try:
            times[int(task.parent.name)] = int(task.read_text().split()[0])
        except (OSError, IndexError, ValueError):  # it has ended
            continue
    return times
