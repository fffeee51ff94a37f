"""The folder of a run, which many machines add to and nobody locks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from greenbench.cluster import fetching, status
from greenbench.cluster.plan import Job, RunPlan, Software
from greenbench.cluster.run_folder import RunFolder, created, own_process
from greenbench.errors import UsageError
from greenbench.results.planned_runs import load_planned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

JOBS = ("b001-T2-01", "b002-T2-01")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Make a run of two jobs that were submitted."""
    return submitted(tmp_path, "night", JOBS)


def submitted(tmp_path: Path, name: str, names: Sequence[str], mark: str = "") -> RunFolder:
    """Make a run of a block for each of the jobs ``names``."""
    jobs = []
    for number, job in enumerate(names, 1):
        jobs.append(Job(name=job, block=number, cells=("T2-V0_x", "T2-V1_x")))
    plan = RunPlan(
        run=name,
        mark=mark,
        engine="local",
        root=str(tmp_path),
        arguments=(),
        rounds=2,
        software=Software(python="3", packages={}, commit=None, dirty=None),
        jobs=tuple(jobs),
    )
    made = created(tmp_path / "runs" / name, plan)
    for job in names:
        made.note("submitted", job, {"id": "7"})
    return made


def results(folder: Path, host: str = "a", stamp: str = "20260101T000000Z") -> Path:
    """Write what a job leaves: a results file for each variant."""
    folder.mkdir()
    environment = {"host": host, "device": "cpu", "cpu": {"model": "a", "usable_cores": 2}}
    for variant in ("V0_x", "V1_x"):
        text = json.dumps({"variant": variant, "environment": environment, "cells": []})
        (folder / f"{variant}_{stamp}.json").write_text(text)
    return folder


def test_a_job_that_delivers_twice_counts_once(run: RunFolder, tmp_path: Path) -> None:
    """The first delivery is fetched; a later one changes nothing, also after a first fetch."""
    run.deliver(JOBS[0], results(tmp_path / "first"), {})
    fetched = fetching.fetch(run, tmp_path / "out")
    assert (fetched.new, fetched.lacking) == (1, [JOBS[1]])
    before = sorted(path.name for path in (tmp_path / "out").rglob("V*.json"))
    run.deliver(JOBS[0], results(tmp_path / "again", "b", "20260102T000000Z"), {})
    run.deliver(JOBS[1], results(tmp_path / "other", "b"), {})
    fetched = fetching.fetch(run, tmp_path / "out")
    after = sorted(path.name for path in (tmp_path / "out").rglob("V*.json"))
    assert (fetched.new, fetched.lacking, len(after)) == (1, [], 4)
    assert set(before) < set(after)
    (one,) = fetched.folders.values()
    assert one.hosts == {"a": 1, "b": 1}
    assert status.states(run)[0].note == "delivered 2 times, counted once"


def test_a_delivery_that_was_cut_off_is_none(run: RunFolder, tmp_path: Path) -> None:
    """What a killed host left half copied is not seen; a whole one that arrives later counts."""
    half = run.path / "delivered" / f".moving-{JOBS[0]}.20260101"
    half.parent.mkdir()
    results(half)
    assert run.lacking() == list(JOBS)
    run.deliver(JOBS[0], results(tmp_path / "whole"), {})
    assert run.lacking() == [JOBS[1]]


def test_a_damaged_delivery_gives_way_to_the_next(run: RunFolder, tmp_path: Path) -> None:
    """It is named, and the job's other delivery is fetched."""
    broken = run.deliver(JOBS[0], results(tmp_path / "broken"), {})
    (broken / "V1_x_20260101T000000Z.json").write_text("{")
    run.deliver(JOBS[0], results(tmp_path / "whole", "b"), {})
    fetched = fetching.fetch(run, tmp_path / "out")
    assert fetched.new == 1
    assert len(fetched.problems) == 1
    assert "measure b001-T2-01 again" in fetched.problems[0]


