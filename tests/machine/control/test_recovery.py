"""What a killed session left is reported and restored, by ``doctor`` and ``restore`` too."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.cli import main
from greenbench.errors import UnavailableError
from greenbench.machine import energy
from greenbench.machine.control.controls import KernelFile, PowerLimit
from greenbench.machine.control.journal import Entry, new_journal
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.restore import left_behind, recover
from greenbench.machine.control.state_folder import own_folder, shared_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machine.control.conftest import Machine

GOVERNOR = "devices/system/cpu/cpu0/cpufreq/scaling_governor"


@pytest.fixture
def abandoned(machine: Machine) -> Machine:
    """Give a machine with an ended session's journal: a power limit and a governor are changed."""
    machine.gpu.privileged = True
    machine.gpu.power_limit_w = 490
    machine.sysfs.set(GOVERNOR, "powersave")
    entries = [
        Entry(control=PowerLimit(machine.gpu.uuid), before=650000, after=490000),
        Entry(
            control=KernelFile(str(machine.sysfs.root / GOVERNOR)),
            before="schedutil",
            after="powersave",
        ),
    ]
    new_journal(entries).write()
    return machine


def rewritten(machine: Machine, **changed: Any) -> Path:
    """Change keys of the journal on disk; return its path."""
    (path,) = machine.journals
    content = json.loads(path.read_text())
    content.update(changed)
    path.write_text(json.dumps(content))
    return path


def test_restore_restores_and_names_the_session(
    abandoned: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 0; a second call has nothing to do."""
    assert main(["restore"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("process ")
    assert "changed; the previous values are restored" in output
    assert abandoned.as_before
    assert abandoned.journals == []
    assert main(["restore"]) == 0
    assert capsys.readouterr().out == "no session left a setting of this machine changed\n"


def test_restore_that_cannot_exits_with_1_and_keeps_the_journal(
    abandoned: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """The limit of a lost card stays in the journal; everything else is restored."""
    abandoned.gpu.lose()
    assert main(["restore"]) == 1
    assert "could not be restored to 650000" in capsys.readouterr().out
    assert not abandoned.sysfs.changed
    (entry,) = json.loads(abandoned.journals[0].read_text())["entries"]
    assert entry["control"]["kind"] == "gpu_power_limit"
    abandoned.gpu.find()
    assert main(["restore"]) == 0
    assert abandoned.as_before


def test_doctor_restores_too(
    abandoned: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message goes to stderr, so that the output of ``--json`` stays JSON."""
    monkeypatch.setattr(energy, "examine", partial(energy.examine, pause_s=0.1))
    assert main(["doctor", "--json"]) == 0
    output = capsys.readouterr()
    assert "the previous values are restored" in output.err
    assert isinstance(json.loads(output.out), list)
    assert abandoned.as_before


def test_a_rounded_value_is_restored_if_it_was_not_read_back(abandoned: Machine) -> None:
    """The session died before reading back: a limit close to the request counts as its own."""
    abandoned.gpu.power_limit_w = 492
    assert recover(lambda _text: None) == 1
    assert abandoned.as_before


def test_a_value_that_was_read_back_is_compared_exactly(abandoned: Machine) -> None:
    """A limit close to the one that was read back is somebody else's, and stays."""
    rewritten(abandoned, read_back=True)
    abandoned.gpu.power_limit_w = 492
    messages: list[str] = []
    assert recover(messages.append) == 1
    assert abandoned.gpu.power_limit_w == 492
    assert "is 492000, changed by somebody else after greenbench set 490000" in messages[0]


def test_after_a_restart_of_the_machine_there_is_nothing_to_restore(abandoned: Machine) -> None:
    """The restart reset the settings: the journal is removed, and nothing is set."""
    rewritten(abandoned, boot="another")
    messages: list[str] = []
    assert recover(messages.append) == 1
    assert "the machine was restarted since, which reset them: nothing to restore" in messages[0]
    assert abandoned.gpu.power_limit_w == 490
    assert abandoned.journals == []


@contextlib.contextmanager
def held_elsewhere(machine: Machine, *devices: str) -> Iterator[None]:
    """Let another process hold the leases of ``devices``."""
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from greenbench.machine.control.lease import Lease\n"
        "Lease(Path(sys.argv[1]), sys.argv[2:]).take(); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holder, str(machine.state), *devices]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


def test_a_living_session_is_left_alone(abandoned: Machine) -> None:
    """While its leases are held, nothing of it is restored; afterwards everything is."""
    with held_elsewhere(abandoned, "cpu", f"gpu {abandoned.gpu.uuid}"):
        assert recover(lambda _text: None) == 0
        assert left_behind() == ""
    assert len(abandoned.journals) == 1
    assert recover(lambda _text: None) == 1
    assert abandoned.as_before


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"boot": "x", "pid": 1, "uid": 0, "command": "", "entries": [{"control": {}}]}',
        '{"boot": "x", "pid": 1, "uid": 0, "command": "", "entries": [{"control": "file"}]}',
        '{"boot": "x", "pid": 1, "uid": 0, "command": "", "entries": [], "read_back": true}',
    ],
)
def test_a_journal_that_is_not_whole_is_reported_and_kept(content: str) -> None:
    """Nothing is restored from it, its file stays, and the message says what to do."""
    broken = own_folder() / "1-broken.journal"
    broken.write_text(content)
    messages: list[str] = []
    assert recover(messages.append) == 0
    assert broken.read_text() == content
    (message,) = messages
    assert message.startswith(f"{broken} is not a readable journal and may list settings")
    assert message.endswith("inspect it, then remove it")


