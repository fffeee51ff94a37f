"""The folder in which the processes of a session meet, and what killed sessions leave of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING

import pytest

from greenbench.run import meeting
from greenbench.run.meeting import MeetingFolder, Membership, remove_leftovers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make folders among the test's own files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def left_behind() -> Path:
    """Make the folder of a session that was killed."""
    folder = MeetingFolder()
    folder.end()  # which its process's end does too
    return folder.path


def test_a_folder_whose_owner_lives_stays() -> None:
    """Another session of the same user is no leftover."""
    folder = MeetingFolder()
    remove_leftovers(pytest.fail)
    assert folder.path.exists()
    folder.remove()
    assert not folder.path.exists()


def test_workers_of_a_killed_session_are_waited_for() -> None:
    """They measure for nobody, and would be measured too; then the folder goes."""
    folder = left_behind()
    worker = os.open(folder / meeting.WORKERS, os.O_RDWR | os.O_CREAT)
    fcntl.flock(worker, fcntl.LOCK_SH)
    shown: list[str] = []
    threading.Timer(0.2, os.close, [worker]).start()
    remove_leftovers(shown.append)
    assert "waiting for workers of a session that was killed" in shown[0]
    assert not folder.exists()


def test_a_worker_that_hangs_keeps_nobody_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session goes on beside it, and leaves its folder alone."""
    monkeypatch.setattr(meeting, "PATIENCE_S", 0.1)
    folder = left_behind()
    worker = os.open(folder / meeting.WORKERS, os.O_RDWR | os.O_CREAT)
    fcntl.flock(worker, fcntl.LOCK_SH)
    remove_leftovers(lambda _text: None)
    assert folder.exists()
    os.close(worker)


def test_a_folder_that_was_being_made_goes_once_it_is_old() -> None:
    """Its maker has not locked it yet, or never will."""
    folder = left_behind()
    (folder / meeting.OWNER).unlink()
    remove_leftovers(pytest.fail)
    assert folder.exists()
    os.utime(folder, (0, 0))
    remove_leftovers(pytest.fail)
    assert not folder.exists()


@pytest.mark.parametrize("leaves", [False, True])
def test_a_worker_notices_the_end_of_its_owner(*, leaves: bool) -> None:
    """At once, unless it has ended its tests itself."""
    folder = MeetingFolder()
    orphaned = threading.Event()
    member = Membership(folder.path, orphaned.set)
    assert not member.is_to_stop
    folder.request_stop()
    assert member.is_to_stop
    if leaves:
        member.leave()
    folder.end()
    assert orphaned.wait(0.1 if leaves else 10) is not leaves
    shutil.rmtree(folder.path)
