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


HOW = "threadpoolctl.threadpool_info()"


class ThreadCount(Protocol):
    """Context in which a number of threads is in force; None leaves it as it is."""

    @property
    def proof(self) -> Applied:
        """What was requested, and what was read back."""

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

    The libraries are those that are loaded when it is made, as looking for them takes longer than
    setting them. One that is loaded within the context keeps its own number: the proof says so.
    """

    def __init__(self, requested: int | None) -> None:
        """Find the libraries; set nothing yet."""
        from threadpoolctl import ThreadpoolController

        self._requested = requested
        self._libraries = ThreadpoolController()
        self._before = self._most()
        self._context = contextlib.ExitStack()
        self._read = proof_of(requested, None, self._before, HOW)

    def __enter__(self) -> Self:
        """Set the number, and read it back."""
        if self._requested is not None:
            limited = self._libraries.limit(limits=self._requested)
            self._context.enter_context(limited)
            self._context.enter_context(_torch_limited(self._requested))
        self._note("")
        return self

    def __exit__(self, *_: object) -> None:
        """Read it once more, and put it back."""
        if self._read.holds:
            self._note(" at the end")
        self._context.close()

    @property
    def proof(self) -> Applied:
        """What was read, and whether a library has come since."""
        added = self._added()
        if self._requested is None or not self._read.holds or not added:
            return self._read
        note = f"{', '.join(added)} came in the round, and has threads of its own number"
        return replace(self._read, got=None, note=note)

    def _most(self) -> int | None:
        """Return the largest number of threads that a library uses; None if there is none."""
        counts = [int(pool["num_threads"]) for pool in self._libraries.info()]
        torch = sys.modules.get("torch")
        if torch is not None:
            counts.append(torch.get_num_threads())
        return max(counts, default=None)

    def _note(self, when: str) -> None:
        actual = self._most()
        note = ""
        if self._requested is not None and actual is None:
            note = "no library with threads is loaded, so that nothing was set"
        elif self._requested not in {None, actual}:
            note = f"requested {self._requested} threads, a library uses {actual}{when}"
        self._read = replace(self._read, got=actual, note=note)

    def _added(self) -> list[str]:
        """Return the libraries that were loaded after the others were found."""
        from threadpoolctl import threadpool_info

        known = {pool["filepath"] for pool in self._libraries.info()}
        return [pool["prefix"] for pool in threadpool_info() if pool["filepath"] not in known]


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
