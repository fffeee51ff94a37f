"""One program in a sandbox of its own, from the command to the reason of its end."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError
from greenbench.sandbox import bubblewrap
from greenbench.sandbox.cgroups import ControlGroup, make_group
from greenbench.sandbox.command import STARTED, fresh_uid, home, program_command, write_inputs
from greenbench.sandbox.finished import Finished, describe
from greenbench.sandbox.folders import locked_folder
from greenbench.sandbox.process import RunningProcess
from greenbench.sandbox.processes import oom_kills
from greenbench.sandbox.records import LIMITS, Backend, Ran, RunRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenbench.sandbox.pipes import Reason
    from greenbench.sandbox.records import BackendKind, Limits

_TOOLS = ("setpriv", "prlimit", "setsid", "sh")


def run(
    command: Sequence[str],
    *,
    files: Mapping[str, str | bytes],
    stdin: str = "",
    limits: Limits = LIMITS,
    shown: Sequence[Path] = (),
    unsafe: bool = False,
) -> Ran:
    """Run ``command`` among ``files`` and wait until nothing of it is left; safe in many threads.

    ``files`` map relative names to contents (text as UTF-8). They are copied into an otherwise
    empty scratch folder, which is the working directory, HOME, TMPDIR and /tmp, and vanishes
    however the run ends. The environment is minimal, stdin ends after ``stdin``, no other
    descriptor is open. ``shown`` are folders or files that the program may read, under their own
    names, beside the system and its own installation.

    ``end`` says why it ended: "timeout" (wall clock, then ``signal`` is None; or processor time),
    "output" (more than the limit), "memory", "signal" (any other), else "exit", whatever the code.
    "memory" means that the kernel killed for it, or that the program failed and stderr has
    MemoryError (first in a line), OutOfMemoryError or bad_alloc. A program that catches its
    MemoryError and exits with 0 ended with "exit": a runner that catches the errors of what it runs
    has to report them itself. An exit code of 128 + n of an isolated program reads as signal n, as
    in a shell.

    Programs are isolated by bubblewrap, else by namespaces that util-linux sets up; if neither
    works nothing is run and UnavailableError is raised, unless ``unsafe`` allows to go on without.

    Covered: the limits; no network, loopback and abstract sockets included; of the files the
    system, read-only, and the program's own installation, nothing else: no home, no other process,
    no environment and no key of ours; a user that is not root, with no capability and no way to
    one; of the system calls those that ``seccomp`` lists are refused (``isolation.system_calls``
    says whether); nothing is written outside the scratch folder, whose size and number of files are
    limited; every process of the tree, daemons too, is dead on return, on Ctrl-C, and when the
    caller is killed. Memory and processes are limited in total if a control group can be made
    (``isolation.sums`` says so), else by process.
    NOT covered: faults of the kernel and of processors (side channels); what /usr and /proc tell
    about the machine; heat and load, up to the limits; without a control group, memory of many
    processes at once; with ``unsafe`` and without isolation: network, files that the program's user
    may read or write, processes that it may stop, and, after the caller's own violent death or if
    the user is the caller's own, daemons that take the trouble to hide.

    Run by root, the program gets a uid of its own. Raises UsageError for a name outside the scratch
    folder or a command that is not there, UnavailableError if nothing isolates programs, a limit
    cannot be set, or the program's user cannot reach the command.
    """
    request = checked_request(command, files, stdin, limits, shown)
    return _run(allowed_backend(unsafe=unsafe), request)


def checked_request(
    command: Sequence[str],
    files: Mapping[str, str | bytes],
    stdin: str,
    limits: Limits,
    shown: Sequence[Path],
) -> RunRequest:
    """Return a request with the command's absolute path.

    Raises UsageError for a command that is not there or a name outside the scratch folder.
    """
    for name in files:
        _refuse_outside_name(name)
    path = shutil.which(command[0]) if command else None
    if path is None:
        raise UsageError(
            f"sandbox: command {list(command[:1])} is not there or cannot be executed; install it "
            "or give another"
        )
    absolute = str(Path(path).absolute())
    return RunRequest(
        command=[absolute, *command[1:]], files=files, stdin=stdin, limits=limits, shown=shown
    )


def _refuse_outside_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(
            f"sandbox: {name!r} is not a name inside the program's folder; give a relative one "
            "without '..'"
        )


def allowed_backend(*, unsafe: bool) -> Backend:
    """Return what isolates programs here, which may be nothing only if ``unsafe``."""
    backend = _backend()
    if backend.isolates or unsafe:
        return backend
    raise UnavailableError(
        f"sandbox: generated programs are not run, as {backend.reason}; install bubblewrap "
        "(Debian: apt install bubblewrap), or take the risk with --green-unsafe-exec"
    )


@cache
def _backend() -> Backend:
    """Find the strongest backend that works, by trying.

    Raises UnavailableError if not even the limits can be set.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(
            f"sandbox: {', '.join(missing)} not found; install util-linux (Linux only)"
        )
    reasons = []
    version = bubblewrap.version()
    if version is None:
        reasons.append("bubblewrap is not installed")
    else:
        backend = _candidate("bubblewrap", version=version)
        failure = _failure(backend)
        if failure is None:
            return backend
        reasons.append(f"bubblewrap does not work here ({failure})")
    backend = _candidate("namespaces", reason="; ".join(reasons))
    failure = _failure(backend)
    if failure is None:
        return backend
    reasons.append(f"namespaces do not work here ({failure})")
    backend = _candidate("none", reason="; ".join(reasons))
    failure = _failure(backend)
    if failure is not None:
        raise UnavailableError(failure)
    return backend


