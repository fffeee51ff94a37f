"""What a program may take, how it ended, and what shut it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

End = Literal["exit", "timeout", "memory", "output", "signal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may take. All but wall clock, output and ``processes`` hold for each of its processes, not for their sum.

    ``cpu_seconds`` are rounded up to whole seconds. ``memory_bytes`` is address space; None sets no limit, for a JVM, which
    reserves more than it uses and is held with ``-Xmx``. ``output_bytes`` is for stdout and stderr each. ``processes``
    counts threads too, the first one included; a JVM takes some thirty. ``file_bytes`` is for each file.
    """

    wall_seconds: float = 10
    cpu_seconds: float = 5
    memory_bytes: int | None = 512 << 20
    output_bytes: int = 64 << 10
    processes: int = 16
    file_bytes: int = 1 << 20
    open_files: int = 64


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Which protections were in force, in words for the record; "not isolated: <reason>" where one could not be had."""

    network: str
    processes: str
    user: str
    files: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ended: ``exit_code`` where it exited, ``signal`` (its name) where a signal ended it, neither where we did.

    ``stdout`` and ``stderr`` are cut at the limit; bytes that are not UTF-8 are replaced. ``seconds`` is wall clock from the
    start of the program, without setting up and clearing away.
    """

    end: End
    exit_code: int | None
    signal: str | None
    stdout: str
    stderr: str
    seconds: float
    isolation: Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of shutting a program in; ``reason`` says why it is not a stronger one."""

    namespaces: bool
    own_uid: bool
    reason: str = ""

    @property
    def isolation(self) -> Isolation:
        """The same in words."""
        lacking = f"not isolated: {self.reason}"
        return Isolation(
            network="unshared" if self.namespaces else lacking,
            processes="pid namespace" if self.namespaces else f"session, swept afterwards ({lacking})",
            user="uid of its own" if self.own_uid else f"the caller's uid{', user namespace' * self.namespaces}",
            files="temporary folders of its own" if self.namespaces else lacking,
        )
