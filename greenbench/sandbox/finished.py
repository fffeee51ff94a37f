"""Why a program ended, from what the kernel says of it and what it wrote."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.sandbox.cgroups import ControlGroup
from greenbench.sandbox.records import Ran

if TYPE_CHECKING:
    from greenbench.sandbox.pipes import Reason
    from greenbench.sandbox.records import Backend, End, Limits

_SHELL_SIGNAL = 128
_OUT_OF_MEMORY = re.compile(
    r"^MemoryError\b|\bjava\.lang\.OutOfMemoryError\b|\bstd::bad_alloc\b", re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is known of a program that has gone."""

    reason: Reason
    code: int
    """If it has ended: its exit code, negative or from 128 on for a signal."""
    stdout: bytes
    stderr: bytes
    seconds: float
    out_of_memory: bool
    """Whether the kernel killed for want of memory while it ran."""
    group: ControlGroup | str
    """Its control group, or why it had none."""


def describe(backend: Backend, limits: Limits, finished: Finished) -> Ran:
    """Return how a program ended, with its output cut at the limit."""
    most = limits.output_bytes
    stdout = finished.stdout[:most].decode("utf-8", "replace")
    stderr = finished.stderr[:most].decode("utf-8", "replace")
    group = finished.group
    sums = "control group" if isinstance(group, ControlGroup) else f"not limited: {group}"
    number = 0
    exit_code = None
    end: End
    if finished.reason == "ended":
        number = _signal_number(finished.code, backend)
        exit_code = None if number else finished.code
        end = _end(finished, number, stderr, limits)
    else:
        end = finished.reason
    return Ran(
        end=end,
        exit_code=exit_code,
        signal=_signal_name(number) if number else None,
        stdout=stdout,
        stderr=stderr,
        seconds=finished.seconds,
        isolation=backend.isolation(sums),
    )


def _signal_number(code: int, backend: Backend) -> int:
    """Return the signal that ended a program; 0 if it exited."""
    if code < 0:
        return -code
    if backend.isolates and _SHELL_SIGNAL < code <= _SHELL_SIGNAL + signal.SIGRTMAX:
        return code - _SHELL_SIGNAL
    return 0


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"


def _end(finished: Finished, number: int, stderr: str, limits: Limits) -> End:
    """Return why a program ended; SIGKILL is the kernel's for processor time if that can be."""
    used_up = finished.seconds >= limits.cpu_seconds
    if number == signal.SIGXCPU or (number == signal.SIGKILL and used_up):
        return "timeout"
    if number == signal.SIGKILL and finished.out_of_memory:
        return "memory"
    if finished.code and _OUT_OF_MEMORY.search(stderr):
        return "memory"
    return "signal" if number else "exit"
