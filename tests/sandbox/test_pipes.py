"""The wall clock is the program's own: it starts when the program does, whoever was slow before."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from greenbench import sandbox
from greenbench.sandbox.process import RunningProcess
from greenbench.sandbox.records import Backend

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

SHORT = sandbox.Limits(wall_seconds=0.3)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sleep 0.5; echo started; echo done", "ended"),
        ("echo started; sleep 9; echo done", "timeout"),
    ],
    ids=["slow wrappers", "a slow program"],
)
def test_what_isolates_a_program_does_not_take_its_time(
    tmp_path: Path, script: str, reason: str
) -> None:
    """Wrappers that take longer than the limit leave the program all of it, and no more."""
    running = RunningProcess(["sh", "-c", script], tmp_path, str(tmp_path), "", SHORT)
    try:
        assert running.follow() == reason
    finally:
        running.stop(Backend(kind="none", own_uid=False), None)
    assert (b"done" in running.exchange.out) == (reason == "ended")
