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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--green-block=2"], "--green-block is set for each job"),
        (["-n", "2"], "-n is set for each job"),
        (["-n4"], "-n is set for each job"),
        (["ci", "--base", "main"], "arguments of pytest, and ci is none"),
    ],
)
def test_what_means_nothing_in_a_job_is_refused(words: list[str], said: str, capsys) -> None:
    """The sentence names the option, or the other command, and what to do."""
    assert main(["submit", "local", "--", *words]) == 2
    assert said in capsys.readouterr().err


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
    run = RunFolder(path).plan.identity
    assert run.startswith("night-")
    assert [name.rpartition("_")[0] for name in names] == [
        f"V0_baseline@{run}@b001-T2-01",
        f"V0_baseline@{run}@b002-T2-01",
        f"V1_fast@{run}@b001-T2-01",
        f"V1_fast@{run}@b002-T2-01",
    ]
