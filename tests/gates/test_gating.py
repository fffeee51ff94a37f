"""Gates end to end: the options that a person types, the exit code, and the message."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite

from greenbench.results.record import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

# What pytest-benchmark warns of is expected: baselines that are missing, truncated or empty.
pytestmark = pytest.mark.filterwarnings("ignore::pytest_benchmark.logger.PytestBenchmarkWarning")

NEWER = '"schema": 99'
ENERGY, SCORE = "energy <= 1.5*saved", "T2.mcc >= V0-0.02"
ONE = ("--green-rounds=1",)
"""Where the verdict does not depend on the number of rounds."""
RIGHT = "T2-V0_baseline=0.95,T2-V1_fast=0.95,T2-V10_capped=0.95"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure the stub suite once: V0 and V1 in three rounds, with main.json beside it."""
    folder = tmp_path_factory.mktemp("measured")
    stub_suite.write(folder)
    arguments = ["-q", "-k", "V0 or V1_", "--green-rounds=3", "--benchmark-json=main.json"]
    session = stub_suite.run(folder, *arguments, STUB_ROWS="100", STUB_RIGHT=RIGHT)
    assert session.ret == 0
    return folder


@pytest.fixture
def suite(
    pytester: pytest.Pytester, measured: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Copy the measured suite, whose answers are as they were."""
    shutil.copytree(measured, pytester.path, dirs_exist_ok=True)
    monkeypatch.setenv("STUB_ROWS", "100")
    monkeypatch.setenv("STUB_RIGHT", RIGHT)
    monkeypatch.setenv("COLUMNS", "200")  # sentences stand on one line, and tests match them whole
    return pytester


def run(
    suite: pytest.Pytester,
    *gates: str,
    of: str = "V0 or V1_",
    more: tuple[str, ...] = (),
    compare: str = "main.json",
):
    """Run the suite's benchmarks with gates, and compare them with main.json."""
    options = ["--benchmark-quiet", "--green-rounds=3", *more]
    if of:
        options += ["-k", of]
    if compare:
        options.append(f"--benchmark-compare={compare}")
    for gate in gates:
        options.append(f"--green-gate={gate}")
    return stub_suite.run_here(suite, *options)


def edited(suite: pytest.Pytester, change: Any) -> None:
    """Change what main.json holds; ``change`` is called with the whole of it."""
    file = suite.path / "main.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def records(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells of a saved run."""
    return [b["extra_info"]["greenbench"] for b in data["benchmarks"]]


def scaled(factor: float):
    """Return a change that multiplies every joule of a saved run."""

    def change(data: dict[str, Any]) -> None:
        for record in records(data):
            for one in record["rounds"]:
                for name in ("cpu_j", "total_j"):
                    one["energy"][name] *= factor

    return change


def results(suite: pytest.Pytester) -> list[dict[str, Any]]:
    """Return the suite's results files, oldest first."""
    return [
        json.loads(f.read_text())
        for f in sorted((suite.path / "results").glob("*.json"), key=lambda f: f.stat().st_mtime)
    ]


def test_nothing_changed_passes(suite: pytest.Pytester) -> None:
    """Gates on energy against the saved run and on quality against V0 pass."""
    done = run(suite, ENERGY, SCORE)
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "*energy <= 1.5[*]saved*",
            "*T2-V0_baseline*PASS*",
            "*T2.mcc >= V0-0.02*",
            "*T2-V1_fast*PASS*",
        ]
    )


def test_eight_thousand_times_the_energy(suite: pytest.Pytester) -> None:
    """The verdict is REGRESSED, the exit code 1, and the results say that a gate failed."""
    edited(suite, scaled(1 / 8000))
    done = run(suite, ENERGY)
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*T2-V1_fast*REGRESSED*"])
    assert results(suite)[-1]["gates"]["failed"] is True
    assert {v["outcome"] for v in results(suite)[-1]["gates"]["verdicts"]} == {"REGRESSED"}


