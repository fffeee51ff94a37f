"""The process that outlives its session and restores the device settings, however the session ends.

    python -m greenbench.machine.control.guard PID START [UUID ...]

It runs in a session of its own, so that no signal to the terminal or the process group reaches it,
waits for the end of the process PID (started at START, in ticks since boot), and restores what the
journals of that process list. At a normal end there are none. Meanwhile it keeps the NVIDIA driver
open: one that no process has open forgets its limits by itself, and then the values from before
could not be told from somebody else's.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import device_errors, keep_driver_open
from greenbench.machine.control.journal import trusted_journals
from greenbench.machine.control.restore import recover
from greenbench.machine.processes import import_paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.control.journal import Journal

MODULE = "greenbench.machine.control.guard"
FOLDER_VARIABLES = ("GREENBENCH_STATE", "GREENBENCH_SYSFS")
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
READY = b"ready\n"
START_S = 60.0
PAUSE_S = 0.1


class Guard:
    """The guard of this process: ``start`` it before anything is set."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._gpus: set[str] = set()

    def start(self, *, gpus: Sequence[str]) -> None:
        """Start it and wait until it watches, with these GPUs (UUIDs) kept open.

        Does nothing if it runs already and keeps them open. Raises UnavailableError if it cannot be
        started.
        """
        running = self._process is not None and self._process.poll() is None
        if running and set(gpus) <= self._gpus:
            return
        self.stop()
        self._gpus = set(gpus)
        pid = os.getpid()
        command = [sys.executable, "-m", MODULE, str(pid), start_ticks(pid), *sorted(self._gpus)]
        self._process = subprocess.Popen(  # noqa: S603  our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env=_environment(),
        )
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop it, unless this process still has settings to restore.

        It would stop by itself when this process ends.
        """
        if self._process is None or _journals_of(os.getpid()):
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        readable, _, _ = select.select([process.stdout], [], [], START_S)
        answer = b""
        if readable:
            answer = os.read(process.stdout.fileno(), len(READY))
        process.stdout.close()
        if answer == READY:
            return
        process.kill()
        process.wait()
        self._process = None
        raise UnavailableError(
            "the guard process, which restores settings if this process is killed, could not be "
            "started; no device is set without it"
        )


def _environment() -> dict[str, str]:
    """Return this environment with absolute paths: the guard runs in another folder."""
    environment = dict(os.environ)
    for name in FOLDER_VARIABLES:
        folder = os.environ.get(name)
        if folder:
            environment[name] = os.path.abspath(folder)  # noqa: PTH100  links are kept
    environment["PYTHONPATH"] = import_paths()
    return environment


def _journals_of(pid: int) -> list[Journal]:
    """Return the journals that process ``pid`` has left on disk."""
    return [journal for journal in trusted_journals() if journal.pid == pid]


def start_ticks(pid: int) -> str:
    """Return when a process started, in ticks since boot (proc(5)); empty if it is gone.

    A pid alone may name another process by now.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    _, _, after_command = status.rpartition(")")
    return after_command.split()[19]


def wait_for(pid: int, start: str) -> None:
    """Return when the process that started at ``start`` is gone."""
    try:
        process = os.pidfd_open(pid)
    except OSError:  # the process is gone, or the kernel has no pidfd
        while start_ticks(pid) == start:
            time.sleep(PAUSE_S)
        return
    if start_ticks(pid) == start:
        select.select([process], [], [])
    os.close(process)


def main(arguments: list[str]) -> None:
    """Wait for the process, then restore; what cannot be restored stays in its journals."""
    pid, start, gpus = int(arguments[0]), arguments[1], arguments[2:]
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    errors = device_errors()  # imports what restoring needs while the files are still there
    if gpus:
        try:
            keep_driver_open(gpus)
        except errors:
            sys.exit(1)
    os.write(1, READY)
    os.close(1)
    wait_for(pid, start)
    devices: set[str] = set()
    for journal in _journals_of(pid):
        devices.update(journal.devices)
    if devices:
        recover(lambda _message: None, about=devices, wait=True)


if __name__ == "__main__":
    main(sys.argv[1:])
