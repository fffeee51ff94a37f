"""The first process of a long-lived sandbox, which starts one program after another.

It runs inside the sandbox from its text and that of ``confinement`` alone (``python -c``), so it
imports the standard library only. It never reads what a program writes: a program's pipes and its
description arrive as descriptors and are passed on unread. Each program takes three processes: the
*warden* leaves for new namespaces and can be killed at any time; the *first process* of these
mounts the program's private folders and waits for it; the *program* gives up every power and is
executed. When the first process ends, the kernel kills all that is left in its namespace, and its
scratch folder vanishes with its mounts.

Requests and replies are single bytes on stdin, a socket. What became of a program is written to its
report pipe, which is closed before the program's first instruction.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
from typing import TYPE_CHECKING, TypedDict

from greenbench.sandbox.confinement import (
    check,
    filter_system_calls,
    hide_keys,
    libc,
    mount_processes,
    mount_scratch,
)

if TYPE_CHECKING:
    from collections.abc import Callable

RUN, KILL, DONE = b"R", b"K", b"D"
READY, STARTED, ENDED, FAILED = "ready", "started", "ended", "failed"
_DESCRIPTORS = 5
"""Of one program: stdin, stdout, stderr, its description and its report pipe."""
_MOST_DESCRIPTORS = 1 << 16
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWPID = 0x00020000, 0x08000000, 0x20000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 4, 23, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_CAPABILITIES_V3 = 0x20080522
_SHELL_SIGNAL = 128


class ProgramSpec(TypedDict):
    """How one program is to be run; the host writes it."""

    command: list[str]
    files: dict[str, str]
    """Name to content, each character one byte."""
    environment: dict[str, str]
    home: str
    """The scratch folder, a mount point of the sandbox."""
    scratch_options: str
    """Mount options of the scratch folder: its size and the number of its files."""
    limits: list[tuple[int, int, int]]
    """Number of a resource, soft and hard limit."""
    uid: int | None
    """The program's own user and group; None keeps the sandbox's."""
    calls: str
    """Filter of system calls in hexadecimal; empty if there is none."""


def main() -> None:
    """Serve until the host closes the socket; end at once if a program leaves a process behind."""
    check(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))  # nobody may trace it or read its memory
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a first process gets no signal without a handler
    host = socket.socket(fileno=os.dup(0))
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.write(1, f"{READY}\n".encode())
    while True:
        request, descriptors, _, _ = socket.recv_fds(host, 1, _DESCRIPTORS)
        if not request:
            return
        if request != RUN:  # a KILL that crossed with the end of its program
            continue
        _serve(host, descriptors)
        if not _is_alone():
            return
        host.sendall(DONE)


def _serve(host: socket.socket, descriptors: list[int]) -> None:
    """Run one program to its end, or until the host asks for it to be killed."""
    warden = os.fork()
    if warden == 0:
        _in_child(_guard_program, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    end = os.pidfd_open(warden)
    events = select.poll()
    events.register(host, select.POLLIN)
    events.register(end, select.POLLIN)
    if end not in dict(events.poll()):
        host.recv(1)  # KILL, or nothing from a host that has gone
        os.kill(warden, signal.SIGKILL)
    os.close(end)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _is_alone() -> bool:
    """Whether this is the only process left in the sandbox."""
    names = os.listdir("/proc")  # noqa: PTH208 - pathlib would double the time of every fork
    return [name for name in names if name.isdecimal()] == [str(os.getpid())]


def _in_child(work: Callable[[list[int]], None], descriptors: list[int]) -> None:
    """Do a forked child's work and exit, in any case; a failure is reported."""
    try:
        work(descriptors)
    except BaseException as error:  # noqa: BLE001 - a child must never return into its parent's code
        with contextlib.suppress(OSError):
            _report(descriptors[-1], f"{FAILED} {type(error).__name__}: {error}")
    os._exit(1)


def _guard_program(descriptors: list[int]) -> None:
    """Be the warden: leave for new namespaces, and wait for their first process."""
    check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWPID))
    first = os.fork()
    if first == 0:
        _in_child(_oversee_program, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    os.waitpid(first, 0)
    os._exit(0)


def _oversee_program(descriptors: list[int]) -> None:
    """Be the first process: mount private folders, start the program, report how it ended."""
    check(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    description, report = descriptors[3:]
    with open(description, encoding="ascii") as file:  # noqa: PTH123 - a descriptor
        program: ProgramSpec = json.load(file)
    mount_scratch(program["home"], program["scratch_options"])
    mount_processes()
    hide_keys()
    child = os.fork()
    if child == 0:
        _in_child(lambda pipes: _become_program(pipes, program), descriptors)
    for pipe in descriptors[:3]:
        os.close(pipe)
    ended = 0
    while ended != child:  # others are orphans of the program
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        code = _SHELL_SIGNAL - code
    _report(report, f"{ENDED} {code}")
    os._exit(0)


def _become_program(descriptors: list[int], program: ProgramSpec) -> None:
    """Be the program: give up all powers, bring the files, and execute the command."""
    report = descriptors[-1]
    os.setsid()
    for number, pipe in enumerate(descriptors[:3]):
        os.dup2(pipe, number)
    os.set_inheritable(report, False)  # noqa: FBT003 - closed by the kernel when the command starts
    os.closerange(3, report)
    os.closerange(report + 1, _MOST_DESCRIPTORS)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them
    check(libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0))  # else /proc/self is not its own
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("1000")  # out of memory, the kernel takes the program and not its supervisor
    for kind, soft, hard in program["limits"]:
        resource.setrlimit(kind, (soft, hard))
    _drop_powers(program["uid"])
    filter_system_calls(program["calls"])
    os.chdir(program["home"])
    _write_files(program["files"])
    _report(report, STARTED)
    os.execve(program["command"][0], program["command"], program["environment"])  # noqa: S606


def _drop_powers(uid: int | None) -> None:
    """Give up capabilities, the way to new ones, and the user if the program gets its own."""
    capability = 0
    while libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) >= 0:
        check(libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
        capability += 1
    check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _clear_capabilities()
    check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _clear_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    none = (ctypes.c_uint32 * 6)()
    check(libc.capset(header, none))


def _write_files(files: dict[str, str]) -> None:
    for name, content in files.items():
        folder = os.path.dirname(name)  # noqa: PTH120 - pathlib would double the supervisor's start
        if folder:
            os.makedirs(folder, mode=0o755, exist_ok=True)  # noqa: PTH103
        with open(name, "wb") as file:  # noqa: PTH123
            file.write(content.encode("latin-1"))
        os.chmod(name, 0o755)  # noqa: PTH101, S103


def _report(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
