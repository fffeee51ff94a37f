"""Rounds in blocks, as a session shows them: items, rows, results files and failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
import stub_suite
from stub_suite import run_here

from greenbench.report.numbers import quantity
from greenbench.stats.uncertainty import NO_DEPENDENCE, NO_LONGER_STATES
from greenbench.types import Quantity

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 3
CELLS = ["T2-V0_baseline", "T2-V1_fast", "T2-V10_capped"]


class Measured(NamedTuple):
    """A session that has ended: its output, and its cells as pytest-benchmark saved them."""

    output: pytest.RunResult
    benchmarks: list[dict]
    results: Path


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Measure three cells in three blocks, once for all tests that only read what it left."""
    folder = tmp_path_factory.mktemp("blocks")
    stub_suite.write(folder)
    arguments = ["-v", f"--green-rounds={ROUNDS}", "--benchmark-json=run.json"]
    output = stub_suite.run(folder, *arguments, COLUMNS="100")
    saved = json.loads((folder / "run.json").read_text())
    return Measured(output, saved["benchmarks"], folder / "results")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Write the suite in miniature."""
    stub_suite.write(pytester.path)
    return pytester


def test_every_second_block_runs_backwards(measured: Measured) -> None:
    """Each round is an item; the first block has the cells' own ids."""
    measured.output.assert_outcomes(passed=ROUNDS * len(CELLS))
    ran = [line.split("[")[1].split("]")[0] for line in measured.output.outlines if "PASS" in line]
    second = [f"{cell}-round2" for cell in reversed(CELLS)]
    third = [f"{cell}-round3" for cell in CELLS]
    assert ran == [*CELLS, *second, *third]
    measured.output.stdout.fnmatch_lines(["*T2-V10_capped-round3*100%*"])


def test_a_cell_is_one_row_of_all_its_rounds(measured: Measured) -> None:
    """pytest-benchmark saves each cell once, under its usual id, with the seconds of each round."""
    names = [benchmark["fullname"].split("[")[1] for benchmark in measured.benchmarks]
    assert names == [f"{cell}]" for cell in CELLS]
    for benchmark in measured.benchmarks:
        record = benchmark["extra_info"]["greenbench"]
        assert benchmark["stats"]["rounds"] == ROUNDS
        assert record["seeds"] == [0, 1, 2]
        # pytest-benchmark's clock starts a little earlier and stops a little later than ours
        seconds = [one_round["seconds"] for one_round in record["rounds"]]
        assert benchmark["stats"]["data"] == pytest.approx(seconds, rel=0.5)


def test_rounds_know_their_block_and_their_place(measured: Measured) -> None:
    """So that the analysis can pair them, and take a drift out."""
    places = {}
    for benchmark in measured.benchmarks:
        record = benchmark["extra_info"]["greenbench"]
        places[record["id"]] = [(r["block"], r["position"]) for r in record["rounds"]]
    assert places["T2-V0_baseline"] == [(0, 0), (1, 5), (2, 6)]
    assert places["T2-V10_capped"] == [(0, 2), (1, 3), (2, 8)]


def test_results_files_hold_each_cell_once(measured: Measured) -> None:
    """A block adds a round to the cell's record, and is no repeated attempt at it."""
    files = list(measured.results.glob("*.json"))
    assert len(files) == 3
    for file in files:
        (cell,) = json.loads(file.read_text())["cells"]
        assert len(cell["rounds"]) == ROUNDS
        assert not any("several times" in doubt for doubt in cell["doubts"])


def test_the_table_says_that_blocks_were_compared(measured: Measured) -> None:
    """The caption names the method of the intervals."""
    assert "blocks of 2 cells" in " ".join(measured.output.outlines)


