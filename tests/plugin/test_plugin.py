"""The plugin end to end: sessions of a suite that needs no torch."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest
import stub_suite
from stub_suite import run_here

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = """
def test_own_code(energy, measure):
    def work():
        with energy.window("training"):
            sum(i * i for i in range(200_000))
    result = measure(work, rounds=3)
    assert len(result.rounds) == 3
    assert [w.stage for w in result.rounds[0].windows] == ["training"]
    assert result.rounds[0].windows[0].energy.cpu_j > 0

def test_without_windows(measure):
    result = measure(lambda: sum(range(100_000)))
    assert [w.stage for w in result.rounds[0].windows] == ["whole"]
"""


class Session(NamedTuple):
    """A session that has ended, and the folder of its suite."""

    folder: Path
    output: pytest.RunResult


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Measure all three cells in two rounds, once for all tests that only read what it left."""
    folder = tmp_path_factory.mktemp("session")
    stub_suite.write(folder)
    return Session(folder, stub_suite.run(folder, "--green-rounds=2", COLUMNS="80"))


def results(folder: Path) -> dict[str, dict]:
    """Return all results files of a suite, by variant."""
    runs = {}
    for file in sorted((folder / "results").glob("*.json")):
        run = json.loads(file.read_text())
        runs[run["variant"]] = run
    return runs


def test_each_cell_leaves_its_record(session: Session) -> None:
    """Two rounds of three cells pass; files hold energy, time, quality, proofs; the table too."""
    session.output.assert_outcomes(passed=6)
    runs = results(session.folder)
    assert set(runs) == {"V0_baseline", "V1_fast", "V10_capped"}
    cell = runs["V1_fast"]["cells"][0]
    assert (cell["id"], cell["status"], cell["outcome"]) == ("T2-V1_fast", "ok", "passed")
    assert cell["seeds"] == [0, 1]
    stages = [window["stage"] for window in cell["rounds"][0]["windows"]]
    assert stages == ["data", "architecture", "training", "inference"]
    assert cell["quality"]["mcc"]["value"] == 0.5
    assert cell["references"] == {"majority": {"mcc": 0.0}}
    assert cell["differs_from_baseline"] == [
        {"knob": "training.precision", "baseline": "fp32", "here": "bf16"}
    ]
    session.output.stdout.fnmatch_lines(
        [
            "On T2, no variant is shown to save *energy (n = 2 rounds;*",
            "cell *total*vs V0 (95 %)*delta V0 (95 %)*status*",
            "T2 V1 * J *(*-*)*0 in every round*ok*",
        ]
    )


def test_unmeasured_is_null_with_a_reason(session: Session) -> None:
    """Joules of GPU and memory that no counter gives are null, and estimates are labelled."""
    window = results(session.folder)["V0_baseline"]["cells"][0]["rounds"][0]["windows"][2]
    assert window["gpu_j"] is None
    assert window["reasons"]["gpu"]
    if window["sources"]["cpu"].startswith("estimated:"):
        assert window["cpu_j"] > 0
        session.output.stdout.fnmatch_lines(
            ["*save estimated energy*", "Energy source: cpu estimated:*, not measured*"]
        )


def test_a_knob_that_did_not_act_makes_the_cell_partial(suite: pytest.Pytester) -> None:
    """The cell names the knob, the value that was requested, and why it was not applied."""
    output = run_here(suite, "-k", "V10")
    output.assert_outcomes(passed=1)
    assert results(suite.path)["V10_capped"]["cells"][0]["status"] == "partial"
    output.stdout.fnmatch_lines(
        ["*partial*", "*system.gpu_power_fraction = 0.7: not applied: a stub sets nothing*"]
    )


def test_variants_are_compared_on_the_same_examples(session: Session) -> None:
    """The difference to V0 pairs the outcomes that both results files keep."""
    session.output.stdout.fnmatch_lines(
        ["delta V0: difference of T2's mcc (paired over 10 test examples)."]
    )
    for run in results(session.folder).values():
        assert run["cells"][0]["rounds"][0]["outcomes"]["n"] == 10


