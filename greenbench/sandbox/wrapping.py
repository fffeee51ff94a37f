"""The folder, the user and the command line: a program inside the tools that shut it in, from the outside in."""

from __future__ import annotations

import itertools
import math
import os
import re
import resource
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.sandbox.processes import tasks_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.sandbox.records import Limits, Way

STARTED = b"started\n"
"""What the innermost wrapper says on stdout, before the program can say anything: all wrappers have done their work."""
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - they are covered, not used
_UNSHARE = ("unshare", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
_DIE_WITH_CALLER = ("setpriv", "--pdeathsig=KILL")
_COUNTS_BY_NAMESPACE = (5, 14)
"""The first kernel that counts a user's processes for each user namespace alone."""
_TELL = f"""test -x "$1" || {{ echo "$1 cannot be reached by the program's user" >&2; exit 1; }}
echo {STARTED.decode().strip()}; exec "$@" """
_FULL_MAP = 1 << 31
_turn = itertools.count()


def fresh_uid() -> int:
    """Return a uid that no other run uses now: RLIMIT_NPROC counts all processes of a uid, and binds every uid but root's."""
    mapped = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text("utf-8").splitlines())
    start, size = (1 << 30, 1 << 30) if mapped > _FULL_MAP else (20_000, 40_000)  # a container may have 65536 of them only
    return start + (os.getpid() * 256 + next(_turn) % 256) % size


def fill(box: Path, files: Mapping[str, str], uid: int | None) -> None:
    """Make ``box/work`` with ``files`` for a user; a lone surrogate is written as it is, an error of the program, not ours."""
    work = box / "work"
    work.mkdir(mode=0o700)
    box.chmod(0o711)
    for name, text in files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    if uid is not None:
        for path in (work, *work.rglob("*")):
            os.chown(path, uid, uid)


def wrapped(way: Way, command: list[str], box: Path, uid: int | None, limits: Limits) -> list[str]:
    """Return ``command`` inside its wrappers; with namespaces, writes their view of the folders into ``box``."""
    user = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []
    powers = ["--inh-caps=-all", "--bounding-set=-all"] if way.namespaces or way.own_uid else []
    limited = [*_DIE_WITH_CALLER, *user, *powers, "--no-new-privs", *_prlimit(way, limits), "sh", "-c", _TELL, "sh", *command]
    if not way.namespaces:
        return limited
    as_root = [] if way.own_uid else ["--map-root-user"]
    return [*_DIE_WITH_CALLER, *_UNSHARE, *as_root, "sh", "-c", _first_process(command[0], box), "sh", *limited]


def _first_process(program: str, box: Path) -> str:
    """Return the namespace's first process, a script; not the program, as signals do not end a first process.

    Its own stderr is shut before it starts the program, as shells comment there on how a child ended.
    """
    (box / "fstab").write_text(_view(program, box), "utf-8")
    lay = f"mount --all --fstab {shlex.quote(str(box / 'fstab'))} || exit 1; cd {shlex.quote(str(box / 'work'))} || exit 1"
    return f'{lay}; exec 3>&2 2>/dev/null; (exec "$@") 2>&3 3>&-; exit $?'


def _view(program: str, box: Path) -> str:
    """Return the mounts that lay covers, removed with ``box``, over shared folders and over closed ones on the program's way.

    What the program needs shows through: its folder and its installation.
    """
    seen = {box / "work", *(_installation(path) for path in (Path(program), Path(program).resolve()))}
    hidden = {Path(path).resolve() for path in _SHARED if Path(path).is_dir()}
    hidden |= {closed for path in seen if (closed := _closed_above(path))}
    outermost = [folder for folder in hidden if not hidden & set(folder.parents)]
    mounts: list[tuple[Path, Path]] = []
    for number, folder in enumerate(sorted(outermost, key=box.is_relative_to)):  # the one over the covers themselves is last
        cover = box / "covers" / str(number)
        shown = [(path, cover / path.relative_to(folder)) for path in sorted(seen) if path.is_relative_to(folder)]
        for target in (cover, *(target for _, target in shown)):
            target.mkdir(parents=True, exist_ok=True)
        cover.chmod(0o1777)
        mounts += [*shown, (cover, folder)]
    (box / "covers").chmod(0o700)
    return "".join(f"{_escaped(source)} {_escaped(target)} none rbind 0 0\n" for source, target in mounts)


def _escaped(path: Path) -> str:
    """Return a path as fstab(5) wants it."""
    return re.sub(r"[\s\\#]", lambda found: f"\\{ord(found[0]):03o}", str(path))


def _installation(program: Path) -> Path:
    return program.parent.parent if program.parent.name == "bin" else program.parent


def _closed_above(path: Path) -> Path | None:
    """Return the topmost folder above ``path`` that others may not pass through."""
    return next((folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), None)


def _prlimit(way: Way, limits: Limits) -> list[str]:
    """Return the command that sets the limits, none above what this process may have itself."""
    seconds, processes = math.ceil(limits.cpu_seconds), limits.processes + _counted_too(way)
    wanted = [
        ("core", resource.RLIMIT_CORE, 0, 0),
        ("cpu", resource.RLIMIT_CPU, seconds, seconds + 1),  # SIGXCPU, and a second later SIGKILL for who ignores it
        ("nproc", resource.RLIMIT_NPROC, processes, processes),
        ("fsize", resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        ("nofile", resource.RLIMIT_NOFILE, limits.open_files, limits.open_files),
    ]
    if limits.memory_bytes is not None:
        wanted.append(("as", resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes))
    return ["prlimit", *(f"--{name}={_at_most(kind, soft)}:{_at_most(kind, hard)}" for name, kind, soft, hard in wanted)]


def _at_most(kind: int, wanted: int) -> int:
    ceiling = resource.getrlimit(kind)[1]
    return wanted if ceiling == resource.RLIM_INFINITY else min(wanted, ceiling)


def _counted_too(way: Way) -> int:
    """Return how many processes and threads the kernel counts beside the program's: the wrappers', or all of the user's."""
    if way.own_uid:
        return 0
    if way.namespaces and tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2]) >= _COUNTS_BY_NAMESPACE:
        return 2  # unshare and the first process
    return tasks_of(os.getuid())
