"""The memory kernel moves what it says, beyond every cache, and gives its memory back."""

from __future__ import annotations

import psutil
import pytest
import torch

from greenbench.errors import UnavailableError
from greenbench.machine import caches, memory
from greenbench.stages import bandwidth

CPU = torch.device("cpu")
MIB = 2**20


def test_its_arrays_are_larger_than_the_caches_and_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three arrays of 4 x 12 MiB together are there while it runs, and not afterwards."""
    monkeypatch.setattr(caches, "last_level_bytes", lambda: 12 * MIB)
    before = psutil.Process().memory_info().rss
    kernel = bandwidth.kernel(CPU)
    during = psutil.Process().memory_info().rss - before
    moved = kernel(0.0)
    del kernel
    after = psutil.Process().memory_info().rss - before
    assert moved == 48 * MIB
    assert 44 * MIB <= during - after <= 56 * MIB


@pytest.mark.parametrize(
    ("cache", "available", "size"),
    [(32, 4096, 128), (None, 4096, 128), (400, 65536, 1024), (32, 640, 80)],
    ids=["four times the cache", "an unknown cache", "a gibibyte at most", "an eighth of memory"],
)
def test_the_working_set_follows_cache_and_memory(
    cache: int | None, available: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in MiB."""
    monkeypatch.setattr(caches, "last_level_bytes", lambda: cache and cache * MIB)
    monkeypatch.setattr(memory, "available_bytes", lambda: available * MIB)
    assert bandwidth._working_set(CPU, "cpu") == size * MIB


def test_too_little_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A working set that the caches hold would measure the caches."""
    monkeypatch.setattr(caches, "last_level_bytes", lambda: 32 * MIB)
    monkeypatch.setattr(memory, "available_bytes", lambda: 400 * MIB)
    with pytest.raises(UnavailableError, match="needs 2 times the 32 MiB of last-level cache"):
        bandwidth.kernel(CPU)