def test_earlier_results_give_a_forecast(session: Session, pytester: pytest.Pytester) -> None:
    """A second session says before its first cell what the first session took."""
    assert "no earlier results" in session.output.stdout.str()
    shutil.copytree(session.folder, pytester.path, dirs_exist_ok=True)
    run_here(pytester).stdout.fnmatch_lines(
        ["greenbench: 3 cells, 3 rounds; by earlier results about * s, * J (estimated:*) measured"]
    )


def test_the_timer_holds_the_pipeline_alone(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scoring takes 1 s, and none of it is in pytest-benchmark's time or in a window."""
    monkeypatch.setenv("STUB_SCORING", "1")
    run_here(suite, "-k", "V0", "--benchmark-json=b.json")
    bench = json.loads((suite.path / "b.json").read_text())["benchmarks"][0]
    cell = bench["extra_info"]["greenbench"]
    assert bench["stats"]["mean"] < 1
    assert cell["rounds"][0]["seconds"] <= bench["stats"]["mean"]
    assert sum(w["seconds"] for w in cell["rounds"][0]["windows"]) <= cell["rounds"][0]["seconds"]


def test_benchmark_save_compare_and_only_work(suite: pytest.Pytester) -> None:
    """pytest-benchmark's own options do what they always did; a saved run has the record."""
    run_here(suite, "-k", "V0", "--benchmark-autosave", "--benchmark-only").assert_outcomes(
        passed=1
    )
    compared = run_here(suite, "-k", "V0", "--benchmark-compare")
    assert "Comparing against benchmarks from" in compared.stderr.str()
    assert re.search(r"T2-V0_baseline\] \(0001", compared.stdout.str())
    assert "T2-V0_baseline] (NOW)" in compared.stdout.str()
    saved = next((suite.path / ".benchmarks").rglob("*.json"))
    assert (
        json.loads(saved.read_text())["benchmarks"][0]["extra_info"]["greenbench"]["quality"][
            "mcc"
        ]["value"]
        == 0.5
    )


def test_disabled_benchmarks_run_once_and_record_nothing(suite: pytest.Pytester) -> None:
    """The pipeline still runs and is scored, and nothing is recorded as measured."""
    run_here(suite, "--benchmark-disable", "--green-rounds=3").assert_outcomes(passed=3)
    assert results(suite.path) == {}
    run_here(suite, "--benchmark-skip").assert_outcomes(skipped=3)


def test_a_failing_stage_fails_its_cell_and_no_other(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record keeps the error, and the cells before and after are complete."""
    monkeypatch.setenv("STUB", "T2-V1_fast=raise")
    output = run_here(suite)
    output.assert_outcomes(passed=2, failed=1)
    cell = results(suite.path)["V1_fast"]["cells"][0]
    assert (cell["status"], cell["outcome"], cell["error"]) == (
        "failed",
        "failed",
        "ValueError: the stub fails here",
    )
    assert results(suite.path)["V10_capped"]["cells"][0]["outcome"] == "passed"
    output.stdout.fnmatch_lines(["*T2 V1: failed: ValueError: the stub fails here*"])


def test_a_failing_assertion_is_marked(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The measurement is kept, and the file says that the test failed."""
    monkeypatch.setenv("STUB", "T2-V0_baseline=assert")
    run_here(suite, "-k", "V0").assert_outcomes(failed=1)
    cell = results(suite.path)["V0_baseline"]["cells"][0]
    assert (cell["status"], cell["outcome"]) == ("ok", "failed")


def test_after_sigkill_the_earlier_cells_are_in_their_files(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SIGKILL during the second cell loses the second cell only."""
    monkeypatch.setenv("STUB", "T2-V1_fast=kill")
    assert stub_suite.run(suite.path).ret == -9
    assert {v: len(r["cells"]) for v, r in results(suite.path).items()} == {"V0_baseline": 1}


def test_ctrl_c_keeps_the_finished_cells_and_shows_them(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 2, and the finished cells are in the table, on disk and in the saved run."""
    monkeypatch.setenv("STUB", "T2-V1_fast=interrupt")
    output = stub_suite.run(suite.path, "--benchmark-json=saved.json")
    assert output.ret == 2
    assert set(results(suite.path)) == {"V0_baseline"}
    saved = json.loads((suite.path / "saved.json").read_text())["benchmarks"]
    assert [row["extra_info"]["greenbench"]["id"] for row in saved] == ["T2-V0_baseline"]
    output.stdout.fnmatch_lines(
        ["T2 V0 *0.500*", "- T2-V1_fast, T2-V10_capped: no record, interrupted*"]
    )


def test_all_problems_of_the_matrix_are_listed_before_anything_runs(suite: pytest.Pytester) -> None:
    """One usage error lists a stray folder and an unknown knob, with file and line."""
    (suite.path / "variants" / "V0_baseline" / "config.yaml").write_text(
        "training:\n  precison: bf16\n"
    )
    (suite.path / "variants" / "V11_stray").mkdir()
    output = run_here(suite)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    text = output.stderr.str()
    assert re.search(r"V0_baseline/config.yaml:2: training has no 'precison'", text)
    assert "V11_stray" in text
    assert "Traceback" not in text
    assert not (suite.path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-n2", "--dist=each"], "--dist each would measure every cell in every worker"),
        (["--tx", "ssh=there", "-d"], "--tx ssh=there: workers measure on this machine only"),
        (["-n2", "--green-until-sure=5"], "--green-until-sure: workers begin the next block"),
        (["-n2", "--benchmark-cprofile=cumtime"], "--benchmark-cprofile: profiles stay in"),
    ],
)
def test_what_cannot_be_distributed_is_refused_in_one_sentence(
    suite: pytest.Pytester, arguments: list[str], sentence: str
) -> None:
    """A usage error, before a worker is started."""
    output = run_here(suite, *arguments)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in output.stderr.str()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--green-profile=huge"], "--green-profile: found 'huge'; it is one of tiny, small, full"),
        (["--green-data=T9=x.csv"], "--green-data: there is no task 'T9'; experiment.md has T2"),
        (
            ["--green-columns=T2=text:func"],
            "columns are named for data that --green-data T2=PATH gives",
        ),
        (["--green-rounds=none"], "--green-rounds: found 'none'"),
        (["--green-results=/proc/nowhere"], "/proc/nowhere: results cannot be written here"),
    ],
)
def test_bad_options_end_in_exit_code_4(
    suite: pytest.Pytester, arguments: list[str], sentence: str
) -> None:
    """The message is one sentence without a traceback, and nothing has run."""
    output = run_here(suite, *arguments)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in output.stderr.str() + output.stdout.str()
    assert "Traceback" not in output.stderr.str() + output.stdout.str()


