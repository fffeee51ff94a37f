"""What a program may take, how it ended, and what isolated it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from greenbench.sandbox.seccomp import missing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

End = Literal["exit", "timeout", "memory", "output", "signal"]
BackendKind = Literal["bubblewrap", "namespaces", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may take.

    ``cpu_seconds``, ``memory_bytes``, ``file_bytes`` and ``open_files`` hold for each of its
    processes; ``total_bytes`` for all of them and their files together, if a control group can be
    made. ``cpu_seconds`` are rounded up to whole seconds. ``memory_bytes`` is address space; None
    sets no limit, for a virtual machine, which reserves more than it uses and is limited by a flag
    of its own. ``output_bytes`` is for stdout and stderr each. ``processes`` counts threads too,
    the first one included; a JVM takes some thirty. ``scratch_bytes`` is for all files together.
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
class RunRequest:
    """A program that is to be run."""

    command: Sequence[str]
    files: Mapping[str, str | bytes]
    stdin: str = ""
    limits: Limits = LIMITS
    shown: Sequence[Path] = ()
    """Folders or files that the program may read beside the system and its own installation."""

    def contents(self) -> dict[str, bytes]:
        """Return the files as bytes; a lone surrogate stays as it is, the program's own error."""
        contents = {}
        for name, content in self.files.items():
            if isinstance(content, str):
                contents[name] = content.encode("utf-8", "surrogatepass")
            else:
                contents[name] = content
        return contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """Which protections were in force, in words; "not isolated: <reason>" for one that was not."""

    backend: str
    """What isolated it: ``bubblewrap 0.8.0``, ``namespaces`` or ``none``."""
    network: str
    processes: str
    user: str
    files: str
    sums: str
    """Whether memory and processes were limited in total."""
    system_calls: str = ""
    """``filtered``, or why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a program ended.

    ``exit_code`` is known if it exited, ``signal`` (its name) if a signal ended it, neither if it
    was ended by us. ``stdout`` and ``stderr`` are cut at the limit, with bytes that are not UTF-8
    replaced. ``seconds`` is wall clock from the start of the program, without setting up and
    clearing away.
    """

    end: End
    exit_code: int | None
    signal: str | None
    stdout: str
    stderr: str
    seconds: float
    isolation: Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What isolates programs; ``reason`` says why it is not a stronger one."""

    kind: BackendKind
    own_uid: bool
    """Whether root starts it, who can give the program a uid that nobody else has."""
    version: str = ""
    reason: str = ""

    @property
    def isolates(self) -> bool:
        """Whether a program has namespaces of its own at all."""
        return self.kind != "none"

    def isolation(self, sums: str) -> Isolation:
        """Return the same in words; ``sums`` says whether a control group limits totals."""
        backend = f"{self.kind} {self.version}".strip()
        if self.isolates:
            return Isolation(
                backend=backend,
                network="unshared",
                processes="pid namespace",
                user="uid of its own" if self.own_uid else "the caller's uid, user namespace",
                files="system read-only, private scratch",
                sums=sums,
                system_calls=f"not filtered: {missing()}" if missing() else "filtered",
            )
        lacking = f"not isolated: {self.reason}"
        return Isolation(
            backend=backend,
            network=lacking,
            processes=f"session, swept afterwards ({lacking})",
            user="uid of its own" if self.own_uid else "the caller's uid",
            files=lacking,
            sums=sums,
            system_calls=lacking,
        )
