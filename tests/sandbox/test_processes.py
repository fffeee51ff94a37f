"""What ``/proc`` does not show is unknown, and no error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.sandbox import processes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        ("nr_free_pages 12\noom_kill 3\n", 3),
        ("nr_free_pages 12\n", 0),
        ("oom_kill many\n\nnonsense", 0),
        (None, 0),
    ],
)
def test_kills_for_want_of_memory_are_counted_or_unknown(
    text: str | None, kills: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container without the file runs programs all the same."""
    monkeypatch.setattr(processes, "VMSTAT", tmp_path / "vmstat")
    if text is not None:
        processes.VMSTAT.write_text(text)
    assert processes.oom_kills() == kills
