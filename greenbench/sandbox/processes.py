"""Looking at processes through ``/proc``, and ending those of a run where no namespace ends them all at once."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

_GONE_WITHIN_SECONDS = 5.0


def oom_kills() -> int:
    """Return how often the kernel has killed for want of memory, on the whole machine; 0 where it does not say."""
    counters = dict(line.split() for line in Path("/proc/vmstat").read_text("utf-8").splitlines())
    return int(counters.get("oom_kill", 0))


def tasks_of(uid: int) -> int:
    """Return how many processes and threads a user has, which is what RLIMIT_NPROC counts."""
    everyone = [_facts(process) for process in _processes()]
    return sum(int(facts["Threads"]) for facts in everyone if facts.get("Uid") == str(uid))


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may just have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def children(pid: int) -> list[int]:
    """Return the children of a process of one thread; none where the kernel does not list them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text("utf-8").split()] if listed.is_file() else []


def sweep(session: int, uid: int | None, folder: Path) -> None:
    """Kill all that is left of a run; raises RuntimeError when something does not go.

    A run's are those of its own ``uid``; without one, those of its session, and those that have its folder as working directory
    or in their environment. All are stopped first: what is stopped keeps its place in the count of processes, so that a
    fork bomb fills up and stands still.
    """
    stopped: set[int] = set()
    while fresh := _alive(session, uid, folder) - stopped:
        for pid in fresh:
            kill(pid, signal.SIGSTOP)
        stopped |= fresh
    deadline = time.monotonic() + _GONE_WITHIN_SECONDS
    while alive := _alive(session, uid, folder):
        if time.monotonic() > deadline:
            raise RuntimeError(f"sandbox: processes {sorted(alive)} do not end")
        for pid in alive:
            kill(pid)


def _alive(session: int, uid: int | None, folder: Path) -> set[int]:
    return {int(process.name) for process in _processes() if _is_of(process, session, uid, folder)}


def _is_of(process: Path, session: int, uid: int | None, folder: Path) -> bool:
    facts = _facts(process)
    if facts.get("State", "Z") in "ZX":  # gone, or a zombie that its parent has not asked about
        return False
    return (
        facts["Uid"] == str(uid)
        if uid is not None
        else facts.get("NSsid") == str(session) or _mentions(process, folder)
    )


def _mentions(process: Path, folder: Path) -> bool:
    try:
        cwd, environment = (
            process.joinpath("cwd").readlink(),
            process.joinpath("environ").read_bytes(),
        )
    except OSError:  # gone in the meantime, or another user's
        return False
    return str(cwd).startswith(str(folder)) or f"HOME={folder}".encode() in environment


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _facts(process: Path) -> dict[str, str]:
    """Return the first word of each line of a process's status, and nothing once it has gone."""
    try:
        lines = (process / "status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {
        key: rest.split()[0]
        for key, _, rest in (line.partition(":") for line in lines)
        if rest.strip()
    }
