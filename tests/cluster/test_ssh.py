"""``greenbench submit ssh`` against sshd on the loopback address, with a throw-away key."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cluster import made

from greenbench.cli import main
from greenbench.cluster import remote
from greenbench.cluster.engines import ssh
from greenbench.cluster.run_folder import RunFolder
from greenbench.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

BOXES = ("box-a", "box-b")
SERVER = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile {folder}/pid
StrictModes no
PasswordAuthentication no
AcceptEnv BOX
ForceCommand {folder}/enter
"""
ENTER = """#!/bin/sh
export HOME="$BOX" GREENBENCH_STATE="$BOX/state"
exec unshare --mount sh -c 'mount -t tmpfs none {suite} && cd "$HOME" && \
exec sh -c "$SSH_ORIGINAL_COMMAND"'
"""
"""Each box has a home of its own, and does not see the suite's folder."""
CLIENT = """
Host {name}
  HostName 127.0.0.1
  Port {port}
  User root
  IdentityFile {folder}/key
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking no
  LogLevel ERROR
  SetEnv BOX={folder}/{name}
"""
ONE_ANSWERS = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
[ "$1" = box-a ] || exit 255
shift
exec sh -c "$*"
"""
JOBS = ("b001-T2-01", "b002-T2-01")


def can_hide() -> bool:
    """Whether this user may hide a folder from a process."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    done = subprocess.run(command, check=False, capture_output=True)
    return done.returncode == 0


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Path]:
    """Start an sshd with two hosts that share no file system; return ssh's configuration."""
    pytest.importorskip("execnet")
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if sshd is None or shutil.which("git") is None:
        pytest.skip("sshd or git lacks (Debian: openssh-server, git)")
    if os.geteuid() != 0 or not can_hide():
        pytest.skip("only root may give each host a file system of its own")
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("key", "host"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(key, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(SERVER.format(port=port, folder=folder))
    (folder / "enter").write_text(ENTER.format(suite=tmp_path / "suite"))
    (folder / "enter").chmod(0o755)
    hosts = []
    for name in BOXES:
        (folder / name).mkdir()
        hosts.append(CLIENT.format(name=name, port=port, folder=folder))
    (folder / "config").write_text("".join(hosts))
    subprocess.run([sshd, "-f", folder / "sshd_config", "-E", folder / "log"], check=True)
    try:
        yield folder / "config"
    finally:
        for _ in range(50):
            with suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
                break
            time.sleep(0.1)


@pytest.mark.slow
def test_a_commit_is_shipped_and_blocks_come_back_once(
    boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Two hosts that see nothing of the suite measure a block each; a second fetch adds nothing."""
    monkeypatch.chdir(made.suite(tmp_path / "suite"))
    path = tmp_path / "suite" / "runs" / "night"
    submit = ["submit", "ssh", ",".join(BOXES), "--ssh-config", str(boxes), "--run", "night"]
    assert main([*submit, *made.SELECTED, "--green-rounds", "2"]) == 0
    run = RunFolder(path).plan.identity
    for name in BOXES:
        shipped = boxes.parent / name / ".cache/greenbench/runs" / f"{run}-{name}"
        assert (shipped / "checkout" / "experiment.md").exists()
    assert made.ended(path) == ["delivered", "delivered"]
    assert len(made.fetched(path, capsys)) == 4
    assert len(made.fetched(path, capsys)) == 4
    hosts = {}
    for job, events in RunFolder(path).events("started").items():
        hosts[job] = str(events[0].facts["place"]).rpartition(" ")[2]
    assert hosts == {"b001-T2-01": "box-a", "b002-T2-01": "box-b"}


@pytest.mark.slow
def test_what_cannot_be_shipped_is_refused(
    boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Changes that are in no commit, and a host that does not answer, each in a sentence."""
    suite = made.suite(tmp_path / "suite")
    monkeypatch.chdir(suite)
    submit = ["submit", "ssh", "--ssh-config", str(boxes), *made.SELECTED]
    place = submit.index("--ssh-config")
    assert main([*submit[:place], "box-nowhere", *submit[place:]]) == 2
    assert "box-nowhere: no worker could be reached over ssh" in capsys.readouterr().err
    (suite / "experiment.md").write_text((suite / "experiment.md").read_text() + "\n")
    assert main([*submit[:place], "box-a", *submit[place:]]) == 2
    assert "commit the changes" in capsys.readouterr().err


def test_only_what_is_whole_is_collected(tmp_path: Path) -> None:
    """What a reader has, and what is still being moved, is left out."""
    for name in ("delivered/a.1", "delivered/.moving-b.1", "delivered/c.1"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "V0_x.json").write_bytes(b"{}")
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "d.1.json").write_bytes(b"{}")
    found = remote.collect(str(tmp_path), ["delivered/c.1"])
    assert found == {"failed/d.1.json": {"": b"{}"}, "delivered/a.1": {"V0_x.json": b"{}"}}


def test_a_process_that_got_the_workers_pid_is_no_worker(tmp_path: Path) -> None:
    """Neither status nor cancel takes another process for a worker."""
    assert remote.running([os.getpid(), 2**22 + 1], str(tmp_path)) == []
    assert remote.end([os.getpid()], str(tmp_path)) == 0


@pytest.fixture
def half_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """Make a run on two hosts of which ``box-b`` never answers, over a program in ssh's place."""
    pytest.importorskip("execnet")
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(ONE_ANSWERS)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return made.run_of(tmp_path, engine="ssh", blocks=2, hosts=["box-b", "box-a"])


def test_a_host_that_does_not_answer_keeps_nobody_from_the_others(
    half_dead: RunFolder, capsys
) -> None:
    """Its job is lost, the other host's waits, and cancel ends what it reaches."""
    path = half_dead.path.resolve()
    idle = [sys.executable, "-c", "import time; time.sleep(60)", str(path)]
    with subprocess.Popen(idle) as worker:
        for name, engine_id in zip(JOBS, (f"box-a:{worker.pid}", "box-b:1"), strict=True):
            half_dead.note("submitted", name, {"id": engine_id, "run": str(path)})
        assert main(["status", str(path)]) == 1
        said = capsys.readouterr()
        assert "1 waiting, 1 lost" in said.out
        assert "box-b: no worker could be reached over ssh" in said.err
        assert main(["cancel", str(path)]) == 2
        assert "box-b: no worker could be reached" in capsys.readouterr().err
        assert worker.wait(timeout=20) != 0


def test_jobs_are_dealt_to_hosts_that_answer(
    half_dead: RunFolder, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is named, and gets none."""
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "state"))
    results = tmp_path / "results"
    results.mkdir()
    for name in JOBS:  # so that the worker has nothing to measure
        half_dead.deliver(name, results, {})
    ssh.submit(half_dead, JOBS)
    assert "box-b: no worker could be reached" in capsys.readouterr().err
    ids = {str(one[0].facts["id"]) for one in half_dead.events("submitted").values()}
    assert set(half_dead.events("submitted")) == set(JOBS)
    (only,) = ids
    host, _, pid = only.partition(":")
    assert host == "box-a"
    until = time.monotonic() + 60
    while remote.running([int(pid)], str(half_dead.path.resolve())):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_delivery_arrives_as_a_whole_once(tmp_path: Path) -> None:
    """One that was cut off is refused; one that another process brought meanwhile stays."""
    target = tmp_path / "delivered" / "b001-T2-01.1"
    files = {"V0_x.json": b"{}", "delivery.json": b'{"bytes": {"V0_x.json": 2}}'}
    with pytest.raises(UnavailableError, match="did not arrive as a whole"):
        ssh._moved_in(target, {**files, "V0_x.json": b"{"})
    assert not target.exists()
    ssh._moved_in(target, files)
    ssh._moved_in(target, files)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert (target / "V0_x.json").read_bytes() == b"{}"
