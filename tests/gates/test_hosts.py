"""Sessions of one run on many machines: compared within a session, combined over hosts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from analysis import made

from greenbench.cli import main
from greenbench.gates import runs
from greenbench.gates.fleets import hosts_of
from greenbench.report.page.hosts import host_rows
from greenbench.report.report_data import read_report_data
from greenbench.results.planned_runs import PlannedBlocks

if TYPE_CHECKING:
    from pathlib import Path

STAGES = (8.0, 2.0, 60.0, 30.0)
WOBBLE = (1.01, 0.99, 1.0, 1.02)
OTHER_CLASS = {"device": "cpu", "cpu": {"model": "another one", "usable_cores": 8}, "gpus": []}


def block(
    folder: Path,
    number: int,
    host: str,
    level: float,
    ratio: float,
    run: str = "night",
    **more: Any,
) -> None:
    """Write a job's session: V0 and a variant that takes ``ratio`` of its joules, on a host."""
    job = f"b{number:03}-T2-01"
    cells = []
    for name, on, share in (("V0_baseline", (), 1.0), ("V1_fast", ("training",), ratio)):
        joules = [level * share * stage for stage in STAGES]
        cells.append(made.cell(name, on, [made.one_round(number, 0, joules)]))
    allocation = {"run": run, "job": job, "place": f"slurm {number} on {host}", "host": host}
    started = f"202601{number + 1:02}T000000Z"
    session = {"id": f"{run}-{number}", "started": started, "allocation": allocation}
    made.write(folder, cells, started, session=session, **more)


def night(
    folder: Path,
    ratios: dict[str, float],
    levels: tuple[float, ...] = (1, 3, 9),
    run: str = "night",
) -> Path:
    """Write two blocks of each host, whose joules differ many times more than their ratios."""
    number = 0
    for (host, ratio), level in zip(ratios.items(), levels, strict=False):
        for _ in range(2):
            block(folder, number, host, level, ratio * WOBBLE[number % 4], run)
            number += 1
    return folder


def compared(capsys: pytest.CaptureFixture, *arguments: Any) -> tuple[int, dict[str, Any]]:
    """Run ``greenbench compare`` and return its exit code and the only verdict."""
    code = main(["compare", *map(str, arguments), "--gate", "energy <= 0.9*V0", "--json"])
    (comparison,) = json.loads(capsys.readouterr().out)
    (verdict,) = comparison["verdicts"]
    return code, {**verdict, "note": comparison["note"]}


def test_a_ratio_is_taken_within_a_session_and_hosts_are_combined(tmp_path: Path, capsys) -> None:
    """Hosts that take 1, 3 and 9 times the joules agree on half: no level of theirs counts."""
    folder = night(tmp_path, {"a": 0.5, "b": 0.5, "c": 0.5})
    code, verdict = compared(capsys, folder)
    assert (code, verdict["outcome"], verdict["rounds"]) == (0, "PASS", 6)
    assert verdict["change"] == pytest.approx(0.5, rel=0.02)
    assert verdict["high"] - verdict["low"] < 0.03
    assert "6 blocks of 3 hosts as a random effect" in verdict["how"]
    assert verdict["note"] == "blocks by host: a 2, b 2, c 2"


def test_hosts_that_differ_in_the_ratio_widen_its_interval(tmp_path: Path, capsys) -> None:
    """Six blocks that would prove it on one host prove nothing if hosts contradict each other."""
    folder = night(tmp_path, {"a": 0.4, "b": 0.8, "c": 1.2})
    _, verdict = compared(capsys, folder)
    assert (verdict["outcome"], verdict["low"] < 0.4) == ("INCONCLUSIVE", True)
    assert verdict["between_hosts"] == pytest.approx(0.75, abs=0.05)
    main(["compare", str(folder), "--gate", "energy <= 0.9*V0"])
    assert "hosts differ in it by 7" in " ".join(capsys.readouterr().out.split())


def test_two_runs_of_several_hosts_are_not_divided_by_each_other(tmp_path: Path, capsys) -> None:
    """Their blocks may be of other machines; the sentence says what to gate on instead."""
    first = night(tmp_path / "first", {"a": 0.5, "b": 0.5}, levels=(1, 9), run="first")
    second = night(tmp_path / "second", {"a": 0.5, "b": 0.5}, levels=(1, 9), run="second")
    gate = ["--gate", "energy <= 1.1*saved", "--json"]
    assert main(["compare", str(first), str(second), *gate]) == 1
    (comparison,) = json.loads(capsys.readouterr().out)
    for verdict in comparison["verdicts"]:
        assert verdict["outcome"] == "NOT-COMPARABLE"
        assert "gate on V0 of the run itself" in verdict["reason"]


def delivered_once(folder: Path, *, with_v0: bool) -> None:
    """Add a third variant that one small host measured once: it takes 1.2 times V0's joules."""
    night(folder, {"a": 0.5, "b": 0.5}, levels=(10, 10))
    small = folder / "small"
    small.mkdir()
    block(small, 8, "c", 1.0, 1.2)
    for path in sorted(small.iterdir()):
        data = json.loads(path.read_text())
        if path.name.startswith("V1"):
            data["variant"] = "V2_slow"
            for cell in data["cells"]:
                cell["variant"] = "V2_slow"
                cell["id"] = "T2-V2_slow"
        if with_v0 or path.name.startswith("V1"):
            (folder / path.name.replace("V1_fast", "V2_slow")).write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("with_v0", "outcome"), [(True, "INCONCLUSIVE"), (False, "NOT-COMPARABLE")]
)
def test_a_single_block_is_never_divided_by_other_hosts(
    tmp_path: Path, capsys, outcome: str, *, with_v0: bool
) -> None:
    """It counts as one round beside V0 of its own session; without that it is refused."""
    delivered_once(tmp_path, with_v0=with_v0)
    code = main(["compare", str(tmp_path), "--gate", "energy <= 1.1*V0", "--json"])
    (comparison,) = json.loads(capsys.readouterr().out)
    _, slow = comparison["verdicts"]
    assert (slow["cell"], slow["outcome"]) == ("T2-V2_slow", outcome)
    if with_v0:
        assert slow["change"] == pytest.approx(1.2, rel=0.001)
        assert "one round" in slow["how"]
    else:
        assert code == 1
        assert "no session of the run measured both" in slow["reason"]


