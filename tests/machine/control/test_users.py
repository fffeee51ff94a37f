"""All users of a machine can lease its devices, and none can harm another's session or terminal."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.cli import main
from greenbench.errors import UnavailableError
from greenbench.machine.control import journal, state_folder
from greenbench.machine.control.controls import KernelFile
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.state_folder import own_folder, shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST, SECOND, ROOT = 1001, 1002, 0
DEVICES = ("cpu", "gpu A")


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a default shared folder, not made yet, in a folder such as /var/tmp."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    monkeypatch.delenv("GREENBENCH_STATE", raising=False)
    parent = Path(tempfile.mkdtemp())
    parent.chmod(0o1777)
    monkeypatch.setattr(state_folder, "FOLDER", parent / "greenbench")
    yield parent / "greenbench"
    shutil.rmtree(parent)


def as_user(uid: int, action: Callable[[], object], umask: int = 0o022) -> str:
    """Return what ``action`` returns, or its error, in a process of that user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.umask(umask)
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        try:
            answer = str(action())
        except Exception as error:  # noqa: BLE001  the parent asserts what it is
            answer = f"{type(error).__name__}: {error}"
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        answer = file.read().decode()
    os.waitpid(child, 0)
    return answer


def leased() -> str:
    """Take the leases of two devices and the own folder, as a session that sets something."""
    lease = Lease(shared_folder(), DEVICES)
    answer = f"{lease.take(wait=False)} {own_folder().name}"
    lease.release()
    return answer


@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize("first", [FIRST, ROOT])
def test_all_users_lease_whoever_came_first(default: Path, first: int, umask: int) -> None:
    """The first session makes the folder; others, root and a second time the first can use it."""
    for uid in (first, SECOND, FIRST, ROOT, SECOND):
        assert as_user(uid, leased, umask) == f"True user-{uid}"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in default.iterdir()}
    users = {f"user-{uid}": 0o755 for uid in (ROOT, FIRST, SECOND)}
    assert modes == {**users, "cpu.lease": 0o666, "gpu_A.lease": 0o666}
    assert (default.stat().st_uid, stat.S_IMODE(default.stat().st_mode)) == (ROOT, 0o1777)
    assert [path.name for path in default.parent.iterdir()] == ["greenbench"]


def test_a_folder_that_is_not_open_to_all_is_opened_by_its_owner_or_root(default: Path) -> None:
    """Others are told what its owner or root can run."""
    for healer in (FIRST, ROOT):
        default.mkdir(mode=0o755)
        os.chown(default, FIRST, FIRST)
        refusal = as_user(SECOND, leased)
        assert f"{default} belongs to user 1001 and is not open to all" in refusal
        assert refusal.endswith(f"that user or root can run: chmod 1777 {default}")
        assert as_user(healer, leased) == f"True user-{healer}"
        assert as_user(SECOND, leased) == "True user-1002"
        shutil.rmtree(default)


