"""Which sessions of a results folder did not come to their end, and which still run."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from greenbench.errors import UsageError
from greenbench.machine.control.journal import boot_id
from greenbench.machine.processes import since_boot_s
from greenbench.results.record import SCHEMA
from greenbench.results.unfinished import saved_sessions

if TYPE_CHECKING:
    from pathlib import Path

CONDITIONS: dict[str, Any] = {"options": {}, "cells": {}, "code": {}}


def write(folder: Path, name: str, end: object, **session: object) -> None:
    """Write an empty results file of a session."""
    about = {"id": name, "started": f"2026-11-2{name}T00:00:00Z", "conditions": CONDITIONS}
    file = {
        "schema": SCHEMA,
        "variant": "V0_baseline",
        "profile": "tiny",
        "environment": {},
        "cells": [],
        "session": {**about, **session},
        "conclusion": end,
    }
    (folder / f"V0_baseline_2026112{name}T000000Z.json").write_text(json.dumps(file))


def test_sessions_are_told_apart_by_their_ends(tmp_path: Path) -> None:
    """Without a conclusion a session died; one in a hurry was interrupted; oldest come first."""
    write(tmp_path, "3", None)
    write(tmp_path, "2", {"in_a_hurry": True})
    write(tmp_path, "1", {"in_a_hurry": False})
    sessions = saved_sessions(tmp_path)
    assert [(s.id, s.unfinished) for s in sessions] == [("1", False), ("2", True), ("3", True)]


def test_files_that_cannot_be_continued_are_passed_over(tmp_path: Path) -> None:
    """Damaged files, and those of versions that stated no conditions; a folder may be missing."""
    write(tmp_path, "1", None, conditions=None)
    write(tmp_path, "2", None, conditions={"options": {}})
    (tmp_path / "V0_baseline_20261123T000000Z.json").write_text("{")
    assert saved_sessions(tmp_path) == []
    assert saved_sessions(tmp_path / "none") == []


@pytest.mark.parametrize(
    "session",
    [
        {"started": "yesterday"},
        {"id": 5},
        {"process": {"pid": "1", "started_s": 0}},
        {"process": {"pid": 1}},
        {"resumed": 3},
        {"conditions": {**CONDITIONS, "cells": {"T2-V0_baseline": 3}}},
    ],
)
def test_sessions_that_say_something_else_are_passed_over(
    tmp_path: Path, session: dict[str, object]
) -> None:
    """Whoever edited or merged the file: it is not continued, and nothing breaks."""
    write(tmp_path, "1", None, **session)
    assert saved_sessions(tmp_path) == []


def test_sessions_dated_in_the_future_count_as_the_oldest(tmp_path: Path) -> None:
    """The clock was set back after they began: what is dated today began later."""
    write(tmp_path, "1", None)
    write(tmp_path, "2", None, started="2999-01-01T00:00:00Z")
    write(tmp_path, "3", None)
    assert [session.id for session in saved_sessions(tmp_path)] == ["2", "1", "3"]


def test_a_running_session_is_known_though_the_clock_was_set(tmp_path: Path) -> None:
    """By when its process started since the boot; after another boot it has ended."""
    pid = os.getppid()
    process = {"pid": pid, "started_s": 0.0, "boot": boot_id(), "since_boot_s": since_boot_s(pid)}
    write(tmp_path, "1", None, process=process)
    write(tmp_path, "2", None, process={**process, "boot": "another"})
    write(tmp_path, "3", None, process={**process, "since_boot_s": 0.5})
    write(tmp_path, "4", None, process={**process, "pid": 2**22 + 1})
    assert [s.running_as for s in saved_sessions(tmp_path)] == [pid, None, None, None]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The sentence names the option and the folder."""
    (tmp_path / "results").write_text("")
    with pytest.raises(UsageError, match=r"--green-resume: .*results cannot be listed"):
        saved_sessions(tmp_path / "results")


def test_a_running_session_is_known_by_process_and_start(tmp_path: Path) -> None:
    """A process id that was given to another process does not count, nor this process itself."""
    parent = psutil.Process(os.getppid())
    started = parent.create_time()
    write(tmp_path, "1", None, process={"pid": parent.pid, "started_s": started})
    write(tmp_path, "2", None, process={"pid": parent.pid, "started_s": started - 60})
    write(tmp_path, "3", None, process={"pid": os.getpid(), "started_s": 0.0})
    write(tmp_path, "4", None)
    assert [s.running_as for s in saved_sessions(tmp_path)] == [parent.pid, None, None, None]
