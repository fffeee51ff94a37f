"""What a program may take, how it ended, and what shut it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

End = Literal["exit", "timeout", "memory", "output", "signal"]
Kind = Literal["bubblewrap", "namespaces", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may take.

    ``cpu_seconds``, ``memory_bytes``, ``file_bytes`` and ``open_files`` hold for each of its processes; ``total_bytes`` for all
    of them and their files in sum, where a control group can be had. ``cpu_seconds`` are rounded up to whole seconds.
    ``memory_bytes`` is address space; None sets no limit, for a virtual machine, which reserves more than it uses and is held
    with a flag of its own. ``output_bytes`` is for stdout and stderr each. ``processes`` counts threads too, the first one
    included; a JVM takes some thirty. ``scratch_bytes`` is what all files together may take.
    """

    wall_seconds: float = 10
    cpu_seconds: float = 5
    memory_bytes: int | None = 512 << 20
    total_bytes: int = 1 << 30
    output_bytes: int = 64 << 10
    processes: int = 16
    file_bytes: int = 1 << 20
    scratch_bytes: int = 32 << 20
    open_files: int = 64


LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run as it is asked for."""

    command: Sequence[str]
    files: Mapping[str, str | bytes]
    stdin: str = ""
    limits: Limits = LIMITS
    shown: Sequence[Path] = ()
    """Folders or files that the program may read beside the system and its own installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Which protections were in force, in words for the record; "not isolated: <reason>" where one could not be had."""

    wall: str
    """What shuts it in: ``bubblewrap 0.8.0``, ``namespaces`` or ``none``."""
    network: str
    processes: str
    user: str
    files: str
    sums: str
    """Whether memory and processes are limited in sum."""


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

    kind: Kind
    own_uid: bool
    """Whether root starts it, who can give the program a uid that is nobody's."""
    version: str = ""
    reason: str = ""

    @property
    def walls(self) -> bool:
        """Whether it has namespaces of its own at all."""
        return self.kind != "none"

    def isolation(self, sums: str) -> Isolation:
        """Return the same in words; ``sums`` is what a control group holds."""
        lacking = f"not isolated: {self.reason}"
        return Isolation(
            wall=f"{self.kind} {self.version}".strip(),
            network="unshared" if self.walls else lacking,
            processes="pid namespace" if self.walls else f"session, swept afterwards ({lacking})",
            user="uid of its own"
            if self.own_uid
            else f"the caller's uid{', user namespace' * self.walls}",
            files="system read-only, private scratch" if self.walls else lacking,
            sums=sums,
        )
