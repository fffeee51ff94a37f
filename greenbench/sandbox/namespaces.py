"""The same walls by util-linux's ``unshare`` and ``mount``, where there is no bubblewrap: a shell script lays the view.

The program lives in a changed root, in which the kernel refuses it user namespaces. The old root stays mounted outside of it,
out of reach for a program without capabilities; bubblewrap takes it away altogether, and is to be preferred for that.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.view import DEVICES, GIVEN, SCRATCH, View, view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from greenbench.sandbox.records import Limits

APART = ("unshare", "--net", "--ipc", "--uts", "--mount", "--pid", "--fork", "--kill-child")
FILES = 16_384
"""What a scratch may hold at most; an empty file takes a kilobyte of the kernel's memory."""
KEPT = ("nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime")
"""Flags of a mount that a user namespace may not drop when it makes the mount read-only."""


def command(
    program: str, given: Path, box: Path, limits: Limits, shown: Iterable[Path] = ()
) -> list[str]:
    """Return what stands before the first process's own command: namespaces, the script, and the changed root."""
    root = box / "root"
    root.mkdir()
    script = box / "lay.sh"
    laid = _lines(view(Path(program), shown), given, root, limits)
    script.write_text("\n".join(["set -e", *laid, f'exec chroot {root} "$@"\n']), "utf-8")
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [APART[0], *as_root, *APART[1:], "sh", str(script)]


def _lines(seen: View, given: Path, root: Path, limits: Limits) -> Iterator[str]:
    below = shlex.quote(str(root))
    yield f"mount -t tmpfs -o size=4m,mode=755,nosuid,nodev none {below}"
    yield f"cd {below}"
    for path in seen.shown:
        yield from _read_only(path, f".{path}")
    for name, leads in seen.links:
        yield f"mkdir -p {shlex.quote(str(Path('.' + name).parent))}; ln -s {shlex.quote(leads)} {shlex.quote('.' + name)}"
    yield from _read_only(given, f".{GIVEN}")
    yield "mkdir proc dev; mount -t proc -o nosuid,nodev,noexec none proc"
    for device in DEVICES:
        yield f": > dev/{device}; mount --bind /dev/{device} dev/{device}"
    yield "ln -s /proc/self/fd dev/fd; for n in 0:stdin 1:stdout 2:stderr; do ln -s /proc/self/fd/${n%:*} dev/${n#*:}; done"
    space = f"size={limits.scratch_bytes},nr_inodes={FILES},mode=1777,nosuid,nodev"
    yield f"mkdir .{SCRATCH}; mount -t tmpfs -o {space} none .{SCRATCH}"
    yield "mount -o remount,ro,nosuid,nodev none ."


def _read_only(source: Path, target: str) -> Iterator[str]:
    """Show a folder or file, each mount in it read-only."""
    real, place = shlex.quote(str(source.resolve())), shlex.quote(target)
    made = (
        f"mkdir -p {place}"
        if source.is_dir()
        else f"mkdir -p {shlex.quote(str(Path(target).parent))}; : > {place}"
    )
    yield f"{made}; mount --rbind {real} {place}"
    for inner, flags in _mounts(source.resolve()):
        at = shlex.quote(target + inner)
        yield f"mount -o {','.join(['remount', 'bind', 'ro', *flags])} {at}"


def _mounts(path: Path) -> list[tuple[str, list[str]]]:
    """Return the mounts at and below ``path``: what comes behind its name, and the flags that stay; its own first."""
    found, own = [], ("", 0, list[str]())
    for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines():
        at, options = _unescaped(line.split()[4]), line.split()[5].split(",")
        flags = [o for o in options if o in KEPT]
        if Path(at) != path and Path(at).is_relative_to(path):
            found.append((at[len(str(path)) :], flags))
        elif path.is_relative_to(at) and len(at) >= own[1]:
            own = ("", len(at), flags)
    return [("", own[2]), *found]


def _unescaped(text: str) -> str:
    """Return a path of mountinfo, in which white space is written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
