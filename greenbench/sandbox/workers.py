"""Long-lived sandboxes, each of which runs one program after another: hundreds of programs need no start of their own.

A worker is a sandbox whose first process is the ``supervisor``. To it and to this process programs are opaque: a program
reads and writes pipes that were made for it alone, and lives in namespaces, folders and, as root, a user of its own. What
isolates programs from the machine also isolates them from the supervisor and from each other.

A worker that does anything unexpected is thrown away, and its program is run again by ``run``, in a sandbox of its own.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from greenbench.sandbox.cgroups import Group
from greenbench.sandbox.command import (
    counted_too,
    environment,
    fill,
    fresh_uid,
    resource_limits,
    supervisor_command,
)
from greenbench.sandbox.namespaces import FILES
from greenbench.sandbox.pipes import Exchange, Pipes
from greenbench.sandbox.process import end_tree
from greenbench.sandbox.processes import oom_kills
from greenbench.sandbox.records import LIMITS, Asked
from greenbench.sandbox.runner import Finished, allowed, describe, grouped, prepared, run
from greenbench.sandbox.supervisor import DONE, ENDED, KILL, READY, RUN, STARTED
from greenbench.sandbox.view import SCRATCH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from greenbench.sandbox.records import Limits, Ran, Way

SUPERVISOR_BYTES = 64 << 20
"""What the supervisor may take of a control group beside its program."""
_PATIENCE_SECONDS = 20.0
"""For each thing that a worker does at once on any machine, except for what the program does."""
_MOST_LOST = 3
"""After so many lost workers, programs are run in sandboxes of their own."""

_Key = tuple[tuple[Path, ...], int, int]
"""What is set for a worker once: the folders it shows, and what its control group allows."""


class WorkerLostError(Exception):
    """A worker did something unexpected; its program has no result."""


class Workers:
    """Runs programs of one interpreter in a few long-lived sandboxes; a context manager, safe in many threads.

    There are as many sandboxes as programs run at once; each dies with the thread that started it. Commands of any other executable, and all commands where
    nothing isolates programs, are passed to ``run``, which says what is covered.
    """

    def __init__(self, interpreter: str, *, unsafe: bool = False) -> None:
        """Start nothing yet; ``interpreter`` is the path of a Python from version 3.9 on."""
        self.interpreter, self.unsafe = interpreter, unsafe
        self.losses: list[str] = []
        """Why workers were thrown away."""
        self._idle: dict[_Key, list[Worker]] = {}
        self._is_closed = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all workers; those that still run a program are ended by their threads."""
        with self._lock:
            self._is_closed = True
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
        for worker in idle:
            worker.close()

    def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str | bytes],
        stdin: str = "",
        limits: Limits = LIMITS,
        shown: Sequence[Path] = (),
    ) -> Ran:
        """Run ``command`` as ``run`` does, with the same result."""
        way = allowed(unsafe=self.unsafe)
        request = prepared(command, files, stdin, limits, shown)
        if way.walls and request.command[0] == self.interpreter and len(self.losses) < _MOST_LOST:
            try:
                return self._run(way, request)
            except WorkerLostError as lost:
                self.losses.append(str(lost))
        return run(
            command, files=files, stdin=stdin, limits=limits, shown=shown, unsafe=self.unsafe
        )

    def _run(self, way: Way, request: Asked) -> Ran:
        limits = request.limits
        key = (tuple(request.shown), limits.total_bytes, limits.processes)
        with self._lock:
            idle = self._idle.get(key)
            worker = idle.pop() if idle else None
        if worker is None:
            worker = Worker(way, self.interpreter, request)
        try:
            result = worker.run(request)
        except BaseException:
            worker.close()
            raise
        with self._lock:
            if not self._is_closed:
                self._idle.setdefault(key, []).append(worker)
                return result
        worker.close()
        return result


