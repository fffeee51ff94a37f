"""This process and its descendants: the CPU seconds they used, and their numbers."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import psutil


def tree_cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all its descendants so far."""
    others = descendants_cpu_seconds()  # first, so that looking at them is part of what is returned
    return time.process_time() + others


def descendants_cpu_seconds() -> float:
    """Return the CPU seconds of all descendants so far: those that ended and were waited for, and those that live.

    A child that is waited for moves from the second sum into the first, so that differences hold across its end. Lost
    are orphans: a grandchild that outlives its parent leaves the tree, and what it used with it.
    """
    while True:
        ended = _ended_seconds()
        living = sum(_seconds(child) for child in _descendants())
        if (
            _ended_seconds() == ended
        ):  # else a child was waited for meanwhile and might be in both sums, or in none
            return ended + living


def own_pids() -> frozenset[int]:
    """Return the numbers of this process and its descendants."""
    return frozenset([os.getpid(), *(child.pid for child in _descendants())])


def _descendants() -> list[psutil.Process]:
    """Return the processes below this one; where others' may not be looked at (``hidepid``), by the lists of our own."""
    try:
        return psutil.Process().children(recursive=True)
    except psutil.AccessDenied:
        found: list[psutil.Process] = []
        waiting = [os.getpid()]
        while waiting:
            children = _children(waiting.pop())
            waiting += [child.pid for child in children]
            found += children
        return found


def _children(pid: int) -> list[psutil.Process]:
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [psutil.Process(int(child)) for child in listed.read_text().split()]
        except (OSError, psutil.Error):  # it ended meanwhile
            continue
    return found


def _ended_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _seconds(child: psutil.Process) -> float:
    try:
        times = child.cpu_times()
    except psutil.Error:  # it ended, or is not ours to look at
        return 0.0
    return times.user + times.system + times.children_user + times.children_system
