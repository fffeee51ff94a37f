"""The files that a program sees: the system, its installation, its inputs, and a scratch folder.

Everything is listed, so that what nobody thought of is absent: homes, other users' temporary files,
most of ``/etc``, devices, sockets. Everything shown keeps its name, as compilers and interpreters
look for their parts by name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.sandbox.records import Limits

SCRATCH, INPUTS = "/scratch", "/given"
"""Where the program works, and where the files that it is run on lie, read-only."""
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/gnu/store",
)
SETTINGS = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mono")
"""Names below ``/etc`` that programs need to start; no accounts, no keys, no certificates."""
TOOLCHAINS = "java-*"
"""Settings below ``/etc`` that Debian's JDKs look for."""
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - links to the scratch folder in the program's view
SCRATCH_FILES = 16_384
"""What a scratch folder may hold at most; an empty file takes a kilobyte of the kernel's memory."""
DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown under its own name, and the links beside it (name and target)."""

    shown: tuple[Path, ...]
    links: tuple[tuple[str, str], ...]


def scratch_options(limits: Limits) -> str:
    """Return the mount options that limit a scratch folder."""
    return f"size={limits.scratch_bytes},nr_inodes={SCRATCH_FILES},mode=1777"


def view(programs: Iterable[Path], shown_too: Iterable[Path] = ()) -> View:
    """Return what ``programs`` are to see; ``shown_too`` are further folders or files."""
    system = [Path(name) for name in SYSTEM]
    links = [(str(path), str(path.readlink())) for path in system if path.is_symlink()]
    shown = [path for path in system if path.is_dir() and not path.is_symlink()]
    shown += _settings()
    for program in programs:
        for path in (program, program.resolve()):
            installation = _installation(path)
            if not _is_below(installation, (*shown, *system)):
                shown.append(installation)
    for path in shown_too:
        if not _is_below(path, shown):
            shown.append(path)
    for name in TEMPORARY:
        if not any(path.is_relative_to(name) for path in shown):
            links.append((name, SCRATCH))
    return View(shown=tuple(shown), links=tuple(links))


def _is_below(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _settings() -> list[Path]:
    etc = Path("/etc")
    named = [etc / name for name in SETTINGS]
    return [path for path in (*named, *sorted(etc.glob(TOOLCHAINS))) if path.exists()]


def _installation(program: Path) -> Path:
    """Return the installation of a program: the folder above ``bin``, or the program alone.

    A home, or the ``.local`` in it, has a ``bin`` too, and beside it what is private.
    """
    folder = program.parent
    installation = folder.parent if folder.name == "bin" else folder
    # Path.home() raises for a user without one.
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111
    private = {home, *home.parents, home / ".local"}
    return program if installation.resolve() in private else installation
