"""A program inside the tools that isolate it: its folder, its user, and the command line."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.sandbox import bubblewrap, confinement, namespaces, supervisor
from greenbench.sandbox.rlimits import counted_processes, rlimits
from greenbench.sandbox.seccomp import kernel_filter
from greenbench.sandbox.view import INPUTS, SCRATCH, scratch_options, view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.sandbox.records import Backend, Limits, RunRequest

STARTED = b"started\n"
"""What the innermost wrapper prints before the program can print: all wrappers have succeeded."""
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
CAPABILITIES = ("CAP_SYS_ADMIN", "CAP_SETPCAP")
"""For namespaces and mounts, and for taking capabilities away."""
CAPABILITIES_FOR_UIDS = ("CAP_SETUID", "CAP_SETGID")
"""For giving a program a user of its own."""

_PYTHON_OPTIONS = ("-I", "-S", "-B", "-c")
_SUPERVISOR = """\
import sys, types
module = types.ModuleType({name!r})
exec({confinement!r}, module.__dict__)
sys.modules[{name!r}] = module
exec({supervisor!r})
"""
"""The supervisor with the module that it imports, neither of which is a file in its sandbox."""
_WORK = "work"
_DIE_WITH_CALLER = ("setpriv", "--pdeathsig=KILL")
_JOIN_GROUP = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done; shift; exec "$@"'
_FIRST_PROCESS = 'exec 3>&2 2>/dev/null; (exec setsid "$@") 2>&3 3>&-; exit $?'
"""A namespace's first process; not the program itself, as signals do not end a first process.

