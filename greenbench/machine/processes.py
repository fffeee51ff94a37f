"""This process and its descendants: the CPU seconds they used, and their pids."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

import psutil


def tree_cpu_seconds() -> float:
    """Return the CPU seconds of this process and of all its descendants so far."""
    # The descendants first: looking at them is part of what this process used.
    descendants = descendants_cpu_seconds()
    return time.process_time() + descendants


def descendants_cpu_seconds() -> float:
    """Return the CPU seconds of all descendants so far, both the living and the waited-for ones.

    A child that is waited for moves from the sum over the living into the sum over the ended, so
    that differences hold across its end. Orphans are lost: a grandchild that outlives its parent
    leaves the tree, and what it used leaves with it.
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
