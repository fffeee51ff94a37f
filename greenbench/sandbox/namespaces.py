"""The same isolation by util-linux's ``unshare`` and ``mount``, for machines without bubblewrap.

A shell script mounts the view. The program lives in a changed root, in which the kernel refuses it
user namespaces. The old root stays mounted outside of it, out of reach for a program without
capabilities; bubblewrap takes it away altogether, and is to be preferred for that.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.view import DEVICES, INPUTS, SCRATCH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.sandbox.view import View

NAMESPACES = ("--net", "--ipc", "--uts", "--mount", "--pid")
KEPT_FLAGS = ("nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime")
"""Flags of a mount that a user namespace may not drop when it makes the mount read-only."""


def command(visible: View, inputs: Path, folder: Path) -> list[str]:
    """Return the words before the first process's own command: namespaces and the mounting script.

    The script and the mount point of the new root lie in ``folder``.
    """
    root = folder / "root"
    root.mkdir()
    script = folder / "mount.sh"
    lines = ["set -e", *_script_lines(visible, inputs, root)]
    lines.append(f'exec chroot {shlex.quote(str(root))} "$@"\n')
    script.write_bytes(os.fsencode("\n".join(lines)))
    words = ["unshare"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    words += [*NAMESPACES, "--fork", "--kill-child", "setsid", "sh", str(script)]
    return words


def _script_lines(visible: View, inputs: Path, root: Path) -> Iterator[str]:
    new_root = shlex.quote(str(root))
    yield f"mount -t tmpfs -o size=4m,mode=755,nosuid,nodev none {new_root}"
    yield f"cd {new_root}"
    for path in visible.shown:
        yield from _show_read_only(path, f".{path}")
    for name, target in visible.links:
        link = Path(f".{name}")
        yield f"mkdir -p {shlex.quote(str(link.parent))}"
        yield f"ln -s {shlex.quote(target)} {shlex.quote(f'.{name}')}"
    yield from _show_read_only(inputs, f".{INPUTS}")
    yield "mkdir proc dev; mount -t proc -o nosuid,nodev,noexec none proc"
    for device in DEVICES:
        yield f": > dev/{device}; mount --bind /dev/{device} dev/{device}"
    yield "ln -s /proc/self/fd dev/fd"
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield f"ln -s /proc/self/fd/{number} dev/{name}"
    yield f"mkdir .{SCRATCH}"
    yield "mount -o remount,ro,nosuid,nodev none ."


def _show_read_only(source: Path, target: str) -> Iterator[str]:
    """Show a folder or file, with each mount in it read-only."""
    origin = source.resolve()
    place = shlex.quote(target)
    if source.is_dir():
        yield f"mkdir -p {place}"
    else:
        yield f"mkdir -p {shlex.quote(str(Path(target).parent))}; : > {place}"
    yield f"mount --rbind {shlex.quote(str(origin))} {place}"
    for inner, flags in _mounts(origin):
        options = ",".join(["remount", "bind", "ro", *flags])
        yield f"mount -o {options} {shlex.quote(target + inner)}"


def _mounts(path: Path) -> list[tuple[str, list[str]]]:
    """Return the mounts at and below ``path``, its own first.

    Each is what follows ``path`` in its name, and the flags that have to stay.
    """
    inner = []
    own_name, own_flags = "", list[str]()
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        fields = line.split()
        mount_point = _unescaped(fields[4])
        flags = [flag for flag in fields[5].split(",") if flag in KEPT_FLAGS]
        if Path(mount_point) != path and Path(mount_point).is_relative_to(path):
            inner.append((mount_point[len(str(path)) :], flags))
        elif path.is_relative_to(mount_point) and len(mount_point) >= len(own_name):
            own_name, own_flags = mount_point, flags
    return [("", own_flags), *inner]


def _unescaped(text: str) -> str:
    """Return a path of mountinfo, in which white space is written in octal."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