def test_the_session_s_end_restates_the_means_by_all_rounds_together(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table, results file and saved run agree; their intervals lack what outlasts the session."""
    monkeypatch.setenv("COLUMNS", "120")
    output = run_here(suite, "--green-rounds=5", "--benchmark-json=run.json")
    output.assert_outcomes(passed=5 * len(CELLS))
    saved = {}
    for benchmark in json.loads((suite.path / "run.json").read_text())["benchmarks"]:
        record = benchmark["extra_info"]["greenbench"]
        saved[record["id"]] = record
    for file in (suite.path / "results").glob("*.json"):
        (cell,) = json.loads(file.read_text())["cells"]
        quantities = [cell["energy"]["total_j"], cell["stages"]["training"]["seconds"]]
        assert [one["lacks"] for one in quantities] == [[NO_LONGER_STATES]] * 2
        for part in ("energy", "stages", "efficiency"):
            assert saved[cell["id"]][part] == cell[part]
    sample = saved["T2-V0_baseline"]["efficiency"]["j_per_sample"]
    shown = quantity(Quantity(value=sample["value"], uncertainty=sample["uncertainty"]), "J")
    assert shown in " ".join(output.outlines)


def test_rounds_that_are_too_few_keep_the_interval_of_their_own(measured: Measured) -> None:
    """Three cells of three rounds show no noise that lasts; the record says what it lacks."""
    energies = [b["extra_info"]["greenbench"]["energy"] for b in measured.benchmarks]
    assert [energy["total_j"]["lacks"] for energy in energies] == [[NO_DEPENDENCE]] * 3


def test_off_measures_all_rounds_of_a_cell_in_a_row(suite: pytest.Pytester) -> None:
    """One item a cell, as with a single round."""
    output = run_here(suite, "--green-rounds=2", "--green-interleave=off", "-k", "V0 or V1_")
    output.assert_outcomes(passed=2, deselected=1)


def test_benchmarks_that_are_disabled_run_each_cell_once(suite: pytest.Pytester) -> None:
    """Nothing is measured, so there is nothing to interleave."""
    output = run_here(suite, "--green-rounds=3", "--benchmark-disable", "-k", "V0")
    output.assert_outcomes(passed=1, deselected=2)


def test_after_a_failed_round_the_others_of_the_cell_are_skipped(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cell stays failed in its record, and the failure carries the id that pytest collects."""
    monkeypatch.setenv("STUB", "T2-V1_fast=assert")
    output = run_here(suite, "--green-rounds=3", "-k", "V0 or V1_", "-rfs")
    output.assert_outcomes(passed=3, failed=1, skipped=2, deselected=1)
    output.stdout.fnmatch_lines(
        ["FAILED *[[]T2-V1_fast[]] -*", "SKIPPED*round 1 of T2-V1_fast failed*"]
    )
    (file,) = (suite.path / "results").glob("V1*.json")
    (cell,) = json.loads(file.read_text())["cells"]
    assert (cell["outcome"], len(cell["rounds"])) == ("failed", 1)


def test_other_tests_keep_their_places(suite: pytest.Pytester) -> None:
    """A test before the cells still runs before them, and once."""
    (suite.path / "bench" / "test_a_first.py").write_text("def test_other():\n    pass\n")
    output = run_here(suite, "--green-rounds=2", "-v", "-k", "V0 or other")
    output.assert_outcomes(passed=3, deselected=2)
    output.stdout.fnmatch_lines(["*test_other PASS*", "*T2-V0_baseline[]]*", "*round2*"])


def test_an_unknown_order_is_a_usage_error(suite: pytest.Pytester) -> None:
    """The sentence names the option and what it allows."""
    output = run_here(suite, "--green-interleave=zigzag")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines(["*--green-interleave*'zigzag'*blocks*random*fixed*off*"])


def test_one_block_can_be_measured_alone(suite: pytest.Pytester) -> None:
    """It has the seed, the number and the order that it has among all blocks."""
    output = run_here(
        suite, "-v", "--green-rounds=3", "--green-block=2", "--benchmark-json=run.json"
    )
    output.assert_outcomes(passed=len(CELLS))
    output.stdout.fnmatch_lines(["greenbench: 3 cells, 3 rounds; *"])
    benchmarks = json.loads((suite.path / "run.json").read_text())["benchmarks"]
    records = [benchmark["extra_info"]["greenbench"] for benchmark in benchmarks]
    assert [record["id"] for record in records] == CELLS[::-1]
    for record in records:
        assert [(r["seed"], r["block"]) for r in record["rounds"]] == [(1, 1)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--green-rounds=3", "--green-block=4"], "--green-block=4: cells have 3 rounds"),
        (["--green-block=2"], "--green-block=2: cells have 1 rounds"),
        (
            ["--green-rounds=3", "--green-block=1", "--green-interleave=off"],
            "--green-block=1: with --green-interleave=off rounds run in a row",
        ),
    ],
)
def test_a_block_that_there_is_not_is_refused(
    suite: pytest.Pytester, arguments: list[str], sentence: str
) -> None:
    """Before anything is measured."""
    output = run_here(suite, *arguments)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in "\n".join([*output.outlines, *output.errlines])
