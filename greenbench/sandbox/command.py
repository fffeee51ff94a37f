"""The folder, the user, the limits and the command line: a program inside the tools that shut it in, from the outside in."""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox import bubblewrap, namespaces
from greenbench.sandbox.processes import tasks_of
from greenbench.sandbox.view import GIVEN, SCRATCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.sandbox.records import Asked, Limits, Way

STARTED = b"started\n"
"""What the innermost wrapper says on stdout, before the program can say anything: all wrappers have done their work."""
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

_DIE_WITH_CALLER = ("setpriv", "--pdeathsig=KILL")
_COUNTS_BY_NAMESPACE = (5, 14)
"""The first kernel that counts a user's processes for each user namespace alone."""
_JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done; shift; exec "$@"'
_FIRST = 'exec 3>&2 2>/dev/null; (exec "$@") 2>&3 3>&-; exit $?'
"""A namespace's first process; not the program, as signals do not end a first process. Its own stderr is shut before it starts
the program, as shells comment there on how a child ended."""
_TELL = f"""test -x "$1" || {{ echo "$1 cannot be reached by the program's user" >&2; exit 1; }}
echo {STARTED.decode().strip()}; exec "$@" """
_BRING = f"cd {SCRATCH} && cp -R {GIVEN}/. . || exit 1\n"
_FULL_MAP = 1 << 31
_turn = itertools.count()


def fresh_uid() -> int:
    """Return a uid that no other run uses now: RLIMIT_NPROC counts all processes of a uid, and binds every uid but root's."""
    mapped = sum(
        int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text("utf-8").splitlines()
    )
    start, size = (
        (1 << 30, 1 << 30) if mapped > _FULL_MAP else (20_000, 40_000)
    )  # a container may have 65536 of them only
    return start + (os.getpid() * 256 + next(_turn) % 256) % size


def home(way: Way, box: Path) -> str:
    """Return the folder that the program works in, as it sees it."""
    return SCRATCH if way.walls else str(box / "work")


def fill(way: Way, box: Path, files: Mapping[str, str | bytes], uid: int | None) -> None:
    """Make ``box/work`` with ``files``; a lone surrogate is written as it is, an error of the program, not ours.

    Behind walls all may read it, through the view alone, and the program gets copies; without, it is the program's own.
    """
    work = box / "work"
    work.mkdir()
    box.chmod(0o711)
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    for path in (work, *work.rglob("*")):
        path.chmod(0o755)
        if uid is not None and not way.walls:
            os.chown(path, uid, uid)


def wrapped(way: Way, asked: Asked, box: Path, uid: int | None, doors: Sequence[str]) -> list[str]:
    """Return the program that is asked for inside its wrappers; ``doors`` are those of its control group."""
    program, limits = asked.command, asked.limits
    joined = [*_DIE_WITH_CALLER, "sh", "-c", _JOIN, "sh", *doors, "--"]
    user = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []
    powers = (
        ["--inh-caps=-all", "--bounding-set=-all"]
        if way.own_uid or way.kind == "namespaces"
        else []
    )
    caller = (
        [] if way.walls else ["--pdeathsig=KILL"]
    )  # changing the user forgets it; walls fall with their first process
    tell = (_BRING if way.walls else "") + _TELL
    limited = [
        "setpriv",
        *caller,
        *user,
        *powers,
        "--no-new-privs",
        *_prlimit(way, limits),
        "sh",
        "-c",
        tell,
        "sh",
        *program,
    ]
    if not way.walls:
        return [*joined, *limited]
    given = box / "work"
    bwrap = way.kind == "bubblewrap"
    lay = bubblewrap.command if bwrap else functools.partial(namespaces.command, box=box)
    walls = lay(program[0], given, limits=limits, shown=asked.shown)
    return [*joined, *walls, "sh", "-c", _FIRST, "sh", *limited]


def _prlimit(way: Way, limits: Limits) -> list[str]:
    """Return the command that sets the limits, none above what this process may have itself."""
    seconds, processes = math.ceil(limits.cpu_seconds), limits.processes + _counted_too(way)
    wanted = [
        ("core", resource.RLIMIT_CORE, 0, 0),
        (
            "cpu",
            resource.RLIMIT_CPU,
            seconds,
            seconds + 1,
        ),  # SIGXCPU, and a second later SIGKILL for who ignores it
        ("nproc", resource.RLIMIT_NPROC, processes, processes),
        ("fsize", resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        ("nofile", resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
    ]
    if limits.memory_bytes is not None:
        wanted.append(("as", resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes))
    return [
        "prlimit",
        *(
            f"--{name}={_at_most(kind, soft)}:{_at_most(kind, hard)}"
            for name, kind, soft, hard in wanted
        ),
    ]


def _at_most(kind: int, wanted: int) -> int:
    ceiling = resource.getrlimit(kind)[1]
    return wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)


def _counted_too(way: Way) -> int:
    """Return how many processes and threads the kernel counts beside the program's: the wrappers', or all of the user's."""
    if way.own_uid:
        return 0
    if (
        way.walls
        and tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
        >= _COUNTS_BY_NAMESPACE
    ):
        return 1 if way.kind == "bubblewrap" else 2  # the first process, and unshare
    return tasks_of(os.getuid())
