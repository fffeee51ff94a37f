"""A block of code that is measured."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from greenbench.api.measurement import Measurement
from greenbench.api.notes import FORKED, Circumstances, warnings_of
from greenbench.api.process_meters import METERS
from greenbench.api.running import RUNNING
from greenbench.errors import UsageError
from greenbench.types import CHANNELS, Energy

if TYPE_CHECKING:
    from types import TracebackType

    from greenbench.api.process_meters import MeterScope
    from greenbench.api.running import RunningBlock
    from greenbench.machine.cpu_state import Snapshot
    from greenbench.machine.energy.meter import Meter
    from greenbench.machine.energy.open_window import OpenWindow


class CodeBlock:
    """What ``greenbench.measure`` returns: a context manager for one use."""

    def __init__(self, name: str, scope: MeterScope, rest_s: float) -> None:
        """Measure nothing yet.

        ``rest_s`` are the seconds in which the machine rests before the meter's first block, so
        that its idle power is known.
        """
        self.measurement = Measurement(name)
        self._scope = scope
        self._rest_s = rest_s
        self._entered = False
        self._owner = os.getpid()
        self._started = 0.0
        self._meter: Meter
        self._window: OpenWindow
        self._running: RunningBlock
        self._before: Snapshot | None = None

    def __enter__(self) -> Measurement:
        """Open the meter, if no block has done so, and a window in it."""
        name = self.measurement.name
        if self._entered:
            again = "call greenbench.measure again for another one"
            raise UsageError(f"measure({name!r}): this block was entered before; {again}")
        self._entered = True
        self._owner = os.getpid()
        rest_s = 0.0 if RUNNING else self._rest_s
        self._meter = METERS.meter(self._scope, rest_s)
        self._running = RUNNING.begin(name)
        try:
            self._open()
        except BaseException:
            RUNNING.end(self._running)
            raise
        return self.measurement

    def _open(self) -> None:
        from greenbench.machine import cpu_state

        if self._running.outermost:  # within another block it would be part of that one
            self._before = cpu_state.snapshot()
        key = f"block {self._running.number}"
        self._started = time.perf_counter()
        self._window = self._meter.open_window(key)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Close the window; an exception of the block goes through, its joules until then known."""
        if os.getpid() != self._owner:
            self._finish_in_child()
            return
        try:
            idle = self._meter.idle
            seconds, energy = self._window.end(idle, synchronized=error is None)
        except BaseException:
            self._window.cancel()
            raise
        finally:
            RUNNING.end(self._running)
        circumstances = Circumstances(
            error=error,
            beside=tuple(sorted(self._running.beside)),
            machine=self._machine_warnings(seconds),
            shortest_s=self._meter.shortest_s,
            no_idle=bool(self._rest_s) and not self._meter.idle.watts,
        )
        warnings = warnings_of(energy, seconds, circumstances)
        self.measurement.finish(seconds, energy, warnings)

    def _finish_in_child(self) -> None:
        """Close what a forked child inherited: the counters are followed by the parent alone."""
        sources = dict.fromkeys(CHANNELS, "none")
        reasons = dict.fromkeys(CHANNELS, FORKED)
        seconds = time.perf_counter() - self._started
        self.measurement.finish(seconds, Energy(sources=sources, reasons=reasons), ())

    def _machine_warnings(self, seconds: float) -> tuple[str, ...]:
        from greenbench.machine import cpu_state

        if self._before is None or seconds < cpu_state.SHORTEST_S:
            return ()
        _record, warnings = cpu_state.between(self._before, cpu_state.snapshot())
        return warnings
