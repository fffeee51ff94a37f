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


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used", "unused"),
    [
        ("0::/a/b", "a", "memory.max", "memory.current", "inactive_file"),
        (
            "4:memory:/a/b",
            "memory/a",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_a_limit_of_a_control_group_bounds_what_is_available(
    line: str,
    folder: str,
    limit: str,
    used: str,
    unused: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A group above one's own leaves 30 of 100 MB, 10 of them in files that nobody uses."""
    process, group = tmp_path / "process", tmp_path / "groups" / folder
    for path in (process, group):
        path.mkdir(parents=True)
    (process / "cgroup").write_text(f"9:pids:/x\n{line}\n")
    monkeypatch.setattr(memory, "_PROCESS", process)
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    unlimited = memory.available_bytes()
    (group / limit).write_text("100000000\n")
    (group / used).write_text("80000000\n")
    (group / "memory.stat").write_text(f"other 1\n{unused} 10000000\n")
    assert unlimited > 30_000_000
    assert memory.available_bytes() == 30_000_000
    (group / limit).write_text("max\n")
    assert memory.available_bytes() > 30_000_000