def test_quality_falls(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """An MCC that falls from 0.9 to 0.1 has regressed."""
    monkeypatch.setenv("STUB_RIGHT", RIGHT.replace("V1_fast=0.95", "V1_fast=0.55"))
    done = run(suite, "T2.mcc >= saved-0.02")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*T2-V0_baseline*PASS*", "*T2-V1_fast*0.1*0.9*REGRESSED*"])


def test_a_cell_vanishes(suite: pytest.Pytester) -> None:
    """A variant that was removed is missing and fails."""
    text = (suite.path / "experiment.md").read_text()
    (suite.path / "experiment.md").write_text(
        "\n".join(line for line in text.splitlines() if "V1_fast" not in line)
    )
    shutil.rmtree(suite.path / "variants/V1_fast")
    done = run(suite, ENERGY, of="V0", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*MISSING: energy*: T2-V1_fast: main.json has it and this run has not*"]
    )


def test_a_cell_that_was_not_selected_is_told(suite: pytest.Pytester) -> None:
    """A cell that ``-k`` left out is listed and does not fail."""
    done = run(suite, ENERGY, of="V0", more=ONE)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*not selected, and so not judged: T2-V1_fast of main.json*"])


def test_a_cell_is_renamed(suite: pytest.Pytester) -> None:
    """The new name is missing in the saved run, the old one in this run."""
    (suite.path / "variants/V1_fast").rename(suite.path / "variants/V1_quick")
    text = (suite.path / "experiment.md").read_text()
    (suite.path / "experiment.md").write_text(text.replace("V1_fast", "V1_quick"))
    done = run(suite, ENERGY, more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        [
            "*MISSING*T2-V1_quick: main.json has no T2-V1_quick*--green-allow new*",
            "*MISSING*T2-V1_fast: main.json has it*",
        ]
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda file: file.unlink(), "main.json: there is no such file"),
        (
            lambda file: file.write_text(file.read_text()[:500]),
            "main.json: not a whole results file or saved run",
        ),
        (
            lambda file: file.write_text(file.read_text().replace('"greenbench": {', '"other": {')),
            "none of its benchmarks was",
        ),
        (
            lambda file: file.write_text(file.read_text().replace(f'"schema": {SCHEMA}', NEWER)),
            "written with schema 99",
        ),
    ],
    ids=["missing", "truncated", "empty", "future"],
)
def test_an_unusable_baseline_is_refused_before_the_first_cell_runs(
    suite: pytest.Pytester, spoil: Any, message: str
) -> None:
    """It is a usage error of one sentence with exit code 4, and no cell has run."""
    before = len(results(suite))
    spoil(suite.path / "main.json")
    done = run(suite, ENERGY)
    assert done.ret == 4
    done.stderr.fnmatch_lines([f"*ERROR: *{message}*"])
    assert len(results(suite)) == before


def test_nothing_to_compare_with(suite: pytest.Pytester) -> None:
    """A gate on the saved run is a usage error if no run is compared with."""
    done = run(suite, ENERGY, compare="")
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        ["*energy <= 1.5[*]saved: nothing is compared with; add --benchmark-compare=FILE*"]
    )


def test_a_baseline_of_another_host(suite: pytest.Pytester) -> None:
    """Both machines are named; ``--green-allow host`` compares them all the same."""
    edited(suite, lambda data: data["greenbench"]["environment"]["cpu"].update(model="PDP-11"))
    done = run(suite, ENERGY, more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*NOT-COMPARABLE*host: *cores here, PDP-11 with * cores there (--green-allow host*"]
    )
    assert run(suite, ENERGY, more=(*ONE, "--green-allow=host")).ret == 0


def test_all_cells_unmeasured(suite: pytest.Pytester) -> None:
    """A gate on a GPU's joules does not pass without a GPU."""
    done = run(suite, "energy_gpu <= saved", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*UNMEASURED: energy_gpu <= saved: T2-V0_baseline, T2-V1_fast: energy_gpu is unknown*"]
    )


def test_an_unknown_metric(suite: pytest.Pytester) -> None:
    """The message points at it and lists the metrics."""
    done = run(suite, "T2.mmc >= 0.5")
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        [
            "*there is no metric 'mmc', at character 4:",
            "    T2.mmc >= 0.5",
            "       ^",
            "*metrics: energy,*",
        ]
    )


