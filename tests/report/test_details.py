"""With --green-verbose: how rounds differ, and which outputs failed."""

from __future__ import annotations

from report.sessions import cell, one_round

from greenbench.report import details


def test_rounds_show_their_range() -> None:
    """Seconds, joules and score from the smallest to the largest."""
    two = cell("T2-V0_baseline", [7.0, 14.0])
    assert details.spread(two, "mcc") == (
        "T2-V0_baseline: mean of 2 rounds: 1 s to 2 s, 7 J to 14 J, mcc 0.800 to 0.800"
    )


def test_a_single_round_has_no_range() -> None:
    """There is nothing to compare it with."""
    assert details.spread(cell("T2-V0_baseline", [7.0]), "mcc") is None


def test_unmeasured_joules_and_unknown_scores_are_left_out() -> None:
    """Seconds are always known."""
    text = details.spread(cell("T2-V0_baseline", [None, None]), "bleu")
    assert text == "T2-V0_baseline: mean of 2 rounds: 1.43 s to 1.43 s"


def test_failed_outputs_are_counted_over_all_rounds() -> None:
    """A line per cell says how many outputs failed and why, if any did."""
    rounds = [
        one_round(0, 1.0, failures={"wrong_answer": 3, "timeout": 1, "crash": 0}),
        one_round(1, 1.0, failures={"wrong_answer": 2}),
    ]
    cells = [
        cell("T1-V0_baseline", [], rounds=rounds),
        cell("T1-V1_x", [1.0]),
        cell("T1-V2_x", [], rounds=[one_round(0, 1.0, failures={"crash": 0})]),
    ]
    lines = details.failures(cells)
    assert lines == ["T1-V0_baseline: failed outputs in 2 rounds: 5 wrong answer, 1 timeout"]
