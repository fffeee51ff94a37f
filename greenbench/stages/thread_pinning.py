"""Every thread of the process on certain processors, and back."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ThreadPinning:
    """Context in which every thread of the process may run on ``processors`` alone."""

    def __init__(self, processors: Iterable[int]) -> None:
        """Pin nothing yet."""
        self.processors = set(processors)
        self._before: dict[int, set[int]] = {}

    def __enter__(self) -> Self:
        """Pin all threads; those that they start inherit it."""
        for thread in _threads():
            self._before[thread] = os.sched_getaffinity(thread)
        for thread in self._before:
            _pin(thread, self.processors)
        return self

    def __exit__(self, *_: object) -> None:
        """Give each thread its processors back, and those of the first one to new threads."""
        main = self._before[os.getpid()]
        for thread in _threads():
            _pin(thread, self._before.get(thread, main))


def processors_in_use() -> list[set[int]]:
    """Return the processors that each thread may run on; one that has ended has none."""
    processors = []
    for thread in _threads():
        with contextlib.suppress(ProcessLookupError):
            processors.append(os.sched_getaffinity(thread))
    return processors


def strays(processors: set[int], in_use: Sequence[set[int]]) -> str:
    """Say how many threads may also run elsewhere; empty if none may.

    Fewer processors are allowed: OpenMP binds a thread to one of those that it is given.
    """
    outside = [own for own in in_use if not own <= processors]
    return f"{len(outside)} of {len(in_use)} threads" if outside else ""


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


def _pin(thread: int, processors: set[int]) -> None:
    with contextlib.suppress(ProcessLookupError):  # the thread has ended
        os.sched_setaffinity(thread, processors)
