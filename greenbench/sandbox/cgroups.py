"""A control group for one run: memory, scratch included, and processes limited in sum. Only where one can be made.

Limits of a process (setrlimit) say nothing of many together. With version 2 the group is made beside this process's own, where
controllers are shared out already: that takes root, or a session whose manager has delegated them. With version 1 it is made
below this process's own. Version 2's "no processes in inner groups" forbids to make it below there.
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

if TYPE_CHECKING:
    from greenbench.sandbox.records import Limits

WRAPPERS = 8
"""Processes of ours that are counted with the program's."""
_GONE_WITHIN_SECONDS = 5.0
_turn = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The folders of a group that was made: one with version 2, one a controller with version 1."""

    folders: tuple[Path, ...]

    @property
    def doors(self) -> tuple[str, ...]:
        """Files that a process writes 0 to in order to join."""
        return tuple(str(folder / "cgroup.procs") for folder in self.folders)

    @property
    def oom_kills(self) -> int:
        """How often the kernel has killed in the group for want of memory."""
        return sum(
            _counted(folder / name)
            for folder in self.folders
            for name in ("memory.events", "memory.oom_control")
        )

    def remove(self) -> None:
        """Remove the group, whose processes have all ended; raises OSError where one has not."""
        deadline = time.monotonic() + _GONE_WITHIN_SECONDS
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:  # the kernel is still taking a process away
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.002)


def make(limits: Limits) -> Group | str:
    """Make a group with ``limits``; return the reason where none can be made."""
    parents = _parents()
    if isinstance(parents, str):
        return parents
    name = f"greenbench-{os.getpid()}-{next(_turn)}"
    made = Group(folders=tuple(parent / name for parent in dict.fromkeys(parents.values())))
    try:
        for folder in made.folders:
            folder.mkdir()
        for controller, parent in parents.items():
            _limit(controller, parent / name, limits)
    except OSError as error:
        made.remove()
        return f"no control group can be made in {parents['memory']} ({error.strerror})"
    return made


def _limit(controller: str, folder: Path, limits: Limits) -> None:
    if controller == "pids":
        (folder / "pids.max").write_text(str(limits.processes + WRAPPERS))
        return
    files = [
        folder / name
        for name in ("memory.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    ]
    for file in filter(Path.exists, files):
        file.write_text(str(limits.total_bytes))
    swap = folder / "memory.swap.max"
    if swap.exists():
        swap.write_text("0")


def _counted(file: Path) -> int:
    """Return the line ``oom_kill`` of a file of counters."""
    with contextlib.suppress(OSError):
        return int(
            dict(line.split(maxsplit=1) for line in file.read_text("utf-8").splitlines()).get(
                "oom_kill", 0
            )
        )
    return 0


@functools.cache
def _parents() -> dict[str, Path] | str:
    """Return the folder to make a group in for each controller, or why there is none; tried once by making one."""
    try:
        own, mounts = (
            Path("/proc/self/cgroup").read_text("utf-8"),
            Path("/proc/self/mountinfo").read_text("utf-8"),
        )
    except OSError as error:
        return f"control groups cannot be looked at ({error.strerror})"
    found = parents(own, mounts)
    if set(found) != {"memory", "pids"}:
        return "no control group with memory and pids is shared out to this process"
    for parent in found.values():
        if not os.access(parent, os.W_OK):
            return f"control groups cannot be made in {parent} by this user"
    return found


def parents(own: str, mounts: str) -> dict[str, Path]:
    """Return where groups can be made, from the texts of ``/proc/self/cgroup`` and ``/proc/self/mountinfo``."""
    places: dict[str, Path] = {}
    for line in own.splitlines():
        number, names, path = line.split(":", 2)
        for mount, kind, options in _cgroup_mounts(mounts):
            if number == "0" and kind == "cgroup2":
                places = {**_shared_out(mount / path.lstrip("/")), **places}
            elif kind == "cgroup" and set(names.split(",")) <= set(options):
                below = mount / path.lstrip("/")
                places |= {
                    n: below if below.is_dir() else mount
                    for n in names.split(",")
                    if n in {"memory", "pids"}
                }
    return places


def _cgroup_mounts(mounts: str) -> list[tuple[Path, str, list[str]]]:
    found = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = after.split(" ", 2)
        if kind in {"cgroup", "cgroup2"}:
            found.append((Path(before.split()[4]), kind, options.split(",")))
    return found


def _shared_out(own: Path) -> dict[str, Path]:
    """Return the folder above ``own``, for the controllers that it shares out."""
    try:
        names = (own.parent / "cgroup.subtree_control").read_text("utf-8").split()
    except OSError:
        return {}
    return {name: own.parent for name in ("memory", "pids") if name in names}
