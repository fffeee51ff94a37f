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

from greenbench.sandbox import bubblewrap, namespaces, supervisor
from greenbench.sandbox.processes import tasks_of
from greenbench.sandbox.records import LIMITS
from greenbench.sandbox.view import GIVEN, SCRATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.sandbox.records import Asked, Limits, Way

STARTED = b"started\n"
"""What the innermost wrapper says on stdout, before the program can say anything: all wrappers have done their work."""
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

SUPERVISOR_POWERS = ("CAP_SYS_ADMIN", "CAP_SETPCAP", "CAP_SETUID", "CAP_SETGID")
"""Capabilities for namespaces and mounts, for taking powers away, and, as root, for giving a program its own user."""
_WARDEN_AND_SUPERVISOR = 2
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


def environment(home: str) -> dict[str, str]:
    """Return all the environment that a program gets; ``home`` is its folder, as it sees it."""
    return {
        "PATH": PATH,
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
    }


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


def supervisor_command(
    way: Way, interpreter: str, shown: Sequence[Path], box: Path, doors: Sequence[str]
) -> list[str]:
    """Return the supervisor of a long-lived sandbox inside its wrappers, with the powers that it needs for its work."""
    joined = [*_DIE_WITH_CALLER, "sh", "-c", _JOIN, "sh", *doors, "--"]
    powers = SUPERVISOR_POWERS if way.own_uid else SUPERVISOR_POWERS[:2]
    if way.kind == "bubblewrap":
        walls = bubblewrap.command(interpreter, box / "work", LIMITS, shown, powers)
    else:
        walls = namespaces.command(interpreter, box / "work", box, LIMITS, shown)
    kept = [] if way.kind == "bubblewrap" else ["setpriv", f"--bounding-set={_bounding(powers)}"]
    text = Path(supervisor.__file__).read_text("utf-8")
    return [*joined, *walls, *kept, interpreter, "-I", "-S", "-B", "-c", text]


def _bounding(powers: Iterable[str]) -> str:
    """Return a set of capabilities as setpriv takes it."""
    return ",".join(["-all", *(f"+{power.removeprefix('CAP_').lower()}" for power in powers)])


def _prlimit(way: Way, limits: Limits) -> list[str]:
    """Return the command that sets the limits."""
    options = []
    for name, (kind, soft, hard) in resource_limits(limits, counted_too(way)).items():
        options.append(f"--{name}={soft}:{hard}")
    return ["prlimit", *options]


def resource_limits(limits: Limits, counted_processes: int) -> dict[str, tuple[int, int, int]]:
    """Return each resource by prlimit's name with its number, soft and hard limit, none above this process's own.

    ``counted_processes`` are those that the kernel counts beside the program's.
    """
    seconds = math.ceil(limits.cpu_seconds)
    processes = limits.processes + counted_processes
    wanted = {
        "core": (resource.RLIMIT_CORE, 0, 0),
        # SIGXCPU, and a second later SIGKILL for who ignores it
        "cpu": (resource.RLIMIT_CPU, seconds, seconds + 1),
        "nproc": (resource.RLIMIT_NPROC, processes, processes),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
    }
    if limits.memory_bytes is not None:
        wanted["as"] = (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes)
    allowed = {}
    for name, (kind, soft, hard) in wanted.items():
        allowed[name] = (kind, _at_most(kind, soft), _at_most(kind, hard))
    return allowed


def _at_most(kind: int, wanted: int) -> int:
    ceiling = resource.getrlimit(kind)[1]
    return wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)


def counted_too(way: Way, *, by_supervisor: bool = False) -> int:
    """Return how many processes and threads the kernel counts beside the program's: the wrappers', or all of the user's.

    ``by_supervisor``: those of a long-lived sandbox, which has two more.
    """
    more = _WARDEN_AND_SUPERVISOR if by_supervisor else 0
    if way.own_uid:
        return 0
    if (
        way.walls
        and tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
        >= _COUNTS_BY_NAMESPACE
    ):
        return more + (1 if way.kind == "bubblewrap" else 2)  # the first process, and unshare
    return more + tasks_of(os.getuid())
