"""Threads of every library of the process, for the functions of a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import threadpoolctl
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from greenbench.stages.thread_counts import LibraryThreads

if TYPE_CHECKING:
    import pytest


def most() -> int:
    """Return the largest number of threads that a library uses; NumPy's is loaded."""
    assert np.ones(1)[0] == 1
    return max(pool["num_threads"] for pool in threadpool_info())


def test_every_library_is_limited_inside_and_put_back() -> None:
    """OpenBLAS, OpenMP and torch use one thread inside, and as many as before outside."""
    with threadpool_limits(2):
        torch.set_num_threads(2)
        with LibraryThreads(1) as threads:
            assert (most(), torch.get_num_threads()) == (1, 1)
        assert (most(), torch.get_num_threads()) == (2, 2)
    torch.set_num_threads(1)
    proof = threads.proof
    assert (proof.asked, proof.got, proof.before, proof.holds) == (1, 1, 2, True)


def test_a_library_that_takes_more_threads_is_found_out() -> None:
    """One that is loaded within the round, or that the functions turn up themselves."""
    threads = LibraryThreads(1)
    with threads:
        torch.set_num_threads(3)
    assert threads.proof.note == "requested 1 threads, a library uses 3 at the end"
    torch.set_num_threads(1)


def test_without_a_request_nothing_is_set() -> None:
    """The number is read all the same."""
    with threadpool_limits(2), LibraryThreads(None) as threads:
        assert most() == 2
    assert (threads.proof.asked, threads.proof.got, threads.proof.note) == (None, 2, "")


def test_a_library_that_comes_in_the_round_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has limited it."""
    threads = LibraryThreads(1)
    with threads:
        pass
    later = [*threadpool_info(), {"filepath": "/lib/libmkl.so", "prefix": "libmkl"}]
    monkeypatch.setattr(threadpoolctl, "threadpool_info", lambda: later)
    assert threads.proof.note == "libmkl came in the round, and has threads of its own number"


def test_a_process_without_such_a_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a request for threads has nothing to act on."""
    monkeypatch.setattr(LibraryThreads, "_most", lambda _self: None)
    with LibraryThreads(2) as threads:
        pass
    assert threads.proof.note == "no library with threads is loaded, so that nothing was set"
