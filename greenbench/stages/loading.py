"""Data loaders with worker processes and page-locked memory, counted and ended by this module.

torch ends the workers of a loader that is read to its end. Where a stage fails in the middle, an
exception keeps the loader alive, and with it the workers; so they are ended here.
"""

from __future__ import annotations

import contextlib
import os
import signal
from multiprocessing.context import ForkContext, ForkProcess
from typing import TYPE_CHECKING, Any, Self, cast

from torch.utils.data import DataLoader

from greenbench.errors import UnavailableError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    import torch
    from torch.utils.data import Dataset, Sampler

    from greenbench.options import DataOptions
    from greenbench.stages.objectives.interface import Encoded, EncodedRow, Loader, ModelInputs

PARALLELISM = "TOKENIZERS_PARALLELISM"
"""Unset, the library ``tokenizers`` writes a warning into every process that is forked."""
PATIENCE_S = 1.0
"""How long to wait for a killed process before looking at it again."""


def check(options: DataOptions, device: torch.device) -> None:
    """Raise UnavailableError if nothing would be pinned."""
    if options.pin_memory and device.type != "cuda":
        raise UnavailableError(
            "data.pin_memory: true speeds up copies to a CUDA device, and the cell runs on "
            f"{device}, where torch pins nothing; set false"
        )


class LoaderProcess(ForkProcess):
    """A worker process of a data loader."""

    def start(self) -> None:
        """Fork, without a warning of the tokenizer's library."""
        unset = PARALLELISM not in os.environ
        os.environ.setdefault(PARALLELISM, "true")
        try:
            super().start()
        finally:
            if unset:
                del os.environ[PARALLELISM]


class LoaderContext(ForkContext):
    """How torch starts worker processes; it remembers them."""

    def __init__(self) -> None:
        """Begin without processes."""
        super().__init__()
        self.started: list[LoaderProcess] = []
        self.most = 0
        """Most processes that were alive at the same time."""

    def Process(self, *given: Any, **named: Any) -> LoaderProcess:  # type: ignore[override]  # noqa: N802
        """Make a process, as ``multiprocessing`` does."""
        process = LoaderProcess(*given, **named)
        alive = [other for other in self.started if other.is_alive()]
        self.started = [*alive, process]
        self.most = max(self.most, len(self.started))
        return process

    def end(self) -> None:
        """End the processes that are alive."""
        for process in self.started:
            ended = False
            while not ended:
                # torch's handler of SIGCHLD raises, once a loader, that a worker was killed
                with contextlib.suppress(RuntimeError):
                    ended = _ended(process)
        self.started.clear()


def _ended(process: LoaderProcess) -> bool:
    if process.is_alive():
        process.kill()
        process.join(PATIENCE_S)
    return not process.is_alive()


def leave_signals(_worker: int) -> None:
    """Leave Ctrl-C to the process that measures, and let a worker end when it is told to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Loading:
    """Makes the loaders of a round, and is a context at whose end their workers are gone."""

    def __init__(self, options: DataOptions) -> None:
        """Start nothing: a loader starts its workers whenever it is read."""
        self._options = options
        self._context = LoaderContext() if options.workers else None
        self._loaders: list[Loader] = []

    def loader(
        self,
        rows: Encoded,
        collate: Callable[[Sequence[EncodedRow]], ModelInputs],
        order: object,
    ) -> Loader:
        """Return the loader of ``rows`` by the batch sampler ``order``."""
        made: Loader = DataLoader(
            cast("Dataset[EncodedRow]", rows),
            batch_sampler=cast("Sampler[list[int]]", order),
            collate_fn=collate,
            num_workers=self._options.workers,
            pin_memory=self._options.pin_memory,
            multiprocessing_context=self._context,
            worker_init_fn=leave_signals,
        )
        self._loaders.append(made)
        return made

    def __enter__(self) -> Self:
        """Do nothing: the loaders are made."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """End the workers."""
        if self._context is not None:
            self._context.end()

    def proofs(self) -> tuple[Applied, ...]:
        """Compare the processes that were started, and the memory of a batch, with the options."""
        return self._workers_proof(), self._pinning_proof()

    def _workers_proof(self) -> Applied:
        asked = self._options.workers
        got = 0 if self._context is None else self._context.most
        return _proof("workers", asked, got, "most worker processes alive at the same time")

    def _pinning_proof(self) -> Applied:
        asked = self._options.pin_memory
        got = asked and all(map(_pins, self._loaders))
        how = "whether the tensors of a batch of each loader are page-locked"
        if asked and not got:
            how += "; without a GPU torch pins nothing"
        return _proof("pin_memory", asked, got, how)


def _pins(loader: Loader) -> bool:
    """Read a batch, in this process, and say whether its tensors are page-locked."""
    again = DataLoader(
        loader.dataset,
        batch_sampler=loader.batch_sampler,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
    )
    for batch in again:
        return all(tensor.is_pinned() for tensor in batch.values())
    return False


def _proof(knob: str, asked: object, got: object, how: str) -> Applied:
    note = "" if got == asked else f"requested {asked}, read back {got}"
    return Applied(stage="data", knob=knob, asked=asked, got=got, how=how, note=note)