def test_a_folder_named_by_the_environment_stays_as_it_is(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root takes over nothing but the default folder."""
    chosen = default.with_name("home")
    chosen.mkdir(mode=0o755)
    os.chown(chosen, FIRST, FIRST)
    monkeypatch.setenv("GREENBENCH_STATE", str(chosen))
    with pytest.raises(UnavailableError, match="belongs to user 1001 and is not open to all"):
        shared_folder()
    assert as_user(FIRST, leased) == "True user-1001"
    assert (chosen.stat().st_uid, stat.S_IMODE(chosen.stat().st_mode)) == (FIRST, 0o755)


def test_a_link_that_another_user_planted_is_not_followed(default: Path) -> None:
    """Root makes no folder where the link leads."""
    target = default.with_name("elsewhere")
    target.mkdir()
    default.symlink_to(target)
    os.chown(default, FIRST, FIRST, follow_symlinks=False)
    with pytest.raises(UnavailableError, match="is a link that another user made"):
        shared_folder()
    assert list(target.iterdir()) == []


def test_a_lease_file_of_another_user_is_never_opened_to_be_made(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fs.protected_regular kernels refuse that in folders such as this, to root too."""
    assert as_user(FIRST, leased) == "True user-1001"
    flags: list[int] = []
    plain = os.open

    def noted(path: Any, mode: int, *more: Any, **named: Any) -> int:
        flags.append(mode)
        return plain(path, mode, *more, **named)

    monkeypatch.setattr(os, "open", noted)
    assert Lease(default, DEVICES).take(wait=False)
    assert len(flags) == len(DEVICES)
    assert not any(mode & os.O_CREAT for mode in flags)


def test_a_lease_file_that_is_closed_to_others_is_reported_with_a_remedy(default: Path) -> None:
    """As one is whose session was killed between making and opening it."""
    assert as_user(FIRST, leased) == "True user-1001"
    (default / "cpu.lease").chmod(0o600)
    refusal = as_user(SECOND, leased)
    assert "cpu.lease cannot be locked (Permission denied)" in refusal
    assert refusal.endswith(f"its owner or root can run: chmod 666 {default}/cpu.lease")


def test_a_file_system_without_locks_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 9p and some on FUSE are: nothing is set there, and the file is closed."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", fail)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(UnavailableError, match=r"cpu.lease cannot be locked \(No locks available"):
        Lease(tmp_path, DEVICES).take()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_kernel_names_the_holder_and_not_the_file(tmp_path: Path) -> None:
    """What anybody wrote into the file reaches no terminal."""
    (tmp_path / "cpu.lease").write_text("\x1b]0;owned\x07 has it")
    messages: list[str] = []
    lease = Lease(tmp_path, ["cpu"])
    assert lease.take()
    child = os.fork()
    if child == 0:
        waiting = Lease(tmp_path, ["cpu"], lambda text: (messages.append(text), 1 / 0)[0])
        with contextlib.suppress(ZeroDivisionError):
            waiting.take()
        (tmp_path / "said").write_text(messages[0])
        os._exit(0)
    os.waitpid(child, 0)
    said = (tmp_path / "said").read_text()
    assert said.startswith(f"waiting for cpu: process {os.getpid()} of user {os.getuid()} (")
    assert said.isprintable()
    assert "owned" not in said


# --- journals -------------------------------------------------------------------------------------


def whole_journal() -> dict[str, Any]:
    """Return the content of a journal of two settings."""
    cap = {"control": {"kind": "gpu_power_limit", "uuid": "GPU-A"}, "before": 650, "after": 490}
    clocks = {"control": {"kind": "gpu_sm_clocks", "uuid": "GPU-A"}, "before": None, "after": [1]}
    return {
        "version": 1,
        "boot": "b",
        "pid": 1,
        "uid": 0,
        "command": "pytest",
        "read_back": True,
        "entries": [cap, clocks],
    }


PLANTED: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to a journal": lambda path: path.symlink_to("whole"),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "nested": lambda path: path.write_text('{"entries":' + "[" * 50_000),
    "nested and whole": lambda path: path.write_text("[" * 50_000 + "]" * 50_000),
    "large": lambda path: (path.touch(), os.truncate(path, 1 << 30)),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "infinite": lambda path: path.write_text(json.dumps({**whole_journal(), "pid": float("inf")})),
}


