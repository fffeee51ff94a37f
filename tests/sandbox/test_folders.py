"""What killed sessions leave of their sandboxes is removed, and nothing that is in use."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from greenbench.sandbox import cgroups, folders
from greenbench.sandbox.folders import PREFIX, locked_folder, remove_leftovers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@pytest.fixture(autouse=True)
def nothing_removed_yet():
    """Let each test remove leftovers once."""
    for removal in (remove_leftovers, cgroups._remove_leftovers):
        removal.cache_clear()
    yield
    for removal in (remove_leftovers, cgroups._remove_leftovers):
        removal.cache_clear()


def left(place: Path, name: str, *, age: float = 3600.0) -> Path:
    """Make a folder with something in it, which was last changed ``age`` seconds ago."""
    folder = place / f"{PREFIX}{name}"
    folder.joinpath("work").mkdir(parents=True)
    folder.joinpath("work/main.py").write_text("left")
    os.utime(folder, (time.time() - age, time.time() - age))
    return folder


def test_a_folder_that_nobody_locks_is_removed(tmp_path: Path) -> None:
    """With all that is in it."""
    leftover = left(tmp_path, "a")
    remove_leftovers(str(tmp_path))
    assert not leftover.exists()


def test_folders_in_use_stay(tmp_path: Path) -> None:
    """One that is locked, and one so fresh that it may not be locked yet."""
    used, fresh = left(tmp_path, "used"), left(tmp_path, "fresh", age=5)
    lock = os.open(used, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    remove_leftovers(str(tmp_path))
    os.close(lock)
    assert used.exists()
    assert fresh.exists()


def test_links_and_files_of_other_names_stay(tmp_path: Path) -> None:
    """Whoever may write to the shared folder cannot have another folder removed."""
    target = tmp_path / "other"
    target.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(target)
    (tmp_path / f"{PREFIX}file").write_text("kept")
    remove_leftovers(str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_folders_of_other_users_stay(tmp_path: Path) -> None:
    """Each user removes the own ones."""
    folder = left(tmp_path, "others")
    os.chown(folder, 65534, 65534)
    remove_leftovers(str(tmp_path))
    assert folder.exists()


def test_a_killed_session_is_cleared_away_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder stays while it lives, however old, and goes with the first sandbox after it."""
    script = (
        "import os, time; from greenbench.sandbox.folders import locked_folder\n"
        "with locked_folder() as folder:\n"
        "    os.utime(folder, (0, 0)); print(folder, flush=True); time.sleep(99)"
    )
    session = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    folder = Path(session.stdout.readline().strip())
    monkeypatch.setattr(folders.tempfile, "tempdir", str(tmp_path))
    with locked_folder():
        assert folder.exists()
    session.send_signal(signal.SIGKILL)
    session.wait()
    session.stdout.close()
    remove_leftovers.cache_clear()
    with locked_folder() as own:
        assert list(tmp_path.iterdir()) == [own]
    assert list(tmp_path.iterdir()) == []


def test_control_groups_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """Not those of processes that live, nor fresh ones."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    names = {"dead": dead.pid, "alive": os.getpid(), "fresh": dead.pid}
    groups = {}
    for number, (name, pid) in enumerate(names.items()):
        groups[name] = tmp_path / f"greenbench-{pid}-{number}"
        groups[name].mkdir()
        if name != "fresh":
            os.utime(groups[name], (0, 0))
    cgroups._remove_leftovers((tmp_path,))
    assert {name for name, group in groups.items() if group.exists()} == {"alive", "fresh"}


MOUNT = 'mount -t tmpfs none "$TMPDIR" && exec "$@"'
"""A folder is mounted at its name, which the kernel's table of mounts then holds as bytes."""


@pytest.mark.parametrize("kind", ["bubblewrap", "namespaces"])
def test_the_temporary_folder_may_have_any_name(kind: str, tmp_path: Path) -> None:
    """Blanks, quotes, signs of the shell, and bytes that are not UTF-8, in a mount's name too."""
    if kind == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    folder = tmp_path / os.fsdecode(b"a b'c\"d $e;f%s \xff")
    folder.mkdir()
    hello = {"command": ["/bin/echo", "hello"], "files": {}, "limits": {}}
    request = {"kind": kind, "path": "alone", "interpreter": sys.executable, "programs": [hello]}
    may_mount = subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
    mounted = ["unshare", "--mount", "sh", "-c", MOUNT, "sh"] if may_mount else []
    launched = subprocess.run(
        [*mounted, sys.executable, Path(__file__).with_name("launch.py")],
        input=json.dumps(request).encode(),
        env={**os.environb, b"TMPDIR": os.fsencode(folder), b"KEY": b"none"},
        check=False,
        capture_output=True,
    )
    assert launched.returncode == 0, launched.stderr.decode()
    answer = json.loads(launched.stdout)
    if "failed" in answer and "namespaces" in answer["failed"]:
        pytest.skip(answer["failed"])
    assert [result["stdout"] for result in answer.get("results", [])] == ["hello\n"], answer
