"""``greenbench submit slurm`` on Slurm itself: two nodes on this machine, which the test starts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from cluster import made

from greenbench.cli import main
from greenbench.cluster.run_folder import RunFolder
from greenbench.results import loading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slurm
NODES = ("node1", "node2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1
PartitionName=main Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        with closing(one):
            pass
    return ports


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Start munge, Slurm's controller and two nodes; end them, and what they run, afterwards."""
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if lacking or os.geteuid() != 0:
        pytest.skip(
            f"{', '.join(lacking)} lack (Debian: slurmctld, slurmd, munge)"
            if lacking
            else "only root may start a cluster of its own"
        )
    monkeypatch.setenv("PATH", path)
    folder = tmp_path / "slurm"
    (folder / "state").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=host, folder=folder, ports=free_ports(3)))
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    files = [f"--{name}={folder}/munge.{ending}" for name, ending in MUNGE]
    try:
        subprocess.run(["munged", "--force", *files], check=True, capture_output=True)
        subprocess.run(["slurmctld", "-f", configuration], check=True, capture_output=True)
        for node in NODES:
            subprocess.run(["slurmd", "-N", node, "-f", configuration], check=True)
        if not nodes_answer():
            pytest.skip(
                f"Slurm does not start here: {(folder / 'slurmctld.log').read_text()[-500:]}"
            )
        yield folder
        subprocess.run(["scancel", "--user", "root"], check=False)
    finally:
        for name in (*NODES, "slurmctld", "munge"):
            end(folder / f"{name}.pid")


MUNGE = (
    ("key-file", "key"),
    ("socket", "sock"),
    ("pid-file", "pid"),
    ("log-file", "log"),
    ("seed-file", "seed"),
)


def nodes_answer() -> bool:
    """Wait until both nodes are idle; whether they were."""
    for _ in range(60):
        asked = ["sinfo", "--noheader", "--Node", "--format=%T"]
        said = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.split()
        if said == ["idle", "idle"]:
            return True
        time.sleep(0.5)
    return False


def end(file: Path) -> None:
    """End the daemon whose pid stands in a file, and wait for it."""
    if not file.exists():
        return
    pid = int(file.read_text())
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(50):
            try:
                os.kill(pid, number if _ == 0 else 0)
            except ProcessLookupError:
                return
            time.sleep(0.1)


def job_of(path: Path, name: str) -> str:
    """Wait until a job measures, and return Slurm's id of it."""
    until = time.monotonic() + made.LONGEST_S
    while name not in RunFolder(path).events("started"):
        assert time.monotonic() < until, "the job does not begin"
        time.sleep(0.2)
    return str(RunFolder(path).events("submitted")[name][-1].facts["id"])


def test_jobs_are_preempted_lost_and_measured_once(
    slurm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """A preempted block is requeued, a killed one is submitted again, and none is doubled."""
    monkeypatch.chdir(made.suite(tmp_path / "suite"))
    path = tmp_path / "suite" / "runs" / "night"
    submit = ["submit", "slurm", "--run", "night", "--partition", "main", *made.SELECTED]
    assert main([*submit, "--green-rounds", "2"]) == 0
    preempted = job_of(path, "b001-T2-01")
    subprocess.run(["scancel", "--signal=USR1", preempted], check=True)
    subprocess.run(["scancel", "--signal=KILL", job_of(path, "b002-T2-01")], check=True)
    until = time.monotonic() + made.LONGEST_S
    while "PENDING" not in main_said(capsys, path):  # requeued: Slurm lets it wait two minutes
        assert time.monotonic() < until
        time.sleep(0.5)
    soon = "StartTime=now+3seconds"  # a node tells a revoked credential from a new one by seconds
    subprocess.run(["scontrol", "update", f"JobId={preempted}", soon], check=True)
    first, second = made.ended(path)
    assert first == "delivered", logs(slurm)
    # Slurm asks before it kills: worker or session dies first, or the block ends before both.
    assert second in {"lost", "failed", "delivered"}
    assert len(RunFolder(path).events("started")["b001-T2-01"]) == 2
    assert main(["resubmit", str(path)]) == 0
    assert made.ended(path) == ["delivered", "delivered"]
    assert len(made.fetched(path, capsys, "T2.mcc >= V0-0.1")) == 4
    for folder in RunFolder(path).deliveries().values():
        runs, _ = loading.load_folder(folder[0])
        placed = {one.header.allocation.host for one in runs if one.header.allocation}
        assert placed < set(NODES)
        assert all("CPUs of node" in one.header.allocation.shared for one in runs)


def logs(folder: Path) -> str:
    """Return the end of what Slurm's daemons wrote, and jobs."""
    texts = []
    for file in (*folder.glob("*.log"), *folder.parent.glob("suite/runs/*/submitit/*.out")):
        texts.append(f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}")
    return "\n".join(texts)


def main_said(capsys: pytest.CaptureFixture, path: Path) -> str:
    """Return what ``greenbench status`` says."""
    main(["status", str(path)])
    return capsys.readouterr().out


@pytest.mark.usefixtures("slurm")
def test_cancelled_jobs_leave_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Nothing is delivered, Slurm has no job any more, and the sbatch script is what was asked."""
    monkeypatch.chdir(made.suite(tmp_path / "suite"))
    path = tmp_path / "suite" / "runs" / "night"
    submit = ["submit", "slurm", "--run", "night", "--exclusive", *made.SELECTED]
    assert main([*submit[:-3], "--dry-run", *made.SELECTED]) == 0
    assert "#SBATCH --exclusive" in capsys.readouterr().out
    assert main(submit) == 0
    assert main(["cancel", str(path)]) == 0
    assert made.ended(path) == ["cancelled"]
    squeue = subprocess.run(["squeue", "--noheader"], check=True, capture_output=True, text=True)
    assert squeue.stdout == "" or " CG " in squeue.stdout