def test_a_task_with_an_underline_is_fetched_once(tmp_path: Path) -> None:
    """Its job is known again by the names of its files, also if it delivers twice."""
    run = submitted(tmp_path, "my_night", ["b001-my_task-01"])
    run.deliver("b001-my_task-01", results(tmp_path / "first"), {})
    fetching.fetch(run, tmp_path / "out")
    run.deliver("b001-my_task-01", results(tmp_path / "again", "b", "20250102T000000Z"), {})
    fetched = fetching.fetch(run, tmp_path / "out")
    assert (fetched.new, len(list((tmp_path / "out").rglob("V*.json")))) == (0, 2)


def test_two_runs_are_fetched_into_one_folder(run: RunFolder, tmp_path: Path) -> None:
    """Jobs of the same name are told apart by their runs, even of one name in two folders."""
    run.deliver(JOBS[0], results(tmp_path / "first"), {})
    fetching.fetch(run, tmp_path / "out")
    other = submitted(tmp_path / "elsewhere", "night", JOBS, mark="6f1d02ab")
    other.deliver(JOBS[0], results(tmp_path / "other", "b", "20260102T000000Z"), {})
    fetched = fetching.fetch(other, tmp_path / "out")
    assert (fetched.new, fetched.lacking) == (1, [JOBS[1]])
    assert len(list((tmp_path / "out").rglob("V*.json"))) == 4
    (one,) = fetched.folders.values()
    assert set(load_planned(one.path)) == {"night", "night-6f1d02ab"}


def test_a_class_is_to_have_what_no_other_class_measured(run: RunFolder, tmp_path: Path) -> None:
    """Its folder states the blocks that it should have, for what reads the folder alone."""
    run.deliver(JOBS[0], results(tmp_path / "first"), {})
    fetched = fetching.fetch(run, tmp_path / "out")
    (one,) = fetched.folders.values()
    assert load_planned(one.path)["night"].blocks == {"T2-V0_x": 2, "T2-V1_x": 2}
    other = results(tmp_path / "other")
    for path in other.iterdir():
        path.write_text(path.read_text().replace('"usable_cores": 2', '"usable_cores": 64'))
    run.deliver(JOBS[1], other, {})
    fetching.fetch(run, tmp_path / "out")
    assert load_planned(one.path)["night"].blocks == {"T2-V0_x": 1, "T2-V1_x": 1}


def test_classes_of_hosts_get_folders_of_their_own(run: RunFolder, tmp_path: Path) -> None:
    """Results of another processor are never beside the first one's."""
    run.deliver(JOBS[0], results(tmp_path / "first"), {})
    other = results(tmp_path / "other")
    for path in other.iterdir():
        path.write_text(path.read_text().replace('"usable_cores": 2', '"usable_cores": 64'))
    run.deliver(JOBS[1], other, {})
    fetched = fetching.fetch(run, tmp_path / "out")
    assert len(fetched.folders) == 2
    assert {len(list(one.path.glob("V*"))) for one in fetched.folders.values()} == {2}
    assert any("not pooled" in line for line in fetching.lines(run, fetched))


def test_states_tell_what_needs_to_be_submitted_again(run: RunFolder) -> None:
    """Waiting and running jobs do not; failed and lost ones do, until they are submitted again."""

    def found(queued: dict[str, str]) -> list[str]:
        queue = status.EngineQueue(queued)
        return [one.state for one in status.states(run, queue)]

    assert found({"7": "PENDING"}) == ["waiting", "waiting"]
    run.note("started", JOBS[0], {**own_process(), "place": "here"})
    assert found({"7": "RUNNING"}) == ["running", "waiting"]
    run.note("failed", JOBS[0], {"place": "here", "reason": "no cell was measured"})
    run.note("started", JOBS[1], {**own_process(), "since_boot_s": 0.0, "place": "there"})
    assert found({}) == ["failed", "lost"]
    run.note("submitted", JOBS[0], {"id": "8"})
    assert found({"8": "PENDING"}) == ["waiting", "lost"]
    run.cancel()
    assert found({}) == ["cancelled", "cancelled"]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, run: RunFolder) -> None:
    """So is a run of a name that is taken."""
    with pytest.raises(UsageError, match=r"no run is here"):
        RunFolder(tmp_path)
    with pytest.raises(UsageError, match=r"a run of this name is there already"):
        created(run.path, run.plan)
