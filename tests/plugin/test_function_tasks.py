"""Suites whose task is plain functions of theirs: measured, compared, gated, refused."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import function_suite
import pytest
import stub_suite

from greenbench.results import loading

if TYPE_CHECKING:
    from pathlib import Path

DIGITS = """
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from greenbench.adapters.scikit_learn import estimator_task

PROFILES = {"tiny": {"train": 300, "test": 200}}


def load(seed, sizes):
    x, y = load_digits(return_X_y=True)
    test = slice(1797 - (sizes.test or 360), None)
    return (x[: sizes.train] / 16, y[: sizes.train]), (x[:0], y[:0]), (x[test] / 16, y[test])


TASK = estimator_task(
    LogisticRegression(max_iter=40), load, ["max_iter", "C"], PROFILES=PROFILES
)
"""
HALVED = {"V0_baseline": "", "V1_half": "training:\n  max_iter: 20\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the suite of functions that need NumPy alone."""
    function_suite.write(tmp_path)
    return tmp_path


def records(folder: Path) -> dict[str, dict]:
    """Return the cells of all results files, by their ids."""
    found = {}
    for file in sorted((folder / "results").glob("*.json")):
        for cell in json.loads(file.read_text())["cells"]:
            found[cell["id"]] = cell
    return found


@pytest.mark.slow
def test_digits_with_scikit_learn_are_measured_against_half_the_iterations(tmp_path: Path) -> None:
    """Two blocks and two gates in a process that cannot import torch."""
    function_suite.write(tmp_path, DIGITS, HALVED)
    gates = ("T3.accuracy >= V0-0.2", "T3.accuracy >= 0.5")
    options = ["--green-rounds=2", *(f"--green-gate={gate}" for gate in gates)]
    run = stub_suite.process(tmp_path, sys.executable, "-m", "pytest", "bench", "-q", *options)
    assert run.ret == 0, "\n".join(run.outlines + run.errlines)
    run.stdout.fnmatch_lines(["*Gates: 3 PASS*", "T3 V0*", "T3 V1*", "T3.accuracy >= V0-0.2"])
    cells = records(tmp_path)
    half = cells["T3-V1_half"]
    assert [change["knob"] for change in half["differs_from_baseline"]] == ["training.max_iter"]
    assert half["options"]["training"]["max_iter"] == 20
    assert cells["T3-V0_baseline"]["options"]["training"]["C"] == 1.0
    assert half["quality"]["accuracy"]["low"] < half["quality"]["accuracy"]["value"]
    assert {window["stage"] for window in half["rounds"][0]["windows"]} == {"training", "inference"}
    assert half["work"]["samples_scored"] == 200


def test_a_session_of_functions_has_proofs_and_says_what_is_unproved(folder: Path) -> None:
    """The proved knob holds; of the other one the notes say that nothing reads it back."""
    run = stub_suite.run(folder, "--green-rounds=2", "-q", "--green-verbose")
    assert run.ret == 0, "\n".join(run.outlines + run.errlines)
    cells = records(folder)
    assert {name: cell["status"] for name, cell in cells.items()} == {
        "T3-V0_baseline": "ok",
        "T3-V1_half": "ok",
        "T3-V2_rate": "ok",
    }
    (steps,) = [one for one in cells["T3-V1_half"]["applied"] if one["knob"] == "steps"]
    assert (steps["asked"], steps["got"], steps["proved"]) == (4, 4, True)
    assert cells["T3-V2_rate"]["effect"] == ""
    output = " ".join(" ".join(run.outlines).split())
    assert "T3 V2: training.rate is unproved: nothing reads it back" in output
    assert "training.steps is unproved" not in output
    assert [
        record.definition.kind for record in loading.load_folder(folder / "results")[0][0].cells
    ] == ["function"]


def test_a_knob_that_functions_do_not_have_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """By check, by the session, and as a single knob; what works is named."""
    mixed = {**function_suite.VARIANTS, "V3_mixed": "training:\n  steps: 4\n  precision: bf16\n"}
    function_suite.write(tmp_path, variants=mixed)
    command = (sys.executable, "-m", "greenbench", "check")
    checked = stub_suite.process(tmp_path, *command)
    refused = (
        "V3_mixed sets training.steps and training.precision, and T3 has no training.precision: "
        "tasks/T3.py trains by functions of its own, which greenbench's training.precision does "
        "not reach; its knobs are training.steps, training.rate, and those of system but processes"
    )
    assert (checked.ret, refused in "\n".join(checked.errlines)) == (2, True)
    assert refused in " ".join(" ".join(stub_suite.run(tmp_path).errlines).split())


def test_a_single_knob_of_the_suite_is_measured_and_a_foreign_one_refused(folder: Path) -> None:
    """--green-knob takes what Options declares."""
    run = stub_suite.run(folder, "--green-knob=training.steps=2", "--green-rounds=1", "-q")
    assert run.ret == 0, "\n".join(run.outlines + run.errlines)
    assert set(records(folder)) == {"T3-V0_baseline", "T3-K0_training_steps_2"}
    foreign = stub_suite.run(folder, "--green-knob=data.batch_size=8")
    assert foreign.ret == 4
    assert "K0_data_batch_size_8 sets data.batch_size, which no task has" in "".join(
        foreign.errlines
    )


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--green-reuse", "--green-reuse: T3 trains by the suite's own functions"),
        ("--green-data=T3=rows.csv", "--green-data T3=...: load in tasks/T3.py gives the data"),
        ("--green-size=T3=epochs:3", "the functions in tasks/T3.py know no such number"),
        ("--green-columns=T3=text:a", "--green-columns T3=...: columns are named for data"),
    ],
)
def test_options_that_functions_cannot_obey_are_refused(
    folder: Path, option: str, problem: str
) -> None:
    """Before anything runs, with the reason."""
    run = stub_suite.run(folder, option)
    assert run.ret == 4
    assert problem in " ".join(" ".join(run.errlines).split())


def test_list_knobs_and_new_know_the_suites_knobs(folder: Path) -> None:
    """The unproved one is marked, a new variant may set it, and torch's are not offered."""
    greenbench = (sys.executable, "-m", "greenbench")
    listed = "\n".join(stub_suite.process(folder, *greenbench, "list").outlines)
    assert "training.rate: 0.5 -> 0.4 (unproved)" in listed
    assert "training.steps: 8 -> 4 (unproved)" not in listed
    knobs = " ".join(
        stub_suite.process(folder, *greenbench, "knobs", "--only", "training").outlines
    )
    assert "Not listed: 9 knobs of greenbench that act on none of the suite's tasks (T3)." in knobs
    assert "precision" not in knobs
    assert "Passes over the training rows. (The suite's own.)" in knobs
    assert "unproved: nothing reads it back" in knobs
    made = stub_suite.process(folder, *greenbench, "new", "V3_slow", "--set", "training.rate=0.1")
    assert made.ret == 0, made.errlines
    assert stub_suite.process(folder, *greenbench, "check").ret == 0