def test_v0_of_every_job_counts_beside_its_own_variants_alone(tmp_path: Path, capsys) -> None:
    """A block that is split into jobs has V0 in each, at another level: no ratio crosses them."""
    folder = night(tmp_path, {"a": 0.5, "b": 0.5})
    for number in range(4):
        file = folder / f"V0_baseline_202601{number + 1:02}T000000Z.json"
        other = json.loads(file.read_text())
        other["session"]["id"] = f"other-{number}"
        other["session"]["allocation"]["job"] = f"b{number:03}-T2-02"
        other["cells"][0]["rounds"][0]["energy"]["cpu_j"] *= 50
        (folder / f"V0_baseline_b{number}-02_20260101T00000{number}Z.json").write_text(
            json.dumps(other)
        )
    _, verdict = compared(capsys, folder)
    assert verdict["change"] == pytest.approx(0.5, rel=0.02)


def test_what_a_run_planned_and_lacks_is_said(tmp_path: Path, capsys) -> None:
    """A cell without a record is MISSING, and cells that lack blocks are named."""
    folder = night(tmp_path, {"a": 0.5, "b": 0.5})
    blocks = {"T2-V0_baseline": 4, "T2-V1_fast": 5, "T2-V7_all": 5}
    PlannedBlocks(run="night", blocks=blocks).write(folder)
    code = main(["compare", str(folder), "--gate", "energy <= 0.9*V0", "--json"])
    (comparison,) = json.loads(capsys.readouterr().out)
    outcomes = {one["cell"]: one["outcome"] for one in comparison["verdicts"]}
    assert (code, outcomes["T2-V7_all"]) == (1, "MISSING")
    assert comparison["note"].endswith("blocks lack of run night: T2-V1_fast 4 of 5")


def test_an_earlier_run_stands_in_for_no_cell_of_the_newest(tmp_path: Path, capsys) -> None:
    """Two runs fetched into one folder: what the second lacks is MISSING, not the first's."""
    folder = night(tmp_path, {"a": 0.5, "b": 0.5})
    cells = [made.cell("V0_baseline", (), [made.one_round(1, 0, STAGES)])]
    cells.append(made.cell("V2_other", (), [made.one_round(1, 1, STAGES)]))
    allocation = {"run": "day", "job": "b001-T2-01", "place": "slurm 9 on a", "host": "a"}
    session = {"id": "day-1", "started": "20260301T000000Z", "allocation": allocation}
    made.write(folder, cells, "20260301T000000Z", session=session)
    planned = {"T2-V0_baseline": 1, "T2-V1_fast": 1, "T2-V2_other": 1}
    PlannedBlocks(run="day", blocks=planned).write(folder)
    main(["compare", str(folder), "--gate", "energy <= 2*V0", "--json"])
    (comparison,) = json.loads(capsys.readouterr().out)
    outcomes = {one["cell"]: one["outcome"] for one in comparison["verdicts"]}
    assert outcomes == {"T2-V1_fast": "MISSING", "T2-V2_other": "PASS"}


def test_classes_of_machines_are_not_pooled(tmp_path: Path, capsys) -> None:
    """A folder with two kinds of processor is refused in one sentence that names both."""
    folder = night(tmp_path, {"a": 0.5})
    block(folder, 9, "b", 1.0, 0.5, environment=OTHER_CLASS)
    assert main(["compare", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "a processor with 2 cores" in said
    assert "another one with 8 cores" in said
    assert said.count("\n") == 1


def test_report_and_analysis_see_each_session_of_a_run(tmp_path: Path) -> None:
    """The report's cells have all blocks, and the analysis counts every session."""
    data = read_report_data(night(tmp_path, {"a": 0.5, "b": 0.5, "c": 0.5}))
    assert [len(cell.record.rounds) for cell in data.cells] == [6, 6]
    assert data.older == ()
    analysis = data.analysis("T2")
    assert analysis is not None
    assert (analysis.sessions, analysis.blocks) == (6, 6)


def test_the_report_has_a_row_a_host(tmp_path: Path) -> None:
    """With its blocks, V0's joules there, and what the variant has to them."""
    data = read_report_data(night(tmp_path, {"a": 0.4, "b": 0.8}))
    assert [row[:3] for row in host_rows(data)] == [("a", "T2", "2"), ("b", "T2", "2")]
    assert [row[3:] for row in host_rows(data)] == [
        ("100 J", "T2 V1 x 0.400"),
        ("300 J", "T2 V1 x 0.808"),
    ]


def test_a_joined_cell_names_its_hosts(tmp_path: Path) -> None:
    """It knows how many blocks each of them measured."""
    run = runs.read(night(tmp_path, {"a": 0.5, "b": 0.5}))
    assert hosts_of(run.cells["T2-V1_fast"]) == {"a": 2, "b": 2}
