"""Peak memory belongs to the cell that reached it, not to the biggest one so far."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from greenbench.machine import memory

if TYPE_CHECKING:
    from pathlib import Path

BIG = 100_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_falls_after_a_reset() -> None:
    """A big allocation shows in the peak, and no more once it is gone and the peak was reset."""
    assert memory.reset_peak_memory()
    before = memory.peak_memory_bytes()
    held = bytearray(BIG)
    held[::4096] = b"x" * len(held[::4096])  # a page that nobody touches takes no memory
    high = memory.peak_memory_bytes()
    del held
    assert memory.reset_peak_memory()
    after = memory.peak_memory_bytes()
    assert before is not None
    assert high is not None
    assert after is not None
    assert high > before + 0.9 * BIG
    assert after < high - 0.9 * BIG


def test_without_proc_the_peak_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux there is no number, rather than a wrong one."""
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "absent")
    assert memory.peak_memory_bytes() is None
    assert memory.reset_peak_memory() is False