class Worker:
    """One long-lived sandbox, which runs one program at a time."""

    def __init__(self, way: Way, interpreter: str, request: Asked) -> None:
        """Start it with the folders and the control group of ``request``; raises WorkerLostError if that fails."""
        self._way = way
        self._stack = ExitStack()
        try:
            self._start(interpreter, request)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, interpreter: str, request: Asked) -> None:
        name = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
        folder = Path(name).resolve()
        total = request.limits.total_bytes + SUPERVISOR_BYTES
        self._group = self._stack.enter_context(grouped(replace(request.limits, total_bytes=total)))
        fill(self._way, folder, {}, None)
        doors = self._group.doors if isinstance(self._group, Group) else ()
        command = supervisor_command(self._way, interpreter, request.shown, folder, doors)
        self._socket, theirs = socket.socketpair()
        self._stack.callback(self._socket.close)
        self._socket.settimeout(_PATIENCE_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own text, before any program's
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment(SCRATCH),
                start_new_session=True,
            )
        self._stack.callback(self._end)
        output = self._process.stdout
        if output is None or not _is_readable(output.fileno(), _PATIENCE_SECONDS):
            raise WorkerLostError("the supervisor does not start")
        line = output.readline().decode("utf-8", "replace").strip()
        if line != READY:
            raise WorkerLostError(f"the supervisor does not start: {line}")

    def run(self, request: Asked) -> Ran:
        """Run a program and return how it ended; raises WorkerLostError if the worker is no longer to be trusted."""
        kills = self._oom_kills()
        uid = fresh_uid() if self._way.own_uid else None
        with ExitStack() as descriptors:
            program_stdin, stdin = _pipe(descriptors)
            stdout, program_stdout = _pipe(descriptors)
            stderr, program_stderr = _pipe(descriptors)
            report_end, program_report = _pipe(descriptors)
            theirs = [program_stdin, program_stdout, program_stderr]
            theirs += [self._describe(request, uid), program_report]
            self._send(RUN, [file.fileno() for file in theirs])
            for file in theirs:
                file.close()
            report = _Report(report_end.fileno())
            report.wait_for_start()
            pipes = Pipes(stdin=stdin, stdout=stdout, stderr=stderr)
            exchange = Exchange(pipes, request.stdin, request.limits)
            outcome = exchange.follow(report)
            seconds = exchange.seconds
            if outcome != "over":
                self._send(KILL, [])
            self._wait_until_done()
        finished = Finished(
            outcome=outcome,
            code=report.code,
            stdout=bytes(exchange.out),
            stderr=bytes(exchange.err),
            seconds=seconds,
            out_of_memory=self._oom_kills() > kills,
            group=self._group,
        )
        return describe(self._way, request.limits, finished)

    def close(self) -> None:
        """End it with all that is in it; a second time does nothing."""
        self._stack.close()

    def _end(self) -> None:
        if self._process.poll() is None:
            end_tree(self._process, isolated=True)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, request: bytes, descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._socket, [request], descriptors)
        except OSError as error:
            raise WorkerLostError("the supervisor has gone") from error

    def _wait_until_done(self) -> None:
        try:
            reply = self._socket.recv(1)
        except OSError as error:
            raise WorkerLostError("the supervisor does not clear away the program") from error
        if reply != DONE:
            raise WorkerLostError("the supervisor found a process that was left, or has gone")

    def _oom_kills(self) -> int:
        return self._group.oom_kills if isinstance(self._group, Group) else oom_kills()

    def _describe(self, request: Asked, uid: int | None) -> IO[bytes]:
        """Return a file with all that the supervisor's children need to know of a program."""
        counted = counted_too(self._way, by_supervisor=True)
        files = {}
        for name, content in request.files.items():
            raw = (
                content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
            )
            files[name] = raw.decode("latin-1")
        program = {
            "command": list(request.command),
            "files": files,
            "environment": environment(SCRATCH),
            "home": SCRATCH,
            "scratch_options": f"size={request.limits.scratch_bytes},nr_inodes={FILES},mode=1777",
            "limits": list(resource_limits(request.limits, counted).values()),
            "uid": uid,
        }
        file = os.fdopen(os.memfd_create("program"), "wb")
        file.write(json.dumps(program).encode("ascii"))
        file.flush()
        file.seek(0)
        return file


class _Report:
    """What the supervisor's children say of one program: that it starts, and how it ended."""

    def __init__(self, descriptor: int) -> None:
        self.code = 0
        """Exit code as a shell gives it: 128 and the signal's number for a program that a signal ended."""
        self._descriptor = descriptor
        self._unread = b""
        self._has_ended = False

    def wait_for_start(self) -> None:
        line = self._line(_PATIENCE_SECONDS)
        if line != STARTED:
            raise WorkerLostError(f"the program does not start: {line}")

    def has_ended(self) -> bool:
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        if self._has_ended:
            return True
        line = self._line(seconds)
        if line is None:
            return False
        word, _, code = line.partition(" ")
        if word != ENDED:
            raise WorkerLostError(f"the program could not be executed: {line}")
        self.code, self._has_ended = int(code), True
        return True

    def _line(self, seconds: float) -> str | None:
        """Return the next line, or None if there is none in time; raises WorkerLostError at the end of the pipe."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            if not _is_readable(self._descriptor, max(0.0, deadline - time.monotonic())):
                return None
            chunk = os.read(self._descriptor, 1 << 12)
            if not chunk:
                raise WorkerLostError("the supervisor's processes ended without a report")
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode("utf-8", "replace")


def _pipe(stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Return both ends of a new pipe, which ``stack`` closes at the latest."""
    reading, writing = os.pipe()
    reader = stack.enter_context(os.fdopen(reading, "rb", buffering=0))
    writer = stack.enter_context(os.fdopen(writing, "wb", buffering=0))
    return reader, writer


def _is_readable(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0])
