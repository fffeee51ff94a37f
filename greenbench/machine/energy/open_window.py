"""A window between its edges: the clock runs, and every source was read once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from greenbench.machine.energy.windows import window_energy

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.machine.energy.idle import Idle
    from greenbench.machine.energy.sources import EnergySources
    from greenbench.types import Energy


class OpenWindow:
    """Reads the sources when it is made and once more at its end; ``cancel`` ends it without."""

    def __init__(
        self, key: str, sources: EnergySources, synchronize: Callable[[], None] | None = None
    ) -> None:
        """Open it; ``key`` is that of no other open window of these sources.

        ``synchronize`` waits for the device's queued work, at both edges before anything is read.
        """
        self._key = key
        self._sources = sources
        self._synchronize = synchronize
        if synchronize is not None:
            synchronize()
        try:
            sources.begin(key)
        except BaseException:
            sources.cancel(key)
            raise
        self._started = time.perf_counter()

    def end(self, idle: Idle, *, synchronized: bool = True) -> tuple[float, Energy]:
        """Return seconds and joules, net of ``idle`` too.

        A device that raised is not waited for again: ``synchronized`` is False then.
        """
        if synchronized and self._synchronize is not None:
            self._synchronize()
        seconds = time.perf_counter() - self._started
        readings = self._sources.end(self._key, seconds)
        return seconds, window_energy(readings, seconds, self._sources, idle)

    def cancel(self) -> None:
        """Forget it; does nothing after its end."""
        self._sources.cancel(self._key)
