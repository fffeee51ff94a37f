"""The door of the sandbox: one run from the command to the reason of its end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError
from greenbench.sandbox.processes import oom_kills
from greenbench.sandbox.records import LIMITS, Ran, Way
from greenbench.sandbox.talking import Talk
from greenbench.sandbox.wrapping import STARTED, fill, fresh_uid, wrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.sandbox.records import End, Limits
    from greenbench.sandbox.talking import Outcome

_SHELL_SIGNAL = 128
_OUT_OF_MEMORY = re.compile(r"^MemoryError\b|\bjava\.lang\.OutOfMemoryError\b|\bstd::bad_alloc\b", re.MULTILINE)


def run(command: Sequence[str], *, files: Mapping[str, str], stdin: str = "", limits: Limits = LIMITS) -> Ran:
    """Run ``command`` among ``files`` (relative name to text) and wait until nothing of it is left; safe in many threads.

    The files are written, as UTF-8, into an otherwise empty folder that is the working directory, HOME and TMPDIR, and is
    removed whatever happens. The environment is minimal, stdin ends after ``stdin``, no descriptor but these three is open.

    ``end`` says why it ended: "timeout" (wall clock, then ``signal`` is None; or processor time), "output" (more than the
    limit), "memory", "signal" (any other), else "exit", whatever the code. "memory" means that the kernel killed for it, or
    that the program failed and stderr has MemoryError (first in a line), OutOfMemoryError or bad_alloc. One that catches its
    MemoryError and exits with 0 ended with "exit": a runner that catches the errors of what it runs has to tell its caller.
    In a pid namespace a code of 128 + n reads as signal n, as in a shell.

    Covered: the limits; every process of the tree, daemons too, is dead on return, on Ctrl-C, and when the caller is killed;
    no network, no new privileges; nothing stays in /tmp, /var/tmp or /dev/shm. Without namespaces (``isolation`` says so)
    there is network, those folders are shared, and after the caller's own violent death daemons live on. Without root as
    well, ``processes`` counts all of the user's, the program may signal them, and a daemon survives that takes the trouble to
    change session, environment and folder.
    NOT covered: reading any file that all (without root: that the caller) may read, writing where all may, what processes and
    files take in sum, faults of the kernel, side channels.

    Run by root, the program gets a uid of its own, and a closed folder on the way to ``command`` (an interpreter under /root)
    is replaced in its view by one that holds the installation alone: the folder above ``bin``.

    Raises UsageError for a name outside the folder or a command that is not there, UnavailableError where a limit cannot be
    set or the command cannot be reached by the program's user.
    """
    found = shutil.which(command[0]) if command else None
    if found is None:
        raise UsageError(f"sandbox: command {list(command[:1])} is not there or cannot be executed; install it or give another")
    for name in files:
        _check_name(name)
    return _run(_way(), [str(Path(found).absolute()), *command[1:]], files, stdin, limits)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(f"sandbox: {name!r} is not a name inside the program's folder; give a relative one without '..'")


@cache
def _way() -> Way:
    """Find the strongest way that works, by trying; raises UnavailableError where not even the limits can be set."""
    missing = [tool for tool in ("setpriv", "prlimit", "sh") if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(f"sandbox: {', '.join(missing)} not found; install util-linux (Linux only)")
    strong = Way(namespaces=True, own_uid=os.geteuid() == 0)
    try:
        _try(strong)
    except (UnavailableError, FileNotFoundError) as error:
        strong = Way(namespaces=False, own_uid=strong.own_uid, reason=str(error))
        _try(strong)
    return strong


def _try(way: Way) -> None:
    _run(way, [str(shutil.which("sh")), "-c", ":"], {}, "", LIMITS)


def _run(way: Way, command: list[str], files: Mapping[str, str], stdin: str, limits: Limits) -> Ran:
    with tempfile.TemporaryDirectory(prefix="sandbox-") as name:
        box, uid, kills = Path(name).resolve(), fresh_uid() if way.own_uid else None, oom_kills()
        fill(box, files, uid)
        talk = Talk(wrapped(way, command, box, uid, limits), box / "work", stdin, limits)
        try:
            outcome = talk.follow()
        finally:
            talk.stop(way, uid)
        return _judged(way, talk, outcome, oom=oom_kills() > kills)


def _judged(way: Way, talk: Talk, outcome: Outcome, *, oom: bool) -> Ran:
    most, code = talk.limits.output_bytes, talk.process.returncode
    stdout, stderr = (said[:most].decode("utf-8", "replace") for said in (talk.out[len(STARTED) :], talk.err))
    if not talk.out.startswith(STARTED):
        raise UnavailableError(f"sandbox: the program could not be started under its limits: {stderr.strip() or outcome}")
    number = _signal_number(code, way) if outcome == "over" else 0
    return Ran(
        end=_reason(number, code, stderr, oom=oom, late=talk.late) if outcome == "over" else outcome,
        exit_code=code if outcome == "over" and not number else None,
        signal={one.value: one.name for one in signal.Signals}.get(number, f"signal {number}") if number else None,
        stdout=stdout,
        stderr=stderr,
        seconds=talk.seconds,
        isolation=way.isolation,
    )


def _signal_number(code: int, way: Way) -> int:
    if code < 0:
        return -code
    return code - _SHELL_SIGNAL if way.namespaces and _SHELL_SIGNAL < code <= _SHELL_SIGNAL + signal.SIGRTMAX else 0


def _reason(number: int, code: int, stderr: str, *, oom: bool, late: bool) -> End:
    """Tell why a program is over; SIGKILL is the kernel's for processor time if there was time for that."""
    if number == signal.SIGXCPU or (number == signal.SIGKILL and late):
        return "timeout"
    if (number == signal.SIGKILL and oom) or (code and _OUT_OF_MEMORY.search(stderr)):
        return "memory"
    return "signal" if number else "exit"
