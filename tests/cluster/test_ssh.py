"""``greenbench submit ssh`` against sshd on the loopback address, with a throw-away key."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cluster import made

from greenbench.cli import main
from greenbench.cluster import remote
from greenbench.cluster.run_folder import RunFolder

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
    for name in BOXES:
        shipped = boxes.parent / name / ".cache/greenbench/runs" / f"night-{name}"
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
