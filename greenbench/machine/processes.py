"""This process and its descendants: the CPU seconds they used, and their pids.

A process whose parent ends leaves its family: Linux gives it to the nearest ancestor that asked for
orphans, else to process 1 (prctl(2), PR_SET_CHILD_SUBREAPER). ``Adoption`` asks for them, so that
daemons and background jobs stay descendants, with all that they used.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path

import psutil

SET_PDEATHSIG = 1
"""``PR_SET_PDEATHSIG`` of linux/prctl.h."""
SET_SUBREAPER = 36
"""``PR_SET_CHILD_SUBREAPER`` of linux/prctl.h, since Linux 3.4."""
GET_SUBREAPER = 37
START_FIELD = 19
"""Of ``/proc/PID/stat``, counted from 0 behind the name, which may hold spaces."""


class Adoption:
    """Lets this process adopt its descendants' orphans until it is ended.

    An orphan that has ended stays a zombie, with its CPU seconds, until this process ends or waits
    for it: greenbench waits for no process that it did not start, whose exit code may be wanted.
    Whatever the process did with orphans before is restored by the last of several.
    """

    _open = 0
    _before = False
    _process = 0
    """The pid that counts them: a forked child inherits the count, and not that it adopts."""

    def __init__(self) -> None:
        """Adopt orphans from now on; where the kernel cannot, ``adopts_orphans`` stays False."""
        self._owner = os.getpid()
        self._ended = False
        if Adoption._process != self._owner:
            Adoption._process = self._owner
            Adoption._open = 0
        if Adoption._open == 0:
            Adoption._before = adopts_orphans()
            _prctl(SET_SUBREAPER, ctypes.c_ulong(1))
        Adoption._open += 1

    def end(self) -> None:
        """Adopt no more; harmless when called twice, and in a forked child, which adopts none."""
        if self._ended or os.getpid() != self._owner:
            return
        self._ended = True
        Adoption._open -= 1
        if Adoption._open == 0:
            _prctl(SET_SUBREAPER, ctypes.c_ulong(Adoption._before))


def adopts_orphans() -> bool:
    """Whether orphans among this process's descendants become its children."""
    answer = ctypes.c_int(0)
    return _prctl(GET_SUBREAPER, ctypes.byref(answer)) == 0 and answer.value == 1


def end_with_parent() -> None:
    """Let the kernel send this process SIGTERM when its parent has ended, also if that is killed.

    A parent that ended before is noticed at once.
    """
    parent = os.getppid()
    _prctl(SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _prctl(option: int, argument: object) -> int:
    """Call prctl(2) and return its answer; -1 on a system that has no such call."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return -1 if prctl is None else int(prctl(option, argument, 0, 0, 0))


def since_boot_s(pid: int) -> float | None:
    """Return when a process started, in seconds since the boot; None if there is no such process.

    Other than the time of day it does not change when the clock is set (proc_pid_stat(5),
    ``starttime``).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    behind_the_name = text.rpartition(")")[2].split()
    return int(behind_the_name[START_FIELD]) / os.sysconf("SC_CLK_TCK")


def forgetful() -> tuple[int, ...]:
    """Return the pids of the tree that ignore SIGCHLD.

    The kernel keeps no CPU seconds of their children that ended (wait(2), notes).
    """
    pids = sorted(own_pids())
    return tuple(pid for pid in pids if _ignores_children(pid))


def _ignores_children(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8", "surrogateescape")
    except OSError:  # it ended, or there is no /proc
        return False
    mask = re.search(r"^SigIgn:\s*([0-9a-f]+)", status, re.MULTILINE)
    return mask is not None and bool(int(mask[1], 16) >> (signal.SIGCHLD - 1) & 1)


def tree_cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all its descendants so far."""
    # The descendants first: looking at them is part of what this process used.
    descendants = descendants_cpu_seconds()
    return time.process_time() + descendants


def descendants_cpu_seconds() -> float:
    """Return the CPU seconds of all descendants so far, both the living and the waited-for ones.

    A child that is waited for moves from the sum over the living into the sum over the ended, so
    that differences hold across its end. Orphans count as long as an ``Adoption`` keeps them.
    """
    while True:
        ended = _ended_seconds()
        living = sum(_seconds(child) for child in _descendants())
        # Otherwise a child was waited for meanwhile and may be in both sums, or in neither.
        if _ended_seconds() == ended:
            return ended + living


def own_pids() -> frozenset[int]:
    """Return the pids of this process and its descendants."""
    pids = {child.pid for child in _descendants()}
    return frozenset(pids | {os.getpid()})


def import_paths() -> str:
    """Return a ``PYTHONPATH`` by which another interpreter imports what this one does."""
    return os.pathsep.join(os.path.abspath(path) for path in sys.path if path)  # noqa: PTH100


def _descendants() -> list[psutil.Process]:
    """Return all descendants; under ``hidepid`` from the kernel's lists of each one's children."""
    try:
        return psutil.Process().children(recursive=True)
    except psutil.AccessDenied:
        return _descendants_by_lists()


def _descendants_by_lists() -> list[psutil.Process]:
    descendants: list[psutil.Process] = []
    parents = [os.getpid()]
    while parents:
        children = _children(parents.pop())
        descendants.extend(children)
        parents.extend(child.pid for child in children)
    return descendants


def _children(pid: int) -> list[psutil.Process]:
    children = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        # The thread, or one of its children, may have ended meanwhile.
        with contextlib.suppress(OSError, psutil.Error):
            for child in file.read_text().split():
                children.append(psutil.Process(int(child)))
    return children


def _ended_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _seconds(child: psutil.Process) -> float:
    try:
        times = child.cpu_times()
    except psutil.Error:  # it ended, or belongs to another user
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