def test_the_hint_for_an_ambiguous_keyword(suite: pytest.Pytester) -> None:
    """``-k V1`` selects V10 too, and the summary says how to avoid that."""
    output = run_here(suite, "-k", "V1")
    output.assert_outcomes(passed=2)
    output.stdout.fnmatch_lines(["*-k V1_*"])


def test_without_v0_the_table_says_so(suite: pytest.Pytester) -> None:
    """The summary names the missing baseline of the ratios."""
    run_here(suite, "-k", "V1_").stdout.fnmatch_lines(["*V0 of T2 is not in this session*"])


def test_a_keyword_that_selects_nothing_lists_the_cells(suite: pytest.Pytester) -> None:
    """A misspelt variant ends in exit code 5 and the list of the cells."""
    output = run_here(suite, "-k", "V99")
    assert output.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    output.stdout.fnmatch_lines(
        ["greenbench: no cell is selected; there are T2-V0_baseline, T2-V1_fast, T2-V10_capped"]
    )


def test_a_broken_earlier_result_is_named_and_not_fatal(suite: pytest.Pytester) -> None:
    """A file that cannot be read is left alone and named."""
    (suite.path / "results").mkdir()
    (suite.path / "results" / "V0_baseline_20260101T000000Z.json").write_text("{")
    output = run_here(suite, "-k", "V0")
    output.assert_outcomes(passed=1)
    output.stdout.fnmatch_lines(["*V0_baseline_20260101T000000Z.json: not a results file*"])


