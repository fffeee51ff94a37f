"""The reference kernels of NumPy count what they do, and give their memory back."""

from __future__ import annotations

import psutil
import pytest

from greenbench.machine import caches, kernels

MIB = 2**20


def test_matrix_products_are_counted() -> None:
    """A whole number of products of 512 rows, some of them in a hundredth of a second."""
    operations = kernels.arithmetic()(0.01)
    assert operations > 0
    assert operations % (2 * 512**3) == 0


def test_the_triad_counts_its_bytes_and_gives_its_memory_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Arrays of 4 x 12 MiB together; NumPy reads or writes one of them five times a pass."""
    monkeypatch.setattr(caches, "last_level_bytes", lambda: 12 * MIB)
    before = psutil.Process().memory_info().rss
    kernel = kernels.bandwidth()
    during = psutil.Process().memory_info().rss - before
    moved = kernel(0.0)
    del kernel
    after = psutil.Process().memory_info().rss - before
    assert moved == pytest.approx(5 * 16 * MIB, rel=1e-6)
    assert 44 * MIB <= during - after <= 56 * MIB
