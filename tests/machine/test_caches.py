"""The size of the last-level caches, from simulated trees of the kernel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.caches import last_level_bytes

if TYPE_CHECKING:
    from pathlib import Path


def add(cpus: Path, cpu: int, index: int, **facts: str) -> None:
    """Write one cache of a processor."""
    folder = cpus / f"cpu{cpu}" / "cache" / f"index{index}"
    folder.mkdir(parents=True)
    for name, text in facts.items():
        (folder / name).write_text(f"{text}\n")


@pytest.fixture(autouse=True)
def _four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})


def test_caches_that_processors_share_count_once(tmp_path: Path) -> None:
    """Two of 32 MiB for two processors each; smaller levels and instructions do not count."""
    for cpu, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        add(tmp_path, cpu, 0, type="Data", level="1", size="32K", shared_cpu_list=str(cpu))
        add(tmp_path, cpu, 1, type="Instruction", level="9", size="1G", shared_cpu_list=shared)
        add(tmp_path, cpu, 2, type="Unified", level="3", size="32768K", shared_cpu_list=shared)
    assert last_level_bytes(tmp_path) == 2 * 32 * 2**20


def test_what_is_not_shown_is_unknown(tmp_path: Path) -> None:
    """No tree at all, and one whose only cache has no readable size."""
    assert last_level_bytes(tmp_path / "absent") is None
    add(tmp_path, 0, 0, type="Unified", level="3", size="much", shared_cpu_list="0")
    assert last_level_bytes(tmp_path) is None
