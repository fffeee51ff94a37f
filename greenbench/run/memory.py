"""What a session remembers of its earlier cells: in its process, or in a file of all its workers.

So the rounds of a cell may run in several processes, and one that is killed takes nothing with it.
"""

from __future__ import annotations

import contextlib
import pickle
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.run.blocks import CellRuns
from greenbench.run.effects import Outputs
from greenbench.run.reference_kernel import ReferenceKernel
from greenbench.run.stopping import StopRequest
from greenbench.run.turns import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class SharedMemory:
    """What all workers of a session remember."""

    runs: CellRuns = field(default_factory=CellRuns)
    outputs: Outputs = field(default_factory=Outputs)
    kernels: dict[str, ReferenceKernel] = field(default_factory=dict)
    """By the name of what it measured: the machine, or one GPU."""


class MemoryFile:
    """The file of a session's workers, in a folder that only this user can read."""

    def __init__(self, folder: Path) -> None:
        """Keep it in ``folder``."""
        self._file = folder / "memory"
        self._fresh = folder / "memory.fresh"
        self._turn = Turn(folder / "memory.lock")

    @contextlib.contextmanager
    def opened(self) -> Iterator[SharedMemory]:
        """Give what is remembered, for changes; they are kept unless the block raises.

        The file is replaced as a whole: a process that is killed leaves the old one. Raises
        UnavailableError if it cannot be written.
        """
        with self._turn.taken():
            memory = SharedMemory()
            if self._file.exists():
                memory = pickle.loads(self._file.read_bytes())  # noqa: S301  our own workers wrote it
            yield memory
            self._keep(memory)

    def _keep(self, memory: SharedMemory) -> None:
        try:
            self._fresh.write_bytes(pickle.dumps(memory))
            self._fresh.replace(self._file)
        except OSError as error:
            raise UnavailableError(
                f"{self._file.parent}: what workers share could not be written "
                f"({error.strerror or error}); free space, or set TMPDIR to another folder, and "
                "continue with --green-resume"
            ) from error


@dataclass(slots=True)
class SessionMemory:
    """What a session remembers of its earlier cells, and whether it is to end."""

    kernel: ReferenceKernel = field(default_factory=ReferenceKernel)
    runs: CellRuns = field(default_factory=CellRuns)
    outputs: Outputs = field(default_factory=Outputs)
    stop: StopRequest = field(default_factory=StopRequest)
    file: MemoryFile | None = None
    """Of a session with several processes."""
    process: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells the session from its own continuation by ``--green-resume``."""
    region: str = ""
    """What this process's reference kernel measures: the machine, or one GPU; empty for none."""

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Be up to date for the block, and let no other worker change anything meanwhile."""
        if self.file is None:
            yield
            return
        with self.file.opened() as shared:
            self.runs, self.outputs = shared.runs, shared.outputs
            yield
            if self.region:
                shared.kernels[self.region] = self.kernel

    def catch_up(self) -> None:
        """Take over what the reference kernel showed in other workers, before this one measures."""
        if self.file is None:
            return
        with self.file.opened() as shared:
            self.kernel = shared.kernels.get(self.region, self.kernel)