def test_another_repository_measures_its_own_code(pytester: pytest.Pytester) -> None:
    """``energy`` and ``measure`` need no matrix, no conftest.py and no torch."""
    pytester.makepyfile(FOREIGN)
    output = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--benchmark-json=b.json")
    output.assert_outcomes(passed=2)
    saved = json.loads((pytester.path / "b.json").read_text())["benchmarks"]
    assert saved[0]["extra_info"]["greenbench"]["rounds"][0]["energy"]["cpu_j"] > 0
    assert not (pytester.path / "results").exists()


def test_a_bad_option_in_another_repository_is_a_sentence(pytester: pytest.Pytester) -> None:
    """It is a usage error before the first test, without a traceback into greenbench."""
    pytester.makepyfile(FOREIGN)
    output = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--green-cpu-watts=much")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    output.stderr.fnmatch_lines(["*--green-cpu-watts: found 'much'; give a number from*"])
    assert "settings.py" not in output.stdout.str() + output.stderr.str()


def test_the_plugin_is_silent_where_no_test_asks(pytester: pytest.Pytester) -> None:
    """There is no section and no header, and an argument called ``cell`` is left alone."""
    pytester.makepyfile(
        "import pytest\n@pytest.mark.parametrize('cell', [1, 2])\ndef test_x(cell): assert cell"
    )
    output = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    output.assert_outcomes(passed=2)
    assert "greenbench:" not in output.stdout.str()
    assert "= greenbench" not in output.stdout.str()


def test_fixtures_are_public(pytester: pytest.Pytester) -> None:
    """``pytest --fixtures`` lists all seven with their descriptions."""
    shown = pytester.runpytest_inprocess("--fixtures").stdout.str()
    for name in ("cell", "dataset", "model", "toggles", "energy", "power", "measure"):
        assert re.search(rf"^{name} -- ", shown, re.MULTILINE), name


def test_a_full_disk_during_the_run_is_reported_and_fails_the_session(
    suite: pytest.Pytester,
) -> None:
    """The table has the cell, the summary says that its file is missing, and the exit code is 1."""
    with (suite.path / "conftest.py").open("a") as file:
        file.write(
            "\nimport greenbench.results.files as store\n"
            "def full(path, text): raise OSError(28, 'No space left on device')\n"
            "def pytest_runtest_setup(): store._written = full  # after the folder was tried out\n"
        )
    output = stub_suite.run(suite.path, "-k", "V0")
    assert output.ret == pytest.ExitCode.TESTS_FAILED
    output.stdout.fnmatch_lines(
        ["T2 V0 *0.500*", "*its results could not be written*No space left on device*"]
    )
    output.stdout.no_fnmatch_line("wrote *")


def test_progress_shows_on_a_terminal_only(session: Session, suite: pytest.Pytester) -> None:
    """On a terminal a line names cell and stage; in a pipe there is none."""
    assert "T2-V0_baseline: training" not in session.output.stdout.str()
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "pytest", "bench", "-k", "V0", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        command, cwd=suite.path, stdout=child, stderr=child, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(child)
        shown = _read_all(parent)
    assert process.returncode == 0
    assert "T2-V0_baseline: training" in shown
    assert "T2-V0_baseline: scoring" in shown


@pytest.mark.parametrize("arguments", [(), ("--green-verbose",)])
def test_a_session_without_a_terminal_reporter_measures(
    arguments: tuple[str, ...], suite: pytest.Pytester
) -> None:
    """With ``-p no:terminal`` no progress is shown, and the results are written."""
    output = run_here(suite, "-k", "V0", "-p", "no:terminal", *arguments)
    assert (output.ret, output.outlines, output.errlines) == (pytest.ExitCode.OK, [], [])
    assert results(suite.path)["V0_baseline"]["cells"][0]["status"] == "ok"