The program has a session of its own. A signal that it sends to its process group (``kill 0``) would
else stop the first process and, out of the namespace, the wrappers that wait for it.
Its own stderr is closed before it starts the program, as shells comment there on how a child ended.
"""
_COPY_INPUTS = f"cd {SCRATCH} && cp -R {INPUTS}/. . || exit 1\n"
_START = f"""\
test -x "$1" || {{ echo "$1 cannot be reached by the program's user" >&2; exit 1; }}
echo {STARTED.decode().strip()}; exec "$@" """
_ALL_UIDS = 1 << 31
_FEW_UIDS_FROM, _FEW_UIDS = 20_000, 40_000
"""A container may have 65536 uids only."""
_MANY_UIDS_FROM, _MANY_UIDS = 1 << 30, 1 << 30
_numbers = itertools.count()


def fresh_uid() -> int:
    """Return a uid that no other run uses now.

    RLIMIT_NPROC counts all processes of a uid, and limits every uid but root's.
    """
    mapped = 0
    for line in Path("/proc/self/uid_map").read_text("utf-8").splitlines():
        _, _, count = line.split()
        mapped += int(count)
    number = os.getpid() * 256 + next(_numbers) % 256
    if mapped > _ALL_UIDS:
        return _MANY_UIDS_FROM + number % _MANY_UIDS
    return _FEW_UIDS_FROM + number % _FEW_UIDS


def home(backend: Backend, folder: Path) -> str:
    """Return the folder that the program works in, as it sees it."""
    return SCRATCH if backend.isolates else str(folder / _WORK)


def environment(home: str) -> dict[str, str]:
    """Return the whole environment of a program; ``home`` is the folder that it works in."""
    return {
        "PATH": PATH,
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
    }


def write_inputs(
    backend: Backend, folder: Path, contents: dict[str, bytes], uid: int | None
) -> None:
    """Write the program's files below ``folder``.

    An isolated program sees them read-only and gets copies; else they are its own.
    """
    work = folder / _WORK
    work.mkdir()
    folder.chmod(0o711)
    for name, content in contents.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for path in (work, *work.rglob("*")):
        path.chmod(0o755)
        if uid is not None and not backend.isolates:
            os.chown(path, uid, uid)


def program_command(
    backend: Backend,
    request: RunRequest,
    folder: Path,
    uid: int | None,
    procs_files: Sequence[str],
) -> list[str]:
    """Return the program inside its wrappers, from the outside in.

    ``procs_files`` are what a process writes to in order to join the control group.
    """
    limited = _limited(backend, request, uid)
    if not backend.isolates:
        return [*_joined(procs_files), *limited]
    programs = [request.command[0], interpreter()]
    isolation = _isolated(backend, programs, request.shown, folder)
    first_process = ["sh", "-c", _FIRST_PROCESS, "sh"]
    return [
        *_joined(procs_files),
        *isolation,
        *first_process,
        *_confined(request.limits),
        *limited,
    ]


def interpreter() -> str:
    """Return the Python that confines programs: the one that this process runs on.

    Raises UnavailableError if that is unknown, as in a Python that is embedded elsewhere.
    """
    if not sys.executable:
        raise UnavailableError(
            "sandbox: the path of this Python is unknown (sys.executable is empty), and no other "
            "confines programs; run greenbench with a Python of its own"
        )
    return str(Path(sys.executable).resolve())


def _isolated(
    backend: Backend, programs: Sequence[str], shown: Sequence[Path], folder: Path
) -> list[str]:
    """Return the wrappers that make namespaces, in which the first process may confine others."""
    visible = view([Path(program) for program in programs], shown)
    inputs = folder / _WORK
    if backend.kind == "bubblewrap":
        return bubblewrap.command(visible, inputs, _capabilities(backend))
    return namespaces.command(visible, inputs, folder)


def _confined(limits: Limits) -> list[str]:
    """Return the wrapper that mounts the scratch folder, hides keys and filters system calls."""
    text = Path(confinement.__file__).read_text("utf-8")
    words = [kernel_filter().hex(), SCRATCH, scratch_options(limits)]
    return [interpreter(), *_PYTHON_OPTIONS, text, *words]


def _capabilities(backend: Backend) -> tuple[str, ...]:
    return CAPABILITIES + CAPABILITIES_FOR_UIDS if backend.own_uid else CAPABILITIES


def _joined(procs_files: Sequence[str]) -> list[str]:
    """Return the outermost wrapper: it dies with this process, and joins the control group."""
    return [*_DIE_WITH_CALLER, "sh", "-c", _JOIN_GROUP, "sh", *procs_files, "--"]


def _limited(backend: Backend, request: RunRequest, uid: int | None) -> list[str]:
    """Return the program inside its innermost wrappers: user, capabilities, limits, files."""
    words = ["setpriv"]
    if not backend.isolates:
        words.append("--pdeathsig=KILL")  # changing the user forgets the outer one
    if uid is not None:
        words += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    if backend.own_uid or backend.isolates:
        words += ["--inh-caps=-all", "--bounding-set=-all"]
    words += ["--no-new-privs", "prlimit"]
    for name, (_, soft, hard) in rlimits(request.limits, counted_processes(backend)).items():
        words.append(f"--{name}={soft}:{hard}")
    script = _COPY_INPUTS + _START if backend.isolates else _START
    return [*words, "sh", "-c", script, "sh", *request.command]


def supervisor_command(
    backend: Backend,
    interpreter: str,
    shown: Sequence[Path],
    folder: Path,
    procs_files: Sequence[str],
) -> list[str]:
    """Return the supervisor of a long-lived sandbox inside its wrappers.

    It keeps the capabilities that it needs for its work, and no others.
    """
    isolation = _isolated(backend, [interpreter], shown, folder)
    if backend.kind == "namespaces":
        isolation += ["setpriv", f"--bounding-set={_bounding_set(_capabilities(backend))}"]
    text = _SUPERVISOR.format(
        name=confinement.__name__,
        confinement=Path(confinement.__file__).read_text("utf-8"),
        supervisor=Path(supervisor.__file__).read_text("utf-8"),
    )
    return [*_joined(procs_files), *isolation, interpreter, *_PYTHON_OPTIONS, text]


def _bounding_set(capabilities: Sequence[str]) -> str:
    """Return a set of capabilities as setpriv takes it."""
    names = [capability.removeprefix("CAP_").lower() for capability in capabilities]
    return ",".join(["-all", *(f"+{name}" for name in names)])
