"""The door of the sandbox: one run from the command to the reason of its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError
from greenbench.sandbox import bubblewrap
from greenbench.sandbox.cgroups import Group, make
from greenbench.sandbox.command import STARTED, fill, fresh_uid, home, wrapped
from greenbench.sandbox.process import RunningProcess
from greenbench.sandbox.processes import oom_kills
from greenbench.sandbox.records import LIMITS, Asked, Ran, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.sandbox.pipes import Outcome
    from greenbench.sandbox.records import End, Limits

_SHELL_SIGNAL = 128
_OUT_OF_MEMORY = re.compile(
    r"^MemoryError\b|\bjava\.lang\.OutOfMemoryError\b|\bstd::bad_alloc\b", re.MULTILINE
)


def run(
    command: Sequence[str],
    *,
    files: Mapping[str, str | bytes],
    stdin: str = "",
    limits: Limits = LIMITS,
    shown: Sequence[Path] = (),
    unsafe: bool = False,
) -> Ran:
    """Run ``command`` among ``files`` (relative name to content) and wait until nothing of it is left; safe in many threads.

    The files (text as UTF-8) are copied into an otherwise empty scratch that is the working directory, HOME, TMPDIR and /tmp,
    and vanishes whatever happens. The environment is minimal, stdin ends after ``stdin``, no descriptor but these three is
    open. ``shown`` are folders or files that it may read, under their own names, beside the system and its own installation.

    ``end`` says why it ended: "timeout" (wall clock, then ``signal`` is None; or processor time), "output" (more than the
    limit), "memory", "signal" (any other), else "exit", whatever the code. "memory" means that the kernel killed for it, or
    that the program failed and stderr has MemoryError (first in a line), OutOfMemoryError or bad_alloc. One that catches its
    MemoryError and exits with 0 ended with "exit": a runner that catches the errors of what it runs has to tell its caller.
    Behind walls a code of 128 + n reads as signal n, as in a shell.

    Walls are bubblewrap's, else user namespaces laid by util-linux; where neither works nothing is run and UnavailableError
    is raised, unless ``unsafe`` says to go on without.

    Covered: the limits; no network, loopback and abstract sockets included; of the files the system, read-only, and the
    program's own installation, nothing else: no home, no other process, no environment of ours; a user that is not root, with
    no capability and no way to one; nothing is written but to the scratch, whose size is limited; every process of the tree,
    daemons too, is dead on return, on Ctrl-C, and when the caller is killed. Memory and processes are limited in sum where a
    control group can be made (``isolation.sums`` says so), else by process.
    NOT covered: faults of the kernel and of processors (side channels); what /usr and /proc tell about the machine; heat and
    load, up to the limits; without a control group, memory of many processes at once and of empty files; with ``unsafe`` and
    without walls: network, files that the program's user may read or write, and, after the caller's own violent death or
    where the user is the caller's own, daemons that take the trouble to hide.

    Run by root, the program gets a uid of its own. Raises UsageError for a name outside the scratch or a command that is not
    there, UnavailableError where there are no walls, a limit cannot be set, or the program cannot reach the command.
    """
    request = prepared(command, files, stdin, limits, shown)
    return _run(allowed(unsafe=unsafe), request)


def prepared(
    command: Sequence[str],
    files: Mapping[str, str | bytes],
    stdin: str,
    limits: Limits,
    shown: Sequence[Path],
) -> Asked:
    """Check what is to be run; raises UsageError for a command that is not there or a name outside the scratch."""
    for name in files:
        _check_name(name)
    return Asked(
        command=[_found(command), *command[1:]],
        files=files,
        stdin=stdin,
        limits=limits,
        shown=shown,
    )


def _found(command: Sequence[str]) -> str:
    found = shutil.which(command[0]) if command else None
    if found is None:
        raise UsageError(
            f"sandbox: command {list(command[:1])} is not there or cannot be executed; install it or give another"
        )
    return str(Path(found).absolute())


def allowed(*, unsafe: bool) -> Way:
    """Return the way to run a program, which has walls unless the person takes the risk."""
    way = _way()
    if way.walls or unsafe:
        return way
    raise UnavailableError(
        f"sandbox: generated programs are not run, as {way.reason}; install bubblewrap (Debian: apt install bubblewrap), or "
        "take the risk with --green-unsafe-exec"
    )


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(
            f"sandbox: {name!r} is not a name inside the program's folder; give a relative one without '..'"
        )


@cache
def _way() -> Way:
    """Find the strongest way that works, by trying; raises UnavailableError where not even the limits can be set."""
    missing = [tool for tool in ("setpriv", "prlimit", "sh") if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"sandbox: {', '.join(missing)} not found; install util-linux (Linux only)"
        )
    root, version = os.geteuid() == 0, bubblewrap.version()
    reasons = [] if version else ["bubblewrap is not installed"]
    if version:
        strong = Way(kind="bubblewrap", own_uid=root, version=version)
        if (failed := _failed(strong)) is None:
            return strong
        reasons.append(f"bubblewrap does not work here ({failed})")
    strong = Way(kind="namespaces", own_uid=root, reason="; ".join(reasons))
    if (failed := _failed(strong)) is None:
        return strong
    weak = Way(
        kind="none",
        own_uid=root,
        reason="; ".join([*reasons, f"namespaces do not work here ({failed})"]),
    )
    if (failed := _failed(weak)) is not None:
        raise UnavailableError(failed)
    return weak


def _failed(way: Way) -> str | None:
    """Try to run nothing, and return why that did not go."""
    try:
        _run(way, Asked(command=[str(shutil.which("sh")), "-c", ":"], files={}))
    except (UnavailableError, FileNotFoundError) as error:
        return str(error).removeprefix("sandbox: ")
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What is known of a program that has gone."""

    outcome: Outcome
    code: int
    """Of the program if its outcome is "over", as a shell gives it."""
    stdout: bytes
    stderr: bytes
    seconds: float
    out_of_memory: bool
    """Whether the kernel killed for want of memory while it ran."""
    group: Group | str
    """Its control group, or why it had none."""