def test_another_users_journal_is_reported_and_not_restored(
    abandoned: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It could name any value, so it is only reported, and ``restore`` exits with 1."""
    (path,) = abandoned.journals
    os.chown(path.parent, 4711, -1)
    assert main(["restore"]) == 1
    output = capsys.readouterr().out
    assert "user 0 left settings changed; greenbench restore, run by that user" in output
    assert len(abandoned.journals) == 1
    assert abandoned.gpu.power_limit_w == 490
    monkeypatch.undo()


def test_a_shared_folder_where_all_may_remove_files_is_not_used(state: Path) -> None:
    """Without the sticky bit another user could remove the journal."""
    state.mkdir()
    state.chmod(0o777)
    with pytest.raises(
        UnavailableError, match="lets everybody remove files; no device is set without a journal"
    ):
        shared_folder()
    state.chmod(0o1777)
    assert own_folder().stat().st_mode & 0o022 == 0


def test_a_shared_folder_that_became_unfit_ends_no_command(
    abandoned: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left changed is reported with the reason, and stays in the journal."""
    abandoned.state.chmod(0o777)
    assert main(["restore"]) == 1
    output = capsys.readouterr().out
    assert "left changed could not be restored" in output
    assert "lets everybody remove files" in output
    assert "left settings of this machine changed" in left_behind()
    assert len(abandoned.journals) == 1


def test_a_planted_folder_of_journals_is_not_used(state: Path, tmp_path: Path) -> None:
    """A link in the place of this user's folder is refused."""
    state.mkdir(mode=0o1777)
    state.chmod(0o1777)
    (tmp_path / "elsewhere").mkdir()
    (state / f"user-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError, match="can be written by other users"):
        own_folder()


def test_a_lease_that_is_no_ordinary_file_is_not_taken(state: Path, tmp_path: Path) -> None:
    """No hard link is emptied, no link is followed, and leases taken before are released."""
    state.mkdir()
    (tmp_path / "precious").write_text("mine")
    os.link(tmp_path / "precious", state / "gpu_A.lease")
    with pytest.raises(UnavailableError, match=r"gpu_A.lease is not an ordinary file"):
        Lease(state, ["gpu A", "cpu"]).take()
    assert (tmp_path / "precious").read_text() == "mine"
    (state / "gpu_A.lease").unlink()
    (state / "gpu_A.lease").symlink_to(tmp_path / "precious")
    with pytest.raises(UnavailableError, match="cannot be locked"):
        Lease(state, ["gpu A"]).take()
    child = os.fork()
    if child == 0:
        os._exit(0 if Lease(state, ["cpu"]).take(wait=False) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_free_device_is_restored_while_another_is_leased(abandoned: Machine) -> None:
    """Of a journal's two devices the leased one is left alone and stays in the journal."""
    with held_elsewhere(abandoned, "cpu"):
        assert recover(lambda _text: None) == 1
        assert abandoned.gpu.power_limit_w == 650
        assert abandoned.sysfs.changed
        assert len(abandoned.journals) == 1
    assert recover(lambda _text: None) == 1
    assert abandoned.as_before


def test_an_unexpected_error_of_one_device_does_not_stop_the_others(
    abandoned: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a ZeroDivisionError is reported, and its setting stays in the journal."""
    monkeypatch.setattr(KernelFile, "read", lambda _self: 1 / 0)
    messages: list[str] = []
    recover(messages.append)
    assert abandoned.gpu.power_limit_w == 650
    assert "could not be restored to schedutil: division by zero" in messages[0]
    assert len(abandoned.journals) == 1


def test_leases_are_exclusive_across_processes_and_not_inherited(tmp_path: Path) -> None:
    """Another process gets a released lease although a forked child of its holder lives."""
    lease = Lease(tmp_path, ["gpu A", "cpu"])
    assert lease.take()
    child = os.fork()
    if child == 0:
        time.sleep(5)
        os._exit(0)
    lease.release()
    other = os.fork()
    if other == 0:
        os._exit(0 if Lease(tmp_path, ["cpu"]).take(wait=False) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
    os.kill(child, 9)
    os.waitpid(child, 0)
