"""What a killed session left is found, said and put back: by the next one, by ``doctor`` and by ``restore``."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.cli import main
from greenbench.errors import UnavailableError
from greenbench.machine.control import journal as journals
from greenbench.machine.control import restore
from greenbench.machine.control.controls import KernelFile, PowerLimit
from greenbench.machine.control.journal import Entry
from greenbench.machine.control.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from machine.control.conftest import Machine

GOVERNOR = "devices/system/cpu/cpu0/cpufreq/scaling_governor"


@pytest.fixture
def abandoned(machine: Machine) -> Machine:
    """Give a machine with a journal of a session that is gone: a capped card and another governor."""
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
    journals.new(entries).write()
    return machine


def rewritten(machine: Machine, **changed: Any) -> Path:
    """Change what the journal says."""
    (path,) = machine.journals
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))
    return path


def test_restore_puts_back_and_says_whose_it_was(
    abandoned: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0; a second time there is nothing to do."""
    assert main(["restore"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("process ")
    assert "changed; the values from before are back" in said
    assert abandoned.as_before
    assert abandoned.journals == []
    assert main(["restore"]) == 0
    assert capsys.readouterr().out == "no session left a setting of this machine changed\n"


def test_restore_that_cannot_exits_with_1_and_keeps_the_journal(
    abandoned: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """A card that is lost is still owed; the rest is back."""
    abandoned.gpu.lose()
    assert main(["restore"]) == 1
    assert "could not be put back to 650000" in capsys.readouterr().out
    assert not abandoned.sysfs.changed
    assert [
        e["control"]["kind"] for e in json.loads(abandoned.journals[0].read_text())["entries"]
    ] == ["gpu_power_limit"]
    abandoned.gpu.find()
    assert main(["restore"]) == 0
    assert abandoned.as_before


def test_doctor_restores_too(abandoned: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """On the error stream, so that --json stays JSON."""
    assert main(["doctor", "--json"]) == 0
    said = capsys.readouterr()
    assert "the values from before are back" in said.err
    json.loads(said.out)
    assert abandoned.as_before


def test_what_was_rounded_is_ours_where_nobody_read_it_back(abandoned: Machine) -> None:
    """A session that died between setting and reading back: a limit close to the one asked for is its own."""
    abandoned.gpu.power_limit_w = 492
    assert restore.recover(lambda _text: None) == 1
    assert abandoned.as_before


def test_what_was_read_back_is_ours_to_the_milliwatt(abandoned: Machine) -> None:
    """Once it was read back, a limit close to it is somebody else's, and stays."""
    rewritten(abandoned, read_back=True)
    abandoned.gpu.power_limit_w = 492
    said: list[str] = []
    assert restore.recover(said.append) == 1
    assert abandoned.gpu.power_limit_w == 492
    assert "is 492000, which somebody else set after 490000 was set here" in said[0]


def test_after_a_restart_there_is_nothing_to_put_back(abandoned: Machine) -> None:
    """The machine reset its settings itself; the journal is dropped, and nothing is set."""
    rewritten(abandoned, boot="another")
    said: list[str] = []
    assert restore.recover(said.append) == 1
    assert "the machine was restarted since, which reset them: nothing to do" in said[0]
    assert abandoned.gpu.power_limit_w == 490
    assert abandoned.journals == []


@contextlib.contextmanager
def held_elsewhere(machine: Machine, *devices: str) -> Iterator[None]:
    """Let another process hold the leases of ``devices``."""
    holder = (
        "import sys, time; from pathlib import Path; from greenbench.machine.control.lease import Lease\n"
        "Lease(Path(sys.argv[1]), sys.argv[2:]).take(); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holder, str(machine.state), *devices]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()


def test_a_session_that_lives_is_left_alone(abandoned: Machine) -> None:
    """Whose leases cannot be had is still at work."""
    with held_elsewhere(abandoned, "cpu", f"gpu {abandoned.gpu.uuid}"):
        assert restore.recover(lambda _text: None) == 0
        assert restore.left_behind() == ""
    assert len(abandoned.journals) == 1
    assert restore.recover(lambda _text: None) == 1
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
    ],
)
def test_a_journal_that_is_not_whole_is_left_where_it_is(content: str) -> None:
    """Nothing is guessed, and nothing is lost."""
    broken = journals.own_folder() / "1-broken.journal"
    broken.write_text(content)
    said: list[str] = []
    assert restore.recover(said.append) == 0
    assert broken.read_text() == content
    assert said == [
        f"{broken} cannot be read as a journal, and may hold what is owed; see what it says, and remove it"
    ]


def test_another_users_journal_is_told_and_not_believed(
    abandoned: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It could name any value; that it is there is said, and restore does not claim that all is well."""
    (path,) = abandoned.journals
    os.chown(path.parent, 4711, -1)
    assert main(["restore"]) == 1
    said = capsys.readouterr().out
    assert (
        "says that user 0 left settings changed; greenbench restore, run by that user, puts them back"
        in said
    )
    assert len(abandoned.journals) == 1
    assert abandoned.gpu.power_limit_w == 490
    monkeypatch.undo()


def test_a_shared_folder_where_all_may_remove_files_is_not_used(state: Path) -> None:
    """Another user could take the journal away."""
    state.mkdir()
    state.chmod(0o777)
    with pytest.raises(
        UnavailableError, match="all may remove what is there: nothing is set without it"
    ):
        journals.folder()
    state.chmod(0o1777)
    assert journals.own_folder().stat().st_mode & 0o022 == 0


def test_a_planted_folder_of_journals_is_not_used(state: Path, tmp_path: Path) -> None:
    """A link that somebody put where ours would be."""
    state.mkdir(mode=0o1777)
    state.chmod(0o1777)
    (tmp_path / "elsewhere").mkdir()
    (state / f"user-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError, match="is not this user's alone"):
        journals.own_folder()


def test_a_lease_that_is_no_plain_file_is_not_taken(state: Path, tmp_path: Path) -> None:
    """Nothing of another name is emptied, no link is followed, and what was taken before is given back."""
    state.mkdir()
    (tmp_path / "precious").write_text("mine")
    os.link(tmp_path / "precious", state / "gpu_A.lease")
    with pytest.raises(UnavailableError, match=r"gpu_A.lease is no ordinary file"):
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


def test_what_is_free_is_restored_though_another_device_is_at_work(abandoned: Machine) -> None:
    """A journal of two devices, of which somebody now holds one: the other gets its settings back, the rest is still owed."""
    with held_elsewhere(abandoned, "cpu"):
        assert restore.recover(lambda _text: None) == 1
        assert abandoned.gpu.power_limit_w == 650
        assert abandoned.sysfs.changed
        assert len(abandoned.journals) == 1
    assert restore.recover(lambda _text: None) == 1
    assert abandoned.as_before


def test_one_device_that_fails_oddly_does_not_cost_the_others(
    abandoned: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it raises."""
    monkeypatch.setattr(KernelFile, "read", lambda _self: 1 / 0)
    said: list[str] = []
    restore.recover(said.append)
    assert abandoned.gpu.power_limit_w == 650
    assert "could not be put back to schedutil: division by zero" in said[0]
    assert len(abandoned.journals) == 1


def test_leases_are_exclusive_across_processes_and_not_inherited(tmp_path: Path) -> None:
    """A forked child does not hold what its parent gave back, and who is refused names the holder."""
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
