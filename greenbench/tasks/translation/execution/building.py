"""Compiling a program once and running the result, each in a sandbox.

A compiler that is fed hostile text is hostile itself, so it is isolated as well. What it makes
leaves its sandbox as text on stdout, and is unpacked anew for every run: no run sees what another
one did.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from greenbench.tasks.translation.execution.toolchains import (
    ENTRY,
    LIBRARY,
    MADE,
    SOURCES,
    STANDARD,
    TOOLCHAINS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench import sandbox
    from greenbench.tasks.translation.execution.toolchains import Toolchain

_PACKED = "made.base64"
_COMPILE = f'mkdir {MADE} && "$@" >&2 && tar -czf made.tgz -C {MADE} . && base64 -w0 made.tgz'
_RUN = (
    f"mkdir {MADE} && base64 -d {_PACKED} | tar -xzf - -C {MADE} && rm {_PACKED} || exit; "
    'ulimit -s 65536 2>&-; exec "$@"'
)
"""The stack is what contests give: programs may recurse deeply."""
_COMPILER_ERROR = re.compile(r"^(?:\S.*\berror\b.*|\w*Error\b.*)$", re.MULTILINE)
_PROGRAM_ERROR = re.compile(
    r"^(?:Exception in thread.*|[\w.]*(?:Error|Exception)\b.*|panic: .*|fatal error: .*"
    r"|terminate called .*|.*Assertion .*)$",
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
    """Those of the files that are named to the compiler, or the interpreter."""
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
    """Name a tool of a language that is not on PATH, with what would bring it; None if all are."""
    chain = TOOLCHAINS[language]
    for tool in chain.tools:
        if shutil.which(tool) is None:
            return f"there is no {tool} on PATH; {chain.install}"
    return None


def build(language: str, sources: Sources, runner: Runner) -> Built | NotBuilt:
    """Compile a program, or check its syntax in languages that are not compiled.

    A program that its compiler refuses is compiled by the next standard of its language. If none
    fits, the note is about the first.
    """
    chain = TOOLCHAINS[language]
    refusals = []
    for standard in chain.standards or ("",):
        ran = _compile(chain, sources, standard, runner)
        if ran.exit_code == 0:
            break
        refusals.append(ran)
        if ran.end != "exit":  # by a limit, which another standard would exceed as well
            break
    if ran.exit_code != 0:
        return NotBuilt(note=_compiler_error(refusals[0]), isolation=ran.isolation)
    run = _filled(chain.run, chain, sources)
    if chain.makes:
        return Built(
            command=("sh", "-c", _RUN, "sh", *run),
            files={_PACKED: ran.stdout},
            limits=chain.run_limits,
            runner=runner,
        )
    return Built(
        command=run,
        files=sources.files,
        limits=chain.run_limits,
        runner=runner,
        shown=_packages(chain),
    )


def _compile(chain: Toolchain, sources: Sources, standard: str, runner: Runner) -> sandbox.Ran:
    template = chain.compile
    if sources.checks and chain.compile_checks:
        template = chain.compile_checks
    command = _filled(template, chain, sources, standard)
    if chain.makes:
        command = ("sh", "-c", _COMPILE, "sh", *command)
    return runner(command, files=sources.files, limits=chain.compile_limits)


def _packages(chain: Toolchain) -> tuple[Path, ...]:
    """Return the installed packages that programs may import."""
    folders = [_library() / name for name in chain.packages]
    return tuple(folder for folder in folders if folder.exists())


def _filled(
    command: Sequence[str], chain: Toolchain, sources: Sources, standard: str = ""
) -> tuple[str, ...]:
    """Fill in a command's placeholders, and the paths of tools, as PATH differs in a sandbox."""
    values: dict[str, tuple[str, ...]] = {tool: (str(shutil.which(tool)),) for tool in chain.tools}
    values[SOURCES] = sources.compiled
    values[ENTRY] = (sources.entry,)
    values[LIBRARY] = (str(_library()),)
    values[STANDARD] = (standard,)
    words: list[str] = []
    for word in command:
        words += values.get(word, (word,))
    return tuple(words)


@functools.cache
def _library() -> Path:
    """Return the folder that NumPy is installed in, without importing it.

    Raises ImportError if NumPy is not installed.
    """
    spec = importlib.util.find_spec("numpy")
    if spec is None or spec.origin is None:
        raise ImportError("NumPy is not installed")
    return Path(spec.origin).resolve().parents[1]


def _compiler_error(ran: sandbox.Ran) -> str:
    """Return the compiler's first error."""
    if ran.end != "exit":
        return f"the compiler was ended by {ran.end} after {ran.seconds:.1f} s"
    error = _COMPILER_ERROR.search(ran.stderr)
    if error:
        return error[0]
    for line in ran.stderr.splitlines():
        if line and not line.startswith("#"):
            return line
    return f"exit code {ran.exit_code}"


def complaint(ran: sandbox.Ran) -> str:
    """Return the line in which a program that failed says why, or how it ended."""
    error = _PROGRAM_ERROR.search(ran.stderr)
    if error:
        return error[0]
    lines = ran.stderr.strip().splitlines()
    if lines:
        return lines[-1]
    if ran.exit_code is None:
        return f"ended by {ran.signal or ran.end}"
    return f"exit code {ran.exit_code}"
