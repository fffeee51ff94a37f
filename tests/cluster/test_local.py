"""``greenbench submit local``: workers of this machine, killed and submitted again."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from cluster import made

from greenbench.cli import main
from greenbench.cluster.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("submitit")


def begun(path: Path) -> int:
    """Wait for the first worker that measures, and return its pid."""
    until = time.monotonic() + made.LONGEST_S
    while time.monotonic() < until:
        for events in RunFolder(path).events("started").values():
            return int(events[0].facts["pid"])
        time.sleep(0.1)
    raise AssertionError("no worker began")


@pytest.mark.slow
def test_a_dry_run_plans_and_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """The plan has jobs, what they cost and what is refused; nothing is written."""
    monkeypatch.chdir(made.suite(tmp_path / "suite"))
    code = main(["submit", "local", "--dry-run", "--run", "night", *made.SELECTED])
    out = capsys.readouterr().out
    assert code == 0
    assert "run night: 1 job on local, each one block of V0 and variants (2 cells of 1 task" in out
    assert "hours and joules unknown" in out
    assert "would start 1 workers" in out
    assert not (tmp_path / "suite" / "runs").exists()


def test_options_that_a_job_sets_itself_are_refused(capsys) -> None:
    """The sentence names the option and what to do."""
    assert main(["submit", "local", "--", "--green-block=2"]) == 2
    assert "--green-block is set for each job" in capsys.readouterr().err


@pytest.mark.slow
def test_a_killed_worker_loses_its_block_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """It is lost, is submitted again, and every block is there once; cancelled blocks go on too."""
    monkeypatch.chdir(made.suite(tmp_path / "suite"))
    path = tmp_path / "suite" / "runs" / "night"
    submit = ["submit", "local", "--workers", "2", "--run", "night", *made.SELECTED]
    assert main([*submit, "--green-rounds", "2"]) == 0
    os.kill(begun(path), signal.SIGKILL)
    assert sorted(made.ended(path)) == ["delivered", "lost"]
    assert main(["status", str(path)]) == 1
    assert "ended in the middle of the block" in capsys.readouterr().out
    assert main(["resubmit", str(path)]) == 0
    assert made.ended(path) == ["delivered", "delivered"]
    names = made.fetched(path, capsys)
    assert [name.rpartition("_")[0] for name in names] == [
        "V0_baseline@night@b001-T2-01",
        "V0_baseline@night@b002-T2-01",
        "V1_fast@night@b001-T2-01",
        "V1_fast@night@b002-T2-01",
    ]
