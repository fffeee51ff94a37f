"""The files that a program sees: the system read-only, its own installation, what it was given, and a scratch of its own.

Everything is listed, so that what nobody thought of is absent: homes, other users' temporary files, most of ``/etc``, devices,
sockets. The names of what is shown stay, as compilers and interpreters look for their parts by them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SCRATCH, GIVEN = "/scratch", "/given"
"""Where the program works, and where the files lie that it was given, read-only."""
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
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - links to the scratch in the program's view
DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is shown under its own name, and the links beside it (name to where it leads)."""

    shown: tuple[Path, ...]
    links: tuple[tuple[str, str], ...]


def view(program: Path, shown_too: Iterable[Path] = ()) -> View:
    """Return what ``program`` is to see; ``shown_too`` are folders or files that it was granted beside the system."""
    system = [Path(name) for name in SYSTEM]
    links = [(str(path), str(path.readlink())) for path in system if path.is_symlink()]
    shown = [path for path in system if path.is_dir() and not path.is_symlink()]
    shown += _settings()
    for path in (program, program.resolve()):
        part = _part(path)
        if not any(part.is_relative_to(known) for known in (*shown, *map(Path, SYSTEM))):
            shown.append(part)
    shown += [path for path in shown_too if not any(path.is_relative_to(known) for known in shown)]
    free = [name for name in TEMPORARY if not any(path.is_relative_to(name) for path in shown)]
    return View(shown=tuple(shown), links=(*links, *((name, SCRATCH) for name in free)))


def _settings() -> Iterator[Path]:
    etc = Path("/etc")
    yield from (
        path
        for path in (*(etc / name for name in SETTINGS), *sorted(etc.glob(TOOLCHAINS)))
        if path.exists()
    )


def _part(program: Path) -> Path:
    """Return the installation that a program belongs to, the folder above ``bin``; the program alone where that holds more.

    A home, or the ``.local`` in it, has a ``bin`` too, and beside it what is nobody's business.
    """
    installation = program.parent.parent if program.parent.name == "bin" else program.parent
    home = Path(os.path.expanduser("~")).resolve()  # noqa: PTH111  Path.home() raises for a user without one
    private = {home, *home.parents, home / ".local"}
    return program if installation.resolve() in private else installation
