"""Long-lived sandboxes, each of which runs one program after another.

A worker is a sandbox whose first process is the ``supervisor``. To it and to this process programs
are opaque: a program reads and writes pipes that were made for it alone, and lives in namespaces,
folders and, as root, with a user of its own. What isolates programs from the machine also isolates
them from the supervisor and from each other.

A worker that does anything unexpected is thrown away, and its program is run again by ``run``, in a
sandbox of its own.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from greenbench.sandbox.records import LIMITS
from greenbench.sandbox.runner import allowed_backend, checked_request, run
from greenbench.sandbox.worker import Worker, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from greenbench.sandbox.records import Backend, Limits, Ran, RunRequest

_MOST_LOSSES = 3
"""After so many lost workers, programs are run in sandboxes of their own."""

_Key = tuple[tuple[Path, ...], int, int]
"""What is set for a worker once: the folders it shows, and what its control group allows."""


class Workers:
    """Runs programs of one interpreter in a few long-lived sandboxes.

    A context manager, safe in many threads: there are as many sandboxes as programs run at once,
    and each dies with the thread that started it. Commands of other executables, and all commands
    if nothing isolates programs here, are passed to ``run``, whose docstring says what is covered.
    """

    def __init__(self, interpreter: str, *, unsafe: bool = False) -> None:
        """Start nothing yet; ``interpreter`` is the path of a Python from version 3.9 on."""
        self.interpreter = interpreter
        self.unsafe = unsafe
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
        backend = allowed_backend(unsafe=self.unsafe)
        request = checked_request(command, files, stdin, limits, shown)
        if self._serves(backend, request):
            try:
                return self._run_in_worker(backend, request)
            except WorkerLostError as loss:
                self.losses.append(str(loss))
        return run(
            command, files=files, stdin=stdin, limits=limits, shown=shown, unsafe=self.unsafe
        )

    def _serves(self, backend: Backend, request: RunRequest) -> bool:
        if len(self.losses) >= _MOST_LOSSES:
            return False
        return backend.isolates and request.command[0] == self.interpreter

    def _run_in_worker(self, backend: Backend, request: RunRequest) -> Ran:
        limits = request.limits
        key = (tuple(request.shown), limits.total_bytes, limits.processes)
        worker = self._take_idle(key)
        if worker is None:
            worker = Worker(backend, self.interpreter, request)
        try:
            result = worker.run(request)
        except BaseException:
            worker.close()
            raise
        self._put_back(key, worker)
        return result

    def _take_idle(self, key: _Key) -> Worker | None:
        with self._lock:
            idle = self._idle.get(key)
            return idle.pop() if idle else None

    def _put_back(self, key: _Key, worker: Worker) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.setdefault(key, []).append(worker)
                return
        worker.close()
