"""Compiling a program once and running what came of it, each in a sandbox of its own.

A compiler that is fed hostile text is hostile itself, so it is shut in as well. What it makes leaves its sandbox as text on
stdout, and is unpacked anew in the sandbox of every run: no run sees what another one did.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench import sandbox
from greenbench.tasks.translation.execution.toolchains import (
    ENTRY,
    LIBRARY,
    MADE,
    SOURCES,
    TOOLCHAINS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.tasks.translation.execution.toolchains import Toolchain

_PACKED = "made.base64"
_COMPILE = f'mkdir {MADE} && "$@" >&2 && tar -czf made.tgz -C {MADE} . && base64 -w0 made.tgz'
_RUN = f'mkdir {MADE} && base64 -d {_PACKED} | tar -xzf - -C {MADE} && rm {_PACKED} || exit; ulimit -s 65536 2>&-; exec "$@"'
"""The stack is what contests give: programs may recurse deeply."""
_COMPILER_SAYS = re.compile(r"^(?:\S.*\berror\b.*|\w*Error\b.*)$", re.MULTILINE)
_PROGRAM_SAYS = re.compile(
    r"^(?:Exception in thread.*|[\w.]*(?:Error|Exception)\b.*|panic: .*|fatal error: .*|terminate called .*|.*Assertion .*)$",
    re.MULTILINE,
)


class Runner(Protocol):
    """Runs a command in a sandbox: ``sandbox.run``, or ``run`` of ``sandbox.Workers``."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str | bytes],
        stdin: str = ...,
        limits: sandbox.Limits = ...,
        shown: Sequence[Path] = ...,
    ) -> sandbox.Ran:
        """Run ``command`` among ``files``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """A program as it is given to a compiler."""

    files: Mapping[str, str | bytes]
    compiled: tuple[str, ...]
    """Those of the files that the compiler, or the interpreter, is told of."""
    entry: str = ""
    """The class to run, in Java."""
    checks: bool = False
    """Whether the program holds its own checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A program that can be run."""

    command: tuple[str, ...]
    files: Mapping[str, str | bytes]
    limits: sandbox.Limits
    runner: Runner
    shown: tuple[Path, ...] = ()
    """What it may read beside its files: packages."""

    def run(self, stdin: str = "") -> sandbox.Ran:
        """Run it on what it reads."""
        return self.runner(
            self.command, files=self.files, stdin=stdin, limits=self.limits, shown=self.shown
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBuilt:
    """A program that does not compile, and why."""

    note: str
    isolation: sandbox.Isolation


def missing(language: str) -> str | None:
    """Name the tool of a language that is not on PATH, with what would bring it, or return None."""
    chain = TOOLCHAINS[language]
    absent = next((tool for tool in chain.tools if shutil.which(tool) is None), None)
    return f"there is no {absent} on PATH; {chain.install}" if absent else None


def build(language: str, sources: Sources, runner: Runner) -> Built | NotBuilt:
    """Compile a program, or check that it is one where nothing is made."""
    chain = TOOLCHAINS[language]
    asked = _filled((sources.checks and chain.compile_checks) or chain.compile, chain, sources)
    command = ["sh", "-c", _COMPILE, "sh", *asked] if chain.makes else asked
    ran = runner(command, files=sources.files, limits=chain.compile_limits)
    if ran.end != "exit" or ran.exit_code != 0:
        return NotBuilt(note=_refusal(ran), isolation=ran.isolation)
    run = _filled(chain.run, chain, sources)
    if not chain.makes:
        shown = tuple(_library() / name for name in chain.packages if (_library() / name).exists())
        return Built(
            command=run,
            files=sources.files,
            limits=chain.run_limits,
            shown=shown,
            runner=runner,
        )
    return Built(
        command=("sh", "-c", _RUN, "sh", *run),
        files={_PACKED: ran.stdout},
        limits=chain.run_limits,
        runner=runner,
    )


def _filled(command: Sequence[str], chain: Toolchain, sources: Sources) -> tuple[str, ...]:
    """Put names into a command's places, and tools' own paths: inside a sandbox PATH is another."""
    found: dict[str, tuple[str, ...]] = {tool: (str(shutil.which(tool)),) for tool in chain.tools}
    found |= {SOURCES: sources.compiled, ENTRY: (sources.entry,), LIBRARY: (str(_library()),)}
    return tuple(part for word in command for part in found.get(word, (word,)))


@functools.cache
def _library() -> Path:
    """Return the folder that NumPy is installed in, without importing it; raises ImportError where it is not."""
    if (spec := importlib.util.find_spec("numpy")) is None or spec.origin is None:
        raise ImportError("NumPy is not installed")
    return Path(spec.origin).resolve().parents[1]


def _refusal(ran: sandbox.Ran) -> str:
    """Return the compiler's first error."""
    if ran.end != "exit":
        return f"the compiler was ended by {ran.end} after {ran.seconds:.1f} s"
    if told := _COMPILER_SAYS.search(ran.stderr):
        return told[0]
    return next(
        (line for line in ran.stderr.splitlines() if line and not line.startswith("#")),
        f"exit code {ran.exit_code}",
    )


def complaint(ran: sandbox.Ran) -> str:
    """Return the line in which a program that failed says why, or how it ended."""
    how = (
        f"ended by {ran.signal or ran.end}"
        if ran.exit_code is None
        else f"exit code {ran.exit_code}"
    )
    told = _PROGRAM_SAYS.search(ran.stderr)
    return told[0] if told else (ran.stderr.strip().splitlines() or [how])[-1]