def _candidate(kind: BackendKind, *, version: str = "", reason: str = "") -> Backend:
    return Backend(kind=kind, own_uid=os.geteuid() == 0, version=version, reason=reason)


def _failure(backend: Backend) -> str | None:
    """Try to run a program that does nothing, and return why that failed."""
    nothing = RunRequest(command=[str(shutil.which("sh")), "-c", ":"], files={})
    try:
        _run(backend, nothing)
    except (UnavailableError, FileNotFoundError) as error:
        return str(error).removeprefix("sandbox: ")
    return None


def _run(backend: Backend, request: RunRequest) -> Ran:
    limits = request.limits
    with locked_folder() as folder, control_group(limits) as group:
        uid = fresh_uid() if backend.own_uid else None
        write_inputs(backend, folder, request.contents(), uid)
        procs_files = group.procs_files if isinstance(group, ControlGroup) else ()
        command = program_command(backend, request, folder, uid, procs_files)
        program_home = home(backend, folder)
        working_folder = folder if backend.isolates else Path(program_home)
        kills = oom_kills_of(group)
        process = RunningProcess(command, working_folder, program_home, request.stdin, limits)
        try:
            reason = process.follow()
        finally:
            process.stop(backend, uid)
        finished = Finished(
            reason=reason,
            code=process.process.returncode,
            stdout=_program_output(process, reason),
            stderr=bytes(process.exchange.err),
            seconds=process.seconds,
            out_of_memory=oom_kills_of(group) > kills,
            group=group,
        )
        return describe(backend, limits, finished)


def _program_output(process: RunningProcess, reason: Reason) -> bytes:
    """Return the program's stdout; raises UnavailableError if a wrapper failed."""
    output = bytes(process.exchange.out)
    if output.startswith(STARTED):
        return output.removeprefix(STARTED)
    stderr = process.exchange.err.decode("utf-8", "replace").strip()
    raise UnavailableError(
        f"sandbox: the program could not be started under its limits: {stderr or reason}"
    )


@contextmanager
def control_group(limits: Limits) -> Iterator[ControlGroup | str]:
    """Make a control group, or the reason why there is none, and remove it afterwards."""
    group = make_group(limits)
    try:
        yield group
    finally:
        if isinstance(group, ControlGroup):
            group.remove()


def oom_kills_of(group: ControlGroup | str) -> int:
    """Return how often the kernel has killed for want of memory, in the group or on the machine."""
    return group.oom_kills if isinstance(group, ControlGroup) else oom_kills()
