"""Joules that Slurm or Cray counted of a run's allocations, beside greenbench's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from analysis import made as sessions
from cluster import made

from greenbench.cli import main
from greenbench.cluster import fetching
from greenbench.cluster.cross_checks import NodeCounter, measured
from greenbench.machine.energy import cray_sensors
from greenbench.report.page.contents import page
from greenbench.report.report_data import read_report_data
from greenbench.results.counted_energy import load_counted
from tests.simulators.cray import PmCounters

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.cluster.run_folder import RunFolder

SAID = """71|COMPLETED|
71.batch|COMPLETED|260
71.extern|COMPLETED|18446744073709551614
71.0|COMPLETED|250
72|COMPLETED|
72.batch|COMPLETED|120
73|RUNNING|
73.batch|RUNNING|0
"""
"""As ``sacct --parsable2`` prints it: a job, and its steps, which each count the whole node."""
MEASURED_J = 150.0
"""Of each job below."""


def program(folder: Path, name: str, body: str) -> None:
    """Put a program of Slurm on the PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def slurm(folder: Path, monkeypatch: pytest.MonkeyPatch, plugin: str, sacct: str) -> None:
    """Let Slurm gather energy by a plugin, and say what it counted."""
    program(folder, "scontrol", f"echo 'AcctGatherEnergyType    = {plugin}'")
    program(folder, "sacct", sacct)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Make a run of Slurm whose three jobs delivered V0 of 100 J and a variant of 50 J each."""
    run = made.run_of(tmp_path, engine="slurm", blocks=3)
    for number, job in enumerate(run.plan.jobs):
        cells = []
        for name, share in (("V0_baseline", 1.0), ("V1_fast", 0.5)):
            joules = [share * stage for stage in sessions.BASE]
            cells.append(sessions.cell(name, (), [sessions.one_round(number, 0, joules)]))
        allocation = {"run": run.plan.identity, "job": job.name, "place": "", "host": "node7"}
        started = f"2026010{number + 1}T000000Z"
        session = {"id": job.name, "started": started, "allocation": allocation}
        folder = sessions.write(tmp_path / job.name, cells, started, session=session)
        for path in folder.iterdir():
            text = path.read_text().replace("estimated:cpu-seconds*3W/core", "zeus:rapl")
            path.write_text(text)
        place = f"slurm {71 + number} on node7"
        run.deliver(job.name, folder, {"place": place, "slurm_job": str(71 + number)})
    return run


def test_slurm_may_count_more_and_not_less(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """The largest step counts; a job of fewer joules than greenbench's is a warning everywhere."""
    slurm(tmp_path / "bin", monkeypatch, "acct_gather_energy/rapl", f"cat <<'END'\n{SAID}END")
    assert main(["fetch", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert "slurm:acct_gather_energy/rapl counted 380 J of 2 allocations" in said
    assert "the job has not ended (RUNNING)" in said
    (folder,) = (run.path / "results").iterdir()
    first, second, third = load_counted(folder)[run.plan.identity].allocations
    assert first.measured_j == {"cpu": pytest.approx(MEASURED_J)}
    assert (first.counted[0].joules, first.disagreements()) == (260.0, [])
    assert (second.counted[0].joules, third.counted[0].joules) == (120.0, None)
    warning = (
        "b002-T2-01 (slurm 72 on node7): greenbench counted 150 +- 1 J (cpu), and "
        "slurm:acct_gather_energy/rapl 120 J, which should hold it"
    )
    assert second.disagreements() == [warning]
    main(["compare", str(folder), "--gate", "energy <= V0"])
    assert warning in " ".join(capsys.readouterr().out.split())
    assert "b002-T2-01 (slurm 72 on node7): greenbench counted" in page([read_report_data(folder)])


def test_what_slurm_forgets_stays_known(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later fetch asks for what was unknown alone."""
    slurm(tmp_path / "bin", monkeypatch, "acct_gather_energy/ipmi", f"cat <<'END'\n{SAID}END")
    fetching.fetch(run, tmp_path / "out")
    program(
        tmp_path / "bin", "sacct", 'case "$*" in *--jobs=73) echo "73.batch|COMPLETED|400";; esac'
    )
    (one,) = fetching.fetch(run, tmp_path / "out").folders.values()
    assert one.counted is not None
    joules = [allocation.counted[0].joules for allocation in one.counted.allocations]
    assert joules == [260.0, 120.0, 400.0]


@pytest.mark.parametrize(
    ("plugin", "sacct", "reason"),
    [
        ("acct_gather_energy/none", "exit 9", "Slurm gathers no energy here"),
        ("(null)", "exit 9", "AcctGatherEnergyType is (null)"),
        ("acct_gather_energy/ours", "exit 9", "which joules acct_gather_energy/ours counts"),
        ("acct_gather_energy/rapl", "echo accounting is disabled >&2; exit 1", "is disabled"),
        ("acct_gather_energy/rapl", "true", "sacct does not know the job"),
        ("acct_gather_energy/rapl", "echo '71.batch|COMPLETED|0'", "Slurm counted no joules"),
    ],
)
def test_joules_that_slurm_does_not_count_are_null_with_the_reason(
    run: RunFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plugin: str,
    sacct: str,
    reason: str,
) -> None:
    """Nothing disagrees then."""
    slurm(tmp_path / "bin", monkeypatch, plugin, sacct)
    (one,) = fetching.fetch(run, tmp_path / "out").folders.values()
    assert one.counted is not None
    (counted,) = one.counted.allocations[0].counted
    assert counted.joules is None
    assert reason in counted.reason
    assert one.counted.disagreements() == []


def test_estimates_are_confirmed_by_no_counter(run: RunFolder) -> None:
    """They are no joules that another counter could contradict, and taken-over stages ran once."""
    folder = run.deliveries()["b001-T2-01"][0]
    for path in folder.glob("V1*"):
        path.write_text(path.read_text().replace("zeus:rapl", "estimated:cpu-seconds*3W/core"))
    for path in folder.glob("V0*"):
        text = path.read_text().replace(
            '"stage": "training"', '"stage": "training", "state": "reused"'
        )
        path.write_text(text)
    joules, _ = measured(folder)
    assert joules == {"cpu": pytest.approx(40.0)}


def test_a_node_of_cray_counts_what_a_block_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its counter is read before and after; a machine without one says nothing."""
    assert NodeCounter().facts() == {}
    node = PmCounters(tmp_path / "pm", energy=9000, cpu_energy=3000, memory_energy=500)
    monkeypatch.setattr(cray_sensors, "FOLDER", node.root)
    with node.scanned(0.005):
        counter = NodeCounter()
        node.use(energy=700)
        node.scan()
        facts = counter.facts()
    assert facts == {"node_counter": {"source": "simulated:pm_counters", "joules": 700.0}}