def test_a_session_without_capturing_measures(suite: pytest.Pytester) -> None:
    """With ``-p no:capture`` progress is written as it is."""
    output = stub_suite.run(suite.path, "-k", "V0", "-p", "no:capture", "--green-verbose")
    assert output.ret == pytest.ExitCode.OK
    output.stdout.fnmatch_lines(["greenbench: T2-V0_baseline: *training"])


def _read_all(terminal: int) -> str:
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 65536)
        except OSError:  # Linux: the other side has closed
            break
    os.close(terminal)
    return shown.decode(errors="replace")


@pytest.mark.parametrize("arguments", [("--green-strict",), ("--green-strict=partial",)])
def test_strict_fails_a_cell_that_is_partial(
    arguments: tuple[str, ...], suite: pytest.Pytester
) -> None:
    """A power cap that was not applied fails its cell; without the option it passes, as above."""
    result = run_here(suite, "-k", "V0 or V10", *arguments)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*T2-V10_capped is partial: system.gpu_power_fraction: not applied: a stub sets nothing*"]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_strict_takes_one_word(suite: pytest.Pytester) -> None:
    """A folder behind it is not taken for a value, and the message says how to write it."""
    result = suite.runpytest_inprocess("--green-strict", "bench")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--green-strict: found 'bench'; it takes partial and inconclusive*or put it last*"]
    )


def test_a_model_that_predicts_nothing_is_called_degenerate(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table, warnings and results file say so, and its energy is not compared with V0's."""
    monkeypatch.setenv("STUB_CONSTANT", "V1_fast")
    output = run_here(suite, "-k", "V0 or V1_")
    output.stdout.fnmatch_lines(
        ["T2 V1 *J*0.500*DEGENERATE*", "- T2 V1: DEGENERATE: one output for all"]
    )
    found = results(suite.path)
    assert found["V1_fast"]["cells"][0]["degenerate"] == ["one output for all"]
    assert found["V0_baseline"]["cells"][0]["degenerate"] == []


def test_conditions_of_the_data_are_taken(suite: pytest.Pytester) -> None:
    """Split, balance and prevalence are the same for all variants, and no variant's knobs."""
    conditions = ("split=T2=random", "balance=T2=weights", "prevalence=T2=0.05")
    options = [f"--green-{condition}" for condition in conditions]
    run_here(suite, "-k", "V0", *options).assert_outcomes(passed=1)
    assert results(suite.path)["V0_baseline"]["differs_from_baseline"] == []


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "split=T2=date",
            "--green-split: found 'date'; it is one of authors, random, project, time",
        ),
        (
            "balance=T2=smote",
            "--green-balance: found 'smote'; it is one of none, weights, undersample",
        ),
        (
            "prevalence=T2=5%",
            "--green-prevalence: found '5%'; give a share between 0 and 1, e.g. 0.056",
        ),
    ],
)
def test_wrong_conditions_are_one_sentence(
    suite: pytest.Pytester, option: str, sentence: str
) -> None:
    """Nothing runs, and the message names the allowed values."""
    output = run_here(suite, f"--green-{option}")
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert sentence in output.stderr.str()


