"""Isolation by bubblewrap, the tool behind Flatpak.

Started by root, bubblewrap makes no user namespace, as the program gets a uid of its own. The
program then lives in a changed root below the new one: in such a root the kernel refuses user
namespaces, with their power to mount. Started by an ordinary user, bubblewrap makes a user
namespace and forbids further ones (``--disable-userns``, from version 0.8 on).
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.view import INPUTS, SCRATCH, View

if TYPE_CHECKING:
    from collections.abc import Iterable

JAIL = "/jail"
NAMESPACES = (
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-pid",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--new-session",
)
"""Namespaces, and a session: signals to a process group cross namespaces, but no sessions."""
CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_SYS_CHROOT")
"""What root's first process needs to become the program's user; the program itself has none."""
_TOP_LEVEL_PARTS = 2
"""Parts of a path such as ``/usr``."""


@functools.cache
def version() -> str | None:
    """Return the version of bubblewrap on PATH, such as ``0.8.0``; None if there is none."""
    tool = shutil.which("bwrap")
    if tool is None:
        return None
    reply = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    words = reply.stdout.split()
    return words[-1] if words else "of unknown version"


@functools.cache
def _has_option(option: str) -> bool:
    tool = str(shutil.which("bwrap"))
    reply = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False)  # noqa: S603
    return option in reply.stdout + reply.stderr


def command(visible: View, inputs: Path, capabilities: Iterable[str]) -> list[str]:
    """Return the words before the first process's own command: bubblewrap, and for root ``chroot``.

    ``capabilities`` are those that the first process keeps, to confine the program.
    """
    if os.geteuid() == 0:
        return _command_of_root(visible, inputs, capabilities)
    words = ["bwrap", *NAMESPACES, "--as-pid-1", "--die-with-parent", "--unshare-user"]
    if _has_option("--disable-userns"):
        words.append("--disable-userns")
    words += _root_folder(visible, "", inputs)
    words += ["--cap-drop", "ALL", *_kept(capabilities)]
    return words


def _command_of_root(visible: View, inputs: Path, capabilities: Iterable[str]) -> list[str]:
    words = ["bwrap", *NAMESPACES, "--as-pid-1", "--die-with-parent"]
    words += _shown(_needed_by_chroot(visible), "")
    words += _root_folder(visible, JAIL, inputs)
    words += ["--cap-drop", "ALL", *_kept((*CAPABILITIES, *capabilities))]
    words += ["chroot", JAIL]
    return words


def _root_folder(visible: View, below: str, inputs: Path) -> list[str]:
    words = [*_shown(visible, below), *_private_folders(below, inputs)]
    return [*words, "--remount-ro", "/", "--chdir", "/"]


def _kept(capabilities: Iterable[str]) -> list[str]:
    words = []
    for capability in dict.fromkeys(capabilities):
        words += ["--cap-add", capability]
    return words


def _needed_by_chroot(visible: View) -> View:
    """Return as much of a view as it takes to start ``chroot``."""
    top_level = [path for path in visible.shown if len(path.parts) == _TOP_LEVEL_PARTS]
    return View(shown=tuple(top_level), links=visible.links)


def _shown(visible: View, below: str) -> list[str]:
    """Return the options that show a view under ``below``.

    Folders on the way to a path are made first: bubblewrap would make them closed to other users.
    """
    names = [f"{below}{path}" for path in visible.shown]
    names += [f"{below}{name}" for name, _ in visible.links]
    words = []
    for folder in _folders_above(names):
        words += ["--dir", folder]
    for path in visible.shown:
        words += ["--ro-bind", str(path), f"{below}{path}"]
    for name, target in visible.links:
        words += ["--symlink", target, f"{below}{name}"]
    return words


def _folders_above(names: Iterable[str]) -> list[str]:
    """Return the folders above ``names``, each once and after those above itself."""
    folders: dict[str, None] = {}
    for name in names:
        for folder in reversed(Path(name).parents):
            folders[str(folder)] = None
    folders.pop("/", None)
    return list(folders)


def _private_folders(below: str, inputs: Path) -> list[str]:
    """Return the options for processes, devices, the program's files, and the scratch's place."""
    words = ["--proc", f"{below}/proc"]
    words += ["--dev", f"{below}/dev", "--remount-ro", f"{below}/dev"]
    words += ["--ro-bind", str(inputs), f"{below}{INPUTS}"]
    return [*words, "--dir", f"{below}{SCRATCH}"]
