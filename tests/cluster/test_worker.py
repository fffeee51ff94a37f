"""A worker measures blocks, and delivers each as a whole."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from cluster import made

from greenbench.cluster import worker
from greenbench.cluster.plan import read_plan
from greenbench.cluster.worker import BlockWorker
from greenbench.machine.control.state_folder import own_folder
from greenbench.results import loading

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

JOB = "b001-T2-01"


def test_a_block_on_a_shared_node_has_no_joules_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cell has one round of the block; joules of CPUs are null, and the reason names Slurm."""
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("SLURMD_NODENAME", "node7")
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    run = made.run_of(made.suite(tmp_path / "suite"), engine="slurm", blocks=2)
    assert BlockWorker(run.path)("b002-T2-01") == 0
    ((folder,),) = run.deliveries().values()
    runs, problems = loading.load_folder(folder)
    assert problems == []
    assert {cell.id for one in runs for cell in one.cells} == set(made.CELLS)
    for one in runs:
        assert one.header.allocation is not None
        assert one.header.allocation.place == "slurm 4711 on node7"
        (only,) = one.cells[0].rounds
        assert (only.seed, only.block) == (1, 1)
        assert only.whole.energy.cpu_j is None
        assert "1 of the 64 CPUs of node7" in only.whole.energy.reasons["cpu"]


def test_software_that_differs_is_refused_before_a_session(tmp_path: Path) -> None:
    """Both sides are in the run's folder, and nothing was measured."""
    run = made.run_of(made.suite(tmp_path / "suite"))
    plan = run.plan
    other = dataclasses.replace(plan.software, packages={**plan.software.packages, "numpy": "1.0"})
    (run.path / "plan.json").write_text(dataclasses.replace(plan, software=other).text())
    assert read_plan((run.path / "plan.json").read_text()).software == other
    assert BlockWorker(run.path)(JOB) == 1
    (failure,) = run.events("failed")[JOB]
    assert failure.facts["reason"].startswith("numpy: ")
    assert failure.facts["reason"].endswith("here, 1.0 where the run was submitted")
    assert run.lacking() == [JOB]


def test_a_session_that_ends_early_delivers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its output says why; a block that was delivered is not measured again."""
    run = made.run_of(made.suite(tmp_path / "suite"))
    monkeypatch.setattr(
        worker, "_session", lambda *_: ["-c", "print('no luck'); raise SystemExit(3)"]
    )
    assert BlockWorker(run.path)(JOB) == 1
    (failure,) = run.events("failed")[JOB]
    assert failure.facts["reason"] == "pytest ended with 3, and no cell was measured"
    assert failure.facts["output"] == ["no luck"]
    (tmp_path / "whole").mkdir()
    run.deliver(JOB, tmp_path / "whole", {})
    assert BlockWorker(run.path)(JOB) == 0


def test_a_cancelled_run_begins_no_block(tmp_path: Path) -> None:
    """The worker ends without a failure."""
    run = made.run_of(made.suite(tmp_path / "suite"))
    run.cancel()
    assert BlockWorker(run.path)(JOB) == 0
    assert run.events("started") == {}


def test_a_worker_of_a_host_waits_for_its_turn_and_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one measures, and delivers the block meanwhile: it is not begun a second time."""
    monkeypatch.setenv("GREENBENCH_STATE", str(tmp_path / "state"))
    run = made.run_of(tmp_path, engine="ssh")
    results = tmp_path / "results"
    results.mkdir()
    (results / "V0_x.json").write_text("{}")
    turn = (own_folder() / f"turn-{socket.gethostname()}").open("a")

    def deliver_and_end() -> None:
        time.sleep(0.2)
        run.deliver(JOB, results, {})
        turn.close()

    fcntl.flock(turn, fcntl.LOCK_EX)
    other = threading.Thread(target=deliver_and_end)
    other.start()
    assert worker.main([str(run.path), str(tmp_path), "box-a", JOB]) == 0
    other.join()
    assert run.events("started") == {}