def test_a_session_that_a_launcher_started_several_times_is_refused(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs, and the sentence says how many there are and what to do."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    output = run_here(suite)
    assert output.ret == pytest.ExitCode.USAGE_ERROR
    assert "WORLD_SIZE=2: a launcher" in output.stderr.str()


@pytest.mark.parametrize(
    ("difference", "how"), [("0", "to the last bit"), ("1e-7", "within the rounding of FP32")]
)
def test_a_variant_that_echoes_another_is_degenerate(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, difference: str, how: str
) -> None:
    """Probabilities that another precision moves by no more than rounding are degenerate."""
    monkeypatch.setenv("STUB_ECHO", difference)
    output = run_here(suite, "-k", "V0 or V1_")
    assert f"DEGENERATE: its outputs equal those of T2-V0_baseline {how}" in output.stdout.str()
    assert len(results(suite.path)["V1_fast"]["cells"][0]["degenerate"]) == 1


def test_identical_texts_are_a_warning_only(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same translations in another precision are reported, and the cell stays valid."""
    monkeypatch.setenv("STUB_ECHO", "0")
    monkeypatch.setenv("STUB_TEXTS", "1")
    output = run_here(suite, "-k", "V0 or V1_")
    assert "T2 V1: its outputs equal those of T2-V0_baseline to the last bit" in output.stdout.str()
    assert results(suite.path)["V1_fast"]["cells"][0]["degenerate"] == []


def test_the_table_of_pytest_benchmark_is_hidden_in_a_matrix(session: Session) -> None:
    """It repeats the times at twice the width of a terminal."""
    output = session.output.stdout.str()
    assert "Name (time in" not in output
    assert "StdDev" not in output


@pytest.mark.parametrize("option", ["--benchmark-columns=mean", "--benchmark-verbose"])
def test_an_option_about_it_brings_the_table_back(suite: pytest.Pytester, option: str) -> None:
    """Whoever asks for columns, an order or groups wants to see them; all are asked alike."""
    run_here(suite, "-k", "V0", option).stdout.fnmatch_lines(["Name (time in *)*Mean*"])


def test_the_defaults_of_pytest_benchmark_are_known(pytestconfig: pytest.Config) -> None:
    """An option that has another default than expected would always bring the table back."""
    from greenbench.plugin.benchmark_table import DISPLAY_DEFAULTS

    for name, default in DISPLAY_DEFAULTS.items():
        assert (pytestconfig.getoption(name) or None) == (default or None), name


def test_a_regression_of_time_still_fails_without_the_table(suite: pytest.Pytester) -> None:
    """--benchmark-compare-fail works in a session whose table is hidden by its gates."""
    run_here(suite, "-k", "V0", "--benchmark-json=main.json")
    saved = suite.path / "main.json"
    data = json.loads(saved.read_text())
    stats = data["benchmarks"][0]["stats"]
    for name in ("min", "max", "mean", "median"):
        stats[name] /= 1000
    saved.write_text(json.dumps(data))
    compare = ("--benchmark-compare=main.json", "--benchmark-compare-fail=mean:5%")
    output = run_here(suite, "-k", "V0", *compare, "--green-gate=T2.mcc >= 0.1")
    assert output.ret != 0
    assert "Performance has regressed" in output.stdout.str() + output.stderr.str()
    output.stdout.no_fnmatch_line("Name (time in *")


def test_verbose_shows_phases_in_a_log_and_every_warning(suite: pytest.Pytester) -> None:
    """Without it a log has no line for each phase of a cell."""
    output = run_here(suite, "-k", "V0", "--green-verbose")
    output.stdout.fnmatch_lines(
        [
            "greenbench: T2-V0_baseline: *preparing round 1 of 1",
            "greenbench: T2-V0_baseline: *training",
            "greenbench: T2-V0_baseline: *scoring",
            "- *energy is *, not measured*",
        ]
    )


def test_control_characters_reach_no_terminal(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither from an exception's message nor from a warning."""
    source = (suite.path / "conftest.py").read_text()
    source = source.replace("this is a stub", "this is\\x1b[5m a stub")
    (suite.path / "conftest.py").write_text(source.replace("the stub fails", "the\\x07 stub fails"))
    monkeypatch.setenv("STUB", "T2-V1_fast=raise")
    text = run_here(suite, "-k", "V0 or V1_").stdout.str()
    page = text[text.index("= greenbench =") : text.index("short test summary")]
    assert "\x1b[5m" not in page
    assert "\x07" not in page
    assert "this is\\x1b[5m a stub" in page
