"""Walls by bubblewrap, the tool behind Flatpak: the command line that shows a program its view and nothing else.

Started by root, bubblewrap makes no user namespace, as the program gets a uid of its own; it is then shut into a changed root
below the new one, since the kernel refuses user namespaces, with their power to mount, to who lives in such a one. Started by
a person, it makes one and forbids further ones (``--disable-userns``, from version 0.8 on).
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.view import GIVEN, SCRATCH, View, view

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.sandbox.records import Limits

JAIL = "/jail"
APART = ("--unshare-net", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")
POWERS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_SYS_CHROOT")
"""What root's first process needs to become the program's user; the program itself has none."""


@functools.cache
def version() -> str | None:
    """Return the version of bubblewrap on PATH, ``0.8.0``; None where there is none."""
    tool = shutil.which("bwrap")
    if tool is None:
        return None
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    return said.split()[-1] if said.strip() else "of unknown version"


@functools.cache
def _takes(option: str) -> bool:
    tool = str(shutil.which("bwrap"))
    said = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False)  # noqa: S603
    return option in said.stdout + said.stderr


def command(
    program: str,
    given: Path,
    limits: Limits,
    shown: Iterable[Path] = (),
    powers: Iterable[str] = (),
) -> list[str]:
    """Return what stands before the first process's own command: bubblewrap, the view, and the changed root for root.

    ``powers`` are capabilities that the first process is to keep.
    """
    seen, as_root = view(Path(program), shown), os.geteuid() == 0
    jail = JAIL if as_root else ""
    start = [
        "bwrap",
        *APART,
        "--as-pid-1",
        "--die-with-parent",
        *(_shown(_bare(seen), "") if as_root else []),
    ]
    laid = [*_shown(seen, jail), *_places(jail, given, limits), "--remount-ro", "/", "--chdir", "/"]
    if as_root:
        kept = _kept((*POWERS, *powers))
        return [*start, *laid, "--cap-drop", "ALL", *kept, "chroot", JAIL]
    closed = ["--disable-userns"] if _takes("--disable-userns") else []
    return [*start, "--unshare-user", *closed, *laid, "--cap-drop", "ALL", *_kept(powers)]


def _kept(powers: Iterable[str]) -> list[str]:
    words = []
    for power in dict.fromkeys(powers):
        words += ["--cap-add", power]
    return words


def _bare(seen: View) -> View:
    """Return as much of a view as it takes to start ``chroot``."""
    return View(
        shown=tuple(p for p in seen.shown if len(p.parts) == len(("/", "usr"))), links=seen.links
    )


def _shown(seen: View, below: str) -> list[str]:
    """Return the options that show a view under ``below``; folders on the way are made first, as they could else be shut."""
    names = [f"{below}{name}" for name in (*seen.shown, *(name for name, _ in seen.links))]
    ways = dict.fromkeys(
        str(way) for name in names for way in reversed(Path(name).parents) if str(way) != "/"
    )
    made = [word for way in ways for word in ("--dir", way)]
    shown = [word for path in seen.shown for word in ("--ro-bind", str(path), f"{below}{path}")]
    return [
        *made,
        *shown,
        *(word for name, leads in seen.links for word in ("--symlink", leads, f"{below}{name}")),
    ]


def _places(below: str, given: Path, limits: Limits) -> list[str]:
    """Return what is the program's own: processes, devices, what it was given, and its scratch."""
    size = ["--size", str(limits.scratch_bytes)] if _takes("--size") else []
    scratch = ["--perms", "1777", *size, "--tmpfs", f"{below}{SCRATCH}"]
    devices = ["--dev", f"{below}/dev", "--remount-ro", f"{below}/dev"]
    return [
        "--proc",
        f"{below}/proc",
        *devices,
        "--ro-bind",
        str(given),
        f"{below}{GIVEN}",
        *scratch,
    ]