def _run(way: Way, request: Asked) -> Ran:
    limits = request.limits
    with tempfile.TemporaryDirectory(prefix="sandbox-") as name, grouped(limits) as group:
        box = Path(name).resolve()
        uid = fresh_uid() if way.own_uid else None
        kills = oom_kills()
        doors = group.doors if isinstance(group, Group) else ()
        fill(way, box, request.files, uid)
        folder = box if way.walls else box / "work"
        command = wrapped(way, request, box, uid, doors)
        process = RunningProcess(command, folder, home(way, box), request.stdin, limits)
        try:
            outcome = process.follow()
        finally:
            process.stop(way, uid)
        finished = Finished(
            outcome=outcome,
            code=process.process.returncode,
            stdout=_without_banner(process, outcome),
            stderr=bytes(process.exchange.err),
            seconds=process.seconds,
            out_of_memory=group.oom_kills > 0 if isinstance(group, Group) else oom_kills() > kills,
            group=group,
        )
        return describe(way, limits, finished)


def _without_banner(process: RunningProcess, outcome: Outcome) -> bytes:
    """Return the program's stdout; raises UnavailableError if the wrappers have not come to start the program."""
    written = bytes(process.exchange.out)
    if written.startswith(STARTED):
        return written[len(STARTED) :]
    reason = process.exchange.err.decode("utf-8", "replace").strip() or outcome
    raise UnavailableError(f"sandbox: the program could not be started under its limits: {reason}")


@contextmanager
def grouped(limits: Limits) -> Iterator[Group | str]:
    """Make a control group, or the reason why there is none, and remove it."""
    group = make(limits)
    try:
        yield group
    finally:
        if isinstance(group, Group):
            group.remove()


def describe(way: Way, limits: Limits, finished: Finished) -> Ran:
    """Return how a program ended, with its output cut at the limit."""
    most = limits.output_bytes
    stdout = finished.stdout[:most].decode("utf-8", "replace")
    stderr = finished.stderr[:most].decode("utf-8", "replace")
    end: End
    if finished.outcome == "over":
        number = _signal_number(finished.code, way)
        end = _reason(finished, number, stderr, limits)
        exit_code = None if number else finished.code
    else:
        number, end, exit_code = 0, finished.outcome, None
    group = finished.group
    return Ran(
        end=end,
        exit_code=exit_code,
        signal=_signal_name(number) if number else None,
        stdout=stdout,
        stderr=stderr,
        seconds=finished.seconds,
        isolation=way.isolation(
            "control group" if isinstance(group, Group) else f"not limited: {group}"
        ),
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _signal_number(code: int, way: Way) -> int:
    if code < 0:
        return -code
    return (
        code - _SHELL_SIGNAL
        if way.walls and _SHELL_SIGNAL < code <= _SHELL_SIGNAL + signal.SIGRTMAX
        else 0
    )


def _reason(finished: Finished, number: int, stderr: str, limits: Limits) -> End:
    """Tell why a program is over; SIGKILL is the kernel's for processor time if there was time for that."""
    late = finished.seconds >= limits.cpu_seconds
    if number == signal.SIGXCPU or (number == signal.SIGKILL and late):
        return "timeout"
    if number == signal.SIGKILL and finished.out_of_memory:
        return "memory"
    if finished.code and _OUT_OF_MEMORY.search(stderr):
        return "memory"
    return "signal" if number else "exit"
