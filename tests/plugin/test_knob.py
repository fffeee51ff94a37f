"""Sessions with ``--green-knob``: V0 and single knobs run in blocks, and nothing else."""

from __future__ import annotations

import shlex

import pytest
from plugin.test_factorial import cells, listed
from stub_suite import ALL_APPLY, run_here

from greenbench.report.commands import measuring, options_of

SINGLE = ("--green-knob=data.tokenizer=rust", "--green-knob=training.precision=bf16")


def test_single_knobs_run_beside_v0(suite: pytest.Pytester) -> None:
    """A folder with the same options stands for a trial; records say what was set."""
    with (suite.path / "conftest.py").open("a") as conftest:
        conftest.write(ALL_APPLY)
    done = run_here(suite, *SINGLE, "--green-rounds=2")
    assert done.ret == pytest.ExitCode.OK
    records = cells(suite)
    assert sorted(records) == ["T2-K0_data_tokenizer_rust", "T2-V0_baseline", "T2-V1_fast"]
    (change,) = records["T2-K0_data_tokenizer_rust"]["differs_from_baseline"]
    assert (change["knob"], change["here"]) == ("data.tokenizer", "rust")
    assert {one["block"] for record in records.values() for one in record["rounds"]} == {0, 1}


def test_the_command_that_a_report_gives_selects_the_knob_and_v0(suite: pytest.Pytester) -> None:
    """Of several knobs it repeats the one that is asked for, however it is written."""
    written = "inference.skip_layers=2.5e-1 data.batch_size=64"
    options = options_of(shlex.join(["pytest", "bench", *SINGLE, "--green-knob", written]))
    cell = "T2-K0_inference_skip_layers_0_25_data_batch_size_64"
    command = measuring("T2", [cell], options, "--green-rounds 5")
    assert "tokenizer" not in command
    assert listed(suite, *shlex.split(command)[2:]) == [cell, "T2-V0_baseline"]
    own = options_of("pytest bench --green-knob training.max_iter=50")
    assert measuring("T3", ["T3-K0_training_max_iter_50"], own, "").endswith("max_iter=50 ")
    assert not measuring("T2", [cell], own, "")


def test_two_ways_to_make_variants_up_are_refused(suite: pytest.Pytester) -> None:
    """One sentence, before anything runs."""
    done = run_here(suite, SINGLE[0], "--green-factorial=V1:training,data")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
