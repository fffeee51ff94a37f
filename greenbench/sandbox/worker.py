"""One long-lived sandbox: our side of the conversation with its supervisor."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from greenbench.sandbox.cgroups import ControlGroup
from greenbench.sandbox.command import environment, fresh_uid, supervisor_command, write_inputs
from greenbench.sandbox.finished import Finished, describe
from greenbench.sandbox.folders import locked_folder
from greenbench.sandbox.pipes import Exchange, Pipes
from greenbench.sandbox.process import end_tree
from greenbench.sandbox.rlimits import counted_processes, rlimits
from greenbench.sandbox.runner import control_group, oom_kills_of
from greenbench.sandbox.seccomp import kernel_filter
from greenbench.sandbox.supervisor import DONE, ENDED, KILL, READY, RUN, STARTED, ProgramSpec
from greenbench.sandbox.view import SCRATCH, scratch_options

if TYPE_CHECKING:
    from greenbench.sandbox.records import Backend, Ran, RunRequest

SUPERVISOR_BYTES = 64 << 20
"""What the supervisor may take of a control group beside its program."""
_PATIENCE_SECONDS = 20.0
"""For each step of ours in a worker; a program's own time is limited by its limits."""


class WorkerLostError(Exception):
    """A worker did something unexpected; its program has no result."""


class Worker:
    """A long-lived sandbox, which runs one program at a time."""

    def __init__(self, backend: Backend, interpreter: str, request: RunRequest) -> None:
        """Start it, with the folders and the control group that ``request`` needs.

        Raises WorkerLostError if that fails.
        """
        self._backend = backend
        self._stack = ExitStack()
        try:
            self._start(interpreter, request)
        except BaseException:
            self._stack.close()
            raise

    def _start(self, interpreter: str, request: RunRequest) -> None:
        folder = self._stack.enter_context(locked_folder())
        total_bytes = request.limits.total_bytes + SUPERVISOR_BYTES
        limits = replace(request.limits, total_bytes=total_bytes)
        self._group = self._stack.enter_context(control_group(limits))
        procs_files = self._group.procs_files if isinstance(self._group, ControlGroup) else ()
        write_inputs(self._backend, folder, {}, None)
        command = supervisor_command(self._backend, interpreter, request.shown, folder, procs_files)
        self._socket, supervisors_end = socket.socketpair()
        self._stack.callback(self._socket.close)
        self._socket.settimeout(_PATIENCE_SECONDS)
        with supervisors_end:
            self._process = subprocess.Popen(  # noqa: S603 - our own text, before any program's
                command,
                stdin=supervisors_end.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment(SCRATCH),
                start_new_session=True,
            )
        self._stack.callback(self._end)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        output = self._process.stdout
        if output is None or not _is_readable(output.fileno(), _PATIENCE_SECONDS):
            raise WorkerLostError("the supervisor does not start")
        line = output.readline().decode("utf-8", "replace").strip()
        if line != READY:
            raise WorkerLostError(f"the supervisor does not start: {line}")

    def run(self, request: RunRequest) -> Ran:
        """Run a program and return how it ended.

        Raises WorkerLostError if the worker is no longer to be trusted.
        """
        kills = oom_kills_of(self._group)
        with ExitStack() as files:
            pipes, report = self._start_program(request, files)
            report.wait_for_start()
            exchange = Exchange(pipes, request.stdin, request.limits)
            reason = exchange.follow(report)
            seconds = exchange.seconds
            if reason != "ended":
                self._send(KILL, [])
            self._wait_until_done()
        finished = Finished(
            reason=reason,
            code=report.code,
            stdout=bytes(exchange.out),
            stderr=bytes(exchange.err),
            seconds=seconds,
            out_of_memory=oom_kills_of(self._group) > kills,
            group=self._group,
        )
        return describe(self._backend, request.limits, finished)

    def _start_program(self, request: RunRequest, files: ExitStack) -> tuple[Pipes, Report]:
        """Hand a program to the supervisor; return our ends, which ``files`` closes."""
        program_stdin, stdin = _pipe(files)
        stdout, program_stdout = _pipe(files)
        stderr, program_stderr = _pipe(files)
        report, program_report = _pipe(files)
        spec = files.enter_context(_spec_file(self._backend, request))
        programs_ends = [program_stdin, program_stdout, program_stderr, spec, program_report]
        self._send(RUN, [file.fileno() for file in programs_ends])
        for file in programs_ends:
            file.close()
        return Pipes(stdin=stdin, stdout=stdout, stderr=stderr), Report(report.fileno())

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

    def close(self) -> None:
        """End the sandbox with all that is in it; a second call does nothing."""
        self._stack.close()

    def _end(self) -> None:
        if self._process.poll() is None:
            end_tree(self._process, isolated=True)
        if self._process.stdout is not None:
            self._process.stdout.close()


class Report:
    """What the supervisor's children report of one program: that it starts, and how it ended."""

    def __init__(self, descriptor: int) -> None:
        """Read from ``descriptor``."""
        self.code = 0
        """Exit code as a shell gives it: 128 plus the number of a signal that ended the program."""
        self._descriptor = descriptor
        self._unread = b""
        self._has_ended = False

    def wait_for_start(self) -> None:
        """Wait for the program to start; raises WorkerLostError if it does not."""
        line = self._line(_PATIENCE_SECONDS)
        if line != STARTED:
            raise WorkerLostError(f"the program does not start: {line}")

    def has_ended(self) -> bool:
        """Whether the program has ended by now."""
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Wait for the program's end, at most so long; returns whether it has ended."""
        if self._has_ended:
            return True
        line = self._line(seconds)
        if line is None:
            return False
        word, _, code = line.partition(" ")
        if word != ENDED:
            raise WorkerLostError(f"the program could not be executed: {line}")
        self.code = int(code)
        self._has_ended = True
        return True

    def _line(self, seconds: float) -> str | None:
        """Return the next line, or None if there is none in time.

        Raises WorkerLostError at the end of the pipe.
        """
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


def _spec_file(backend: Backend, request: RunRequest) -> IO[bytes]:
    """Return a file in memory with all that the supervisor's children need to know."""
    limits = rlimits(request.limits, counted_processes(backend, in_worker=True))
    files = {}
    for name, content in request.contents().items():
        files[name] = content.decode("latin-1")
    spec = ProgramSpec(
        command=list(request.command),
        files=files,
        environment=environment(SCRATCH),
        home=SCRATCH,
        scratch_options=scratch_options(request.limits),
        limits=list(limits.values()),
        uid=fresh_uid() if backend.own_uid else None,
        calls=kernel_filter().hex(),
    )
    file = os.fdopen(os.memfd_create("program"), "wb")
    file.write(json.dumps(spec).encode("ascii"))
    file.flush()
    file.seek(0)
    return file


def _pipe(stack: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """Return both ends of a new pipe, which ``stack`` closes at the latest."""
    reading, writing = os.pipe()
    reader = stack.enter_context(os.fdopen(reading, "rb", buffering=0))
    writer = stack.enter_context(os.fdopen(writing, "wb", buffering=0))
    return reader, writer


def _is_readable(descriptor: int, seconds: float) -> bool:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    return bool(ready)