@pytest.mark.parametrize("put", PLANTED.values(), ids=PLANTED)
def test_what_is_no_journal_is_reported_at_once(
    state: Path, capsys: pytest.CaptureFixture[str], put: Callable[[Path], object]
) -> None:
    """``restore`` waits for no pipe, follows no link, and exits with 1."""
    folder = own_folder()
    (folder / "whole").write_text(json.dumps(whole_journal()))
    put(folder / "1-a\x1b[31m.journal")
    assert main(["restore"]) == 1
    output = capsys.readouterr().out
    assert f"{folder}/1-a?[31m.journal is not a readable journal" in output
    assert "\x1b" not in output
    assert state.is_dir()


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "changed",
    [
        {"boot": "\x1b[2J"},
        {"entries": [{"control": {"kind": "file", "path": "\x1b[2J"}, "before": 1, "after": 1}]},
        {"entries": [{"control": {"kind": "file", "path": "a"}, "before": "\x07", "after": 1}]},
        {"entries": [{"control": {"kind": "file", "path": "a"}, "before": {}, "after": 1}]},
        {"entries": [{"control": {"kind": "file", "path": "a" * 1001}, "before": 1, "after": 1}]},
        {"pid": "1"},
        {"uid": None},
        {"command": 3},
    ],
)
def test_a_journal_whose_values_have_another_form_is_not_read(changed: dict[str, Any]) -> None:
    """Neither another type nor a text that steers a terminal is restored or shown."""
    file = own_folder() / "1-a.journal"
    file.write_text(json.dumps(whole_journal()))
    assert journal.read_journal(file) is not None
    file.write_text(json.dumps({**whole_journal(), **changed}))
    assert journal.read_journal(file) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*whole_journal(), "control", "before", "after"]), JSON)
def test_any_value_in_a_journal_is_read_or_refused(key: str, value: object) -> None:
    """Nothing but a journal or none comes out of a file that anybody changed."""
    content = whole_journal()
    holder = content if key in content else content["entries"][0]
    holder[key] = value
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "1-a.journal"
        file.write_text(json.dumps(content))
        read = journal.read_journal(file)
    assert read is None or f"{read.owner}{read.devices}".isprintable()


def test_a_command_line_of_any_bytes_can_be_written_and_shown(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file name that is not UTF-8 ends no session, and escapes are replaced."""
    monkeypatch.setattr(sys, "argv", ["pytest", os.fsdecode(b"T2=\xff.csv"), "\x1b[31m" * 100])
    entry = journal.Entry(control=KernelFile("/sys/devices/x"), before="a", after="b")
    made = journal.new_journal([entry])
    made.write()
    read = journal.read_journal(made.path)
    assert read == made
    assert read.command.startswith("pytest T2=?.csv ?[31m")
    assert len(read.command) == 200
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o644
    assert state.is_dir()


def others_folder(state: Path, *pids: int) -> Path:
    """Make a folder of journals that belongs to another user."""
    shared_folder()
    folder = state / f"user-{FIRST}"
    folder.mkdir()
    for pid in pids:
        (folder / f"{pid}-abc.journal").touch()
    if os.geteuid() == 0:
        os.chown(folder, FIRST, FIRST)
    else:
        folder.chmod(0o777)
    return folder


def test_journals_of_another_user_are_one_message(state: Path) -> None:
    """However many there are; their contents are not read."""
    folder = others_folder(state, *range(2_000_000_000, 2_000_000_005))
    (message,) = journal.unrestorable_journals()
    assert message.startswith(f"{folder} (2000000000-abc.journal, 2000000001-abc.journal, ")
    assert "2000000002-abc.journal and 2 more) says that user 1001 left settings" in message


def test_the_journal_of_another_users_living_session_is_not_reported(state: Path) -> None:
    """It restores what it has set itself."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(FIRST)
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    folder = others_folder(state, child)
    messages = []
    while Path("/proc", str(child)).stat().st_uid != FIRST:
        pass
    messages.append(journal.unrestorable_journals())
    os.close(writer)
    os.waitpid(child, 0)
    messages.append(journal.unrestorable_journals())
    assert messages[0] == []
    assert len(messages[1]) == 1
    assert folder.is_dir()


def test_links_and_other_names_are_no_folders_of_users(state: Path, tmp_path: Path) -> None:
    """Nobody has a folder elsewhere listed, or writes on another's terminal by a folder's name."""
    shared_folder()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "2000000000-secret.journal").touch()
    (state / "user-7").symlink_to(elsewhere)
    planted = state / "user-\x1b[31m"
    planted.mkdir(mode=0o777)
    (planted / "1-a.journal").touch()
    assert journal.unrestorable_journals() == []
    assert list(journal.trusted_journals()) == []
