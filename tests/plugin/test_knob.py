"""Sessions with ``--green-knob``: V0 and single knobs run in blocks, and nothing else."""

from __future__ import annotations

import pytest
from plugin.test_factorial import cells
from stub_suite import ALL_APPLY, run_here

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


def test_two_ways_to_make_variants_up_are_refused(suite: pytest.Pytester) -> None:
    """One sentence, before anything runs."""
    done = run_here(suite, SINGLE[0], "--green-factorial=V1:training,data")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
