"""Looking at processes through ``/proc``, and ending those of a run without namespaces."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

VMSTAT = Path("/proc/vmstat")
_SWEEP_SECONDS = 5.0


def oom_kills() -> int:
    """Return how often the kernel of this machine has killed for want of memory; 0 if unknown."""
    try:
        counts = VMSTAT.read_text("utf-8").splitlines()
    except OSError:  # not every container shows it: then a kill is told by its signal alone
        return 0
    for line in counts:
        name, _, count = line.partition(" ")
        if name == "oom_kill" and count.isdecimal():
            return int(count)
    return 0


def tasks_of(uid: int) -> int:
    """Return how many processes and threads a user has, which is what RLIMIT_NPROC counts."""
    tasks = 0
    for process in _processes():
        status = _status(process)
        if status.get("Uid") == str(uid):
            tasks += int(status["Threads"])
    return tasks


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Return the children of a process of one thread; none if the kernel does not list them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if not listed.is_file():
        return []
    return [int(child) for child in listed.read_text("utf-8").split()]


def sweep(session: int, uid: int | None, folder: Path) -> None:
    """Kill all that is left of a run; raises RuntimeError if something does not end.

    A run's processes are those of its own ``uid``; without one, those of its session, and those
    that have its folder as working directory or in their environment. All are stopped first: what
    is stopped keeps its place in the count of processes, so that a fork bomb fills up and stands
    still.
    """
    stopped: set[int] = set()
    while fresh := _alive(session, uid, folder) - stopped:
        for pid in fresh:
            kill(pid, signal.SIGSTOP)
        stopped |= fresh
    deadline = time.monotonic() + _SWEEP_SECONDS
    while alive := _alive(session, uid, folder):
        if time.monotonic() > deadline:
            raise RuntimeError(f"sandbox: processes {sorted(alive)} do not end")
        for pid in alive:
            kill(pid)


def _alive(session: int, uid: int | None, folder: Path) -> set[int]:
    alive = set()
    for process in _processes():
        if _belongs_to_run(process, session, uid, folder):
            alive.add(int(process.name))
    return alive


def _belongs_to_run(process: Path, session: int, uid: int | None, folder: Path) -> bool:
    status = _status(process)
    if status.get("State", "Z") in "ZX":  # gone, or a zombie that its parent has not waited for
        return False
    if uid is not None:
        return status["Uid"] == str(uid)
    return status.get("NSsid") == str(session) or _mentions(process, folder)


def _mentions(process: Path, folder: Path) -> bool:
    try:
        working_folder = process.joinpath("cwd").readlink()
        environment = process.joinpath("environ").read_bytes()
    except OSError:  # gone in the meantime, or another user's
        return False
    return str(working_folder).startswith(str(folder)) or f"HOME={folder}".encode() in environment


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _status(process: Path) -> dict[str, str]:
    """Return the first word of each line of a process's status, and nothing once it has gone."""
    try:
        lines = (process / "status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    first_words = {}
    for line in lines:
        name, _, rest = line.partition(":")
        words = rest.split()
        if words:
            first_words[name] = words[0]
    return first_words
