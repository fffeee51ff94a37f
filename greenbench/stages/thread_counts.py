"""How many threads the libraries of the process may use within one operation.

For the stages that torch runs it is torch's number. For a suite's own functions it is that of every
library that threadpoolctl knows (OpenBLAS, MKL, BLIS, OpenMP), and torch's if they have loaded it.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Self

from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ThreadCount(Protocol):
    """Context in which a number of threads is in force; None leaves it as it is."""

    proof: Applied

    def __enter__(self) -> Self: ...  # noqa: D105
    def __exit__(self, *_: object) -> None: ...  # noqa: D105


def threads_of(*, torch: bool) -> Callable[[int | None], ThreadCount]:
    """Return what sets the threads of stages that torch runs, or of a suite's own functions."""
    return TorchThreads if torch else LibraryThreads


def proof_of(requested: int | None, actual: int | None, before: int | None, how: str) -> Applied:
    """Return the proof of ``system.cpu_threads``, read when the setting came into force."""
    return Applied(
        stage="system",
        knob="cpu_threads",
        asked=requested,
        got=actual,
        how=how,
        before=before,
    )


class TorchThreads:
    """Context in which torch uses a number of threads; None leaves it as it is."""

    proof: Applied

    def __init__(self, requested: int | None) -> None:
        """Set nothing yet."""
        import torch

        self._requested = requested
        self._torch = torch
        self._before = torch.get_num_threads()

    def __enter__(self) -> Self:
        """Set the number, and read it back."""
        if self._requested is not None:
            self._torch.set_num_threads(self._requested)
        actual = self._torch.get_num_threads()
        self.proof = proof_of(self._requested, actual, self._before, "torch.get_num_threads()")
        if self._requested not in {None, actual}:
            note = f"requested {self._requested} threads, torch uses {actual}"
            self.proof = replace(self.proof, note=note)
        return self

    def __exit__(self, *_: object) -> None:
        """Read it once more, and put it back."""
        actual = self._torch.get_num_threads()
        if actual != self.proof.got:
            note = f"torch used {self.proof.got} threads at first and {actual} at the end"
            self.proof = replace(self.proof, got=actual, note=note)
        self._torch.set_num_threads(self._before)


class LibraryThreads:
    """Context in which every library with threads uses a number of them; None leaves them alone.

    A library that is loaded within the context has its own number: the proof says so.
    """

    proof: Applied

    def __init__(self, requested: int | None) -> None:
        """Set nothing yet."""
        self._requested = requested
        self._before = _most_threads()
        self._context = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Set the number, and read it back."""
        from threadpoolctl import threadpool_limits

        if self._requested is not None:
            self._context.enter_context(threadpool_limits(limits=self._requested))
            self._context.enter_context(_torch_limited(self._requested))
        how = "threadpoolctl.threadpool_info()"
        self.proof = proof_of(self._requested, _most_threads(), self._before, how)
        self._read("")
        return self

    def _read(self, when: str) -> None:
        actual = _most_threads()
        note = ""
        if self._requested is not None and actual is None:
            note = "no library with threads is loaded, so that nothing was set"
        elif self._requested not in {None, actual}:
            note = f"requested {self._requested} threads, a library uses {actual}{when}"
        self.proof = replace(self.proof, got=actual, note=note)

    def __exit__(self, *_: object) -> None:
        """Read it once more, and put it back."""
        if self.proof.holds:
            self._read(" at the end")
        self._context.close()


def _most_threads() -> int | None:
    """Return the largest number of threads that a loaded library uses; None if none is loaded."""
    from threadpoolctl import threadpool_info

    counts = [int(pool["num_threads"]) for pool in threadpool_info()]
    torch = sys.modules.get("torch")
    if torch is not None:
        counts.append(torch.get_num_threads())
    return max(counts, default=None)


@contextlib.contextmanager
def _torch_limited(requested: int) -> Iterator[None]:
    """Let torch use so many threads in a context, if it is loaded."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(requested)
    try:
        yield
    finally:
        torch.set_num_threads(before)
