"""A control group for one sandbox: memory, scratch included, and processes limited in total.

Limits of a process (setrlimit) say nothing of many together. With version 2 of the interface the
group is made beside this process's own, where controllers are delegated already: that takes root,
or a session whose manager has delegated them. Version 2's "no processes in inner groups" forbids a
group below this process's own; with version 1 it is made there.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.folders import is_old

if TYPE_CHECKING:
    from greenbench.sandbox.records import Limits

WRAPPERS = 8
"""Processes of ours that are counted with the program's."""
CONTROLLERS = ("memory", "pids")
_MEMORY_LIMITS = ("memory.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
_PREFIX = "greenbench-"
_REMOVAL_SECONDS = 5.0
_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlGroup:
    """A group that was made: one folder with version 2, one a controller with version 1."""

    folders: tuple[Path, ...]

    @property
    def procs_files(self) -> tuple[str, ...]:
        """Files that a process writes 0 to in order to join."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed in the group for want of memory."""
        kills = 0
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                kills += _read_oom_kills(folder / name)
        return kills

    def remove(self) -> None:
        """Remove the group, whose processes have all ended; raises OSError if one has not."""
        deadline = time.monotonic() + _REMOVAL_SECONDS
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:  # the kernel is still taking a process away
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.002)


def make_group(limits: Limits) -> ControlGroup | str:
    """Make a group with ``limits``; return the reason if none can be made."""
    parents = _usable_parents()
    if isinstance(parents, str):
        return parents
    _remove_leftovers(tuple(dict.fromkeys(parents.values())))
    name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
    folders = [parent / name for parent in dict.fromkeys(parents.values())]
    group = ControlGroup(folders=tuple(folders))
    try:
        for folder in group.folders:
            folder.mkdir()
        _limit_memory(parents["memory"] / name, limits.total_bytes)
        (parents["pids"] / name / "pids.max").write_text(str(limits.processes + WRAPPERS))
    except OSError as error:
        group.remove()
        return f"no control group can be made in {parents['memory']} ({error.strerror})"
    return group


@functools.cache
def _remove_leftovers(places: tuple[Path, ...]) -> None:
    """Remove the groups that killed sessions left: not fresh, and without their process.

    The kernel refuses to remove one with processes in it.
    """
    for place in places:
        for group in place.glob(f"{_PREFIX}*-*"):
            pid = group.name.removeprefix(_PREFIX).partition("-")[0]
            if Path("/proc", pid).exists():
                continue
            with contextlib.suppress(OSError):  # in use, or removed meanwhile
                if is_old(group.stat().st_mtime):
                    group.rmdir()


def _limit_memory(folder: Path, total_bytes: int) -> None:
    for name in _MEMORY_LIMITS:
        file = folder / name
        if file.exists():
            file.write_text(str(total_bytes))
    swap = folder / "memory.swap.max"
    if swap.exists():
        swap.write_text("0")


def _read_oom_kills(file: Path) -> int:
    """Return the line ``oom_kill`` of a file of counters; 0 if there is none."""
    with contextlib.suppress(OSError):
        for line in file.read_text("utf-8").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


@functools.cache
def _usable_parents() -> dict[str, Path] | str:
    """Return the folder to make a group in for each controller, or why there is none."""
    try:
        own = Path("/proc/self/cgroup").read_text("utf-8", "surrogateescape")
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError as error:
        return f"control groups cannot be looked at ({error.strerror})"
    folders = parents(own, mounts)
    if set(folders) != set(CONTROLLERS):
        return "no control group with memory and pids is delegated to this process"
    for folder in folders.values():
        if not os.access(folder, os.W_OK):
            return f"control groups cannot be made in {folder} by this user"
    return folders


def parents(own: str, mounts: str) -> dict[str, Path]:
    """Return where groups can be made, by controller.

    ``own`` and ``mounts`` are the texts of ``/proc/self/cgroup`` and ``/proc/self/mountinfo``.
    """
    folders: dict[str, Path] = {}
    for line in own.splitlines():
        number, names, path = line.split(":", 2)
        controllers = names.split(",")
        for mount, kind, options in _cgroup_mounts(mounts):
            own_folder = mount / path.lstrip("/")
            if number == "0" and kind == "cgroup2":
                folders = {**_delegated(own_folder), **folders}
            elif kind == "cgroup" and set(controllers) <= set(options):
                folder = own_folder if own_folder.is_dir() else mount
                for controller in controllers:
                    if controller in CONTROLLERS:
                        folders[controller] = folder
    return folders


def _cgroup_mounts(mounts: str) -> list[tuple[Path, str, list[str]]]:
    """Return where control groups are mounted, of which kind, with which options."""
    cgroup_mounts = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            cgroup_mounts.append((Path(before.split()[4]), kind, options.split(",")))
    return cgroup_mounts


def _delegated(own: Path) -> dict[str, Path]:
    """Return the folder above ``own``, for the controllers that are enabled below it."""
    try:
        enabled = (own.parent / "cgroup.subtree_control").read_text("utf-8").split()
    except OSError:
        return {}
    return {controller: own.parent for controller in CONTROLLERS if controller in enabled}