def test_two_gates_on_one_cell(suite: pytest.Pytester) -> None:
    """Each has its verdict, and one that fails fails the session."""
    done = run(suite, "T2.mcc >= 0.5", "T2.mcc >= 1", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*T2.mcc >= 0.5*", "*T2-V1_fast*PASS*", "*T2.mcc >= 1*", "*T2-V1_fast*FAIL*"]
    )


def test_a_score_that_is_no_number(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN passes no gate."""
    monkeypatch.setenv("STUB_NAN", "V1_fast")
    done = run(suite, "T2.mcc >= 0", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*T2-V1_fast*UNMEASURED*", "*UNMEASURED*T2-V1_fast: the score is no number*"]
    )


def test_a_ratio_to_nothing(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """A V0 that guesses has an MCC of 0, and a ratio to it is refused."""
    monkeypatch.setenv("STUB_RIGHT", RIGHT.replace("V0_baseline=0.95", "V0_baseline=0.5"))
    done = run(suite, "T2.mcc >= 0.98*V0", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*NOT-COMPARABLE*a ratio to mcc = 0 means nothing: gate a difference*"]
    )


def test_one_round_only(suite: pytest.Pytester) -> None:
    """The verdict is open, names the rounds that would settle it, and fails only under strict."""
    done = run(suite, "energy <= 1.02*V0", more=ONE)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*T2-V1_fast*INCONCLUSIVE*", "*INCONCLUSIVE*--green-rounds*"])
    strict = run(suite, "energy <= 1.02*V0", more=(*ONE, "--green-strict=inconclusive"))
    assert strict.ret == 1


def test_a_regression_is_no_baseline(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that regressed fails each time, though it is saved and the latest is compared with."""
    latest = (*ONE, "--benchmark-autosave", "--benchmark-compare")
    assert run(suite, compare="", more=(*ONE, "--benchmark-autosave")).ret == 0
    monkeypatch.setenv("STUB_RIGHT", RIGHT.replace("V1_fast=0.95", "V1_fast=0.55"))
    for _ in range(2):
        done = run(suite, "T2.mcc >= saved-0.02", compare="", more=latest)
        assert done.ret == 1
        done.stdout.fnmatch_lines(["*T2-V1_fast*REGRESSED*", "*gates compare with *0001_*"])


def test_without_v0_the_newest_of_earlier_results_is_taken(suite: pytest.Pytester) -> None:
    """Table and gates use it and show its age; without one the command that makes it is shown."""
    done = run(suite, SCORE, of="V1_", compare="", more=ONE)
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "T2 V1 *(*-*)*0.900*",
            "*T2-V1_fast*PASS*",
            "*V0 of T2 is that of results, * old*",
        ]
    )
    for file in (suite.path / "results").glob("V0_*.json"):
        file.write_text(file.read_text().replace('"started": "20', '"started": "29'))
    done = run(suite, SCORE, of="V1_", compare="", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines_random(
        [
            '*MISSING*V0 is not in this run*pytest bench -k "T2 and V0_"*',
            "*a results file of V0_baseline is dated 29*, in the future: it is no baseline*",
        ]
    )


@pytest.mark.parametrize(
    ("typed", "more", "code"),
    [
        ((), (), 1),
        (("T2.mcc >= 0.5",), (), 1),
        ((), ("--rootdir=elsewhere",), 1),
        ((), ("-c", "other.ini"), 1),
        (("none", "T2.mcc >= 0.5"), (), 0),
        (("",), (), 4),
    ],
)
def test_gates_of_pyproject_hold(
    suite: pytest.Pytester, typed: tuple[str, ...], more: tuple[str, ...], code: int
) -> None:
    """They hold beside those of the command line, whatever the root folder, until ``none``."""
    file = suite.path / "pyproject.toml"
    file.write_text(file.read_text() + '\n[tool.greenbench]\ngate = ["T2.mcc >= 1"]\n')
    (suite.path / "elsewhere").mkdir()
    (suite.path / "other.ini").write_text(
        f"[pytest]\naddopts = --import-mode=importlib {stub_suite.LEAN}\n"
    )
    assert run(suite, *typed, more=(*more, *ONE), of="V0", compare="").ret == code


def test_a_gate_of_a_suite_that_measures_nothing_fails(suite: pytest.Pytester) -> None:
    """Deselecting every cell and disabling benchmarks do not pass a gate."""
    assert run(suite, "T2.mcc >= 0.1", of="nothing").ret == 5
    done = run(suite, "T2.mcc >= 0.1", more=(*ONE, "--benchmark-disable"))
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*MISSING*it was selected and left no record*"])


def test_a_cell_whose_assertion_failed_is_no_evidence(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record is missing for a gate, in this run and as a baseline."""
    monkeypatch.setenv("STUB", "T2-V1_fast=assert")
    done = run(suite, "T2.mcc >= 0.1", more=(*ONE, "--benchmark-json=bad.json"))
    done.stdout.fnmatch_lines(["*MISSING*T2-V1_fast: its test failed after it was measured*"])
    monkeypatch.delenv("STUB")
    done = run(suite, "T2.mcc >= saved-0.5", compare="bad.json", more=ONE)
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["*MISSING*T2-V1_fast of bad.json: its test failed after it was measured*"]
    )


def test_a_reference_has_to_be_one_of_the_matrix(suite: pytest.Pytester) -> None:
    """A misspelt variant is a usage error before anything runs."""
    done = run(suite, "energy <= V7", compare="")
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        ["*energy <= V7: V7 is no variant of the matrix; write 'saved' or one cell, such as V0*"]
    )


def test_joules_and_quality_are_properties_of_the_test(suite: pytest.Pytester) -> None:
    """A JUnit file has them with their source."""
    run(suite, compare="", more=(*ONE, "--junitxml=junit.xml"))
    text = (suite.path / "junit.xml").read_text()
    assert '<property name="greenbench.energy_source" value="cpu estimated"' in text
    assert '<property name="greenbench.mcc" value="0.9' in text
    assert '<property name="greenbench.energy_j" value="' in text


def test_a_task_whose_tests_are_gone_is_missing_whatever_was_selected(
    suite: pytest.Pytester,
) -> None:
    """``-k`` chooses among the cells that there are; it does not excuse tests that are gone."""
    text = (suite.path / "bench/test_vulnerability.py").read_text()
    (suite.path / "bench/test_vulnerability.py").write_text(text.replace("def test", "def no_test"))
    (suite.path / "bench/test_other.py").write_text("def test_nothing_v0():\n    pass\n")
    done = run(suite, "flops <= saved", of="V0 or v0")
    assert done.ret == 1
    reason = "main.json has it and this run has not"
    done.stdout.fnmatch_lines([f"*MISSING: flops <= saved: T2-V0_baseline, T2-V1_fast: {reason}*"])


def test_two_tests_of_one_cell_are_not_mixed_up(suite: pytest.Pytester) -> None:
    """Two tests that measure one cell are a usage error where there is a gate."""
    text = (suite.path / "bench/test_vulnerability.py").read_text()
    (suite.path / "bench/test_again.py").write_text(text)
    done = run(suite, "time <= 100")
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        ["*several tests measure T2-V0_baseline, and a verdict is about one; run them apart*"]
    )


PLAIN = """
def test_own_code(measure):
    measure(lambda: sum(range(100_000)), rounds=3)
"""


def test_functions_of_another_repository_are_gated_too(pytester: pytest.Pytester) -> None:
    """Their tests' names stand for cells; one gate in pyproject.toml may be a plain string."""
    (pytester.path / "test_plain.py").write_text(PLAIN)
    (pytester.path / "pyproject.toml").write_text('[tool.greenbench]\ngate = "time <= 100"\n')
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--benchmark-json=main.json")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["*test_own_code*PASS*"])
    (pytester.path / "pyproject.toml").write_text('[tool.greenbench]\ngate = "time <= saved"\n')
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--benchmark-json=other.json")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*nothing is compared with; add --benchmark-compare=FILE*"])
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()
    done = pytester.runpytest_inprocess(
        "-p",
        "no:cacheprovider",
        "--benchmark-compare=main.json",
        "--green-gate=time <= 0.001*saved",
    )
    assert done.ret == 1
    done.stdout.fnmatch_lines(["*test_own_code*REGRESSED*"])
