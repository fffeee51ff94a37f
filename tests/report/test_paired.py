"""Lines that compare a variant with V0 on the same examples, and cells that have no such line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from records import cell_record

from greenbench.report import paired as report
from greenbench.stats import classification_answers as outcomes
from greenbench.stats import paired

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord

METRICS = {"T2": "accuracy"}
BASE = "V0_baseline"


def answers(wrong: set[int], rows: str = "a", count: int = 40) -> dict[str, Any]:
    """Return the recorded answers to ``count`` examples, all right but those in ``wrong``."""
    labels = [k % 2 for k in range(count)]
    probabilities = [1 - y if k in wrong else y for k, y in enumerate(labels)]
    names = [f"{rows}{k}" for k in range(count)]
    return outcomes.record(outcomes.Outcomes.of(labels, probabilities, threshold=0.5, rows=names))


def record(
    variant: str, *kept: dict[str, Any], seeds: tuple[int, ...] = (1, 2, 3), **more: object
) -> CellRecord:
    """Return what the lines need of a cell: a round for each of the outcomes ``kept``."""
    each = [{"seed": seed, "outcomes": one} for seed, one in zip(seeds, kept, strict=False)]
    raw = {
        "id": f"T2-{variant}",
        "task": "T2",
        "variant": variant,
        "rounds": each,
        **more,
    }
    return cell_record(raw)


WORSE, BETTER = answers(set(range(12))), answers({20, 21})


def test_v0_is_found_by_its_number() -> None:
    """Its folder may have any name after ``V0_``, and is itself compared with nothing."""
    (line,) = report.lines([record("V0_plain", WORSE), record("V1_x", BETTER)], METRICS)
    assert line.startswith("T2-V1_x against V0 on the same 40 examples: accuracy +0.250")


def test_a_line_tells_difference_interval_and_who_is_right_alone() -> None:
    """Ten more of forty are right: twelve here alone, two in V0 alone."""
    (line,) = report.lines([record(BASE, WORSE), record("V1_x", BETTER)], METRICS)
    known = paired.differences(BETTER, WORSE)["accuracy"]
    interval = f"95 % {known.low:+.3f} to {known.high:+.3f}"
    assert line == (
        f"T2-V1_x against V0 on the same 40 examples: accuracy +0.250 ({interval}); "
        "12 right here alone, 2 in V0 alone (McNemar p = 0.013)"
    )
    assert known.low is not None
    assert known.low > 0


def test_a_variant_that_loses_has_a_negative_difference() -> None:
    """The difference is the variant's score minus V0's, in whatever order they come."""
    (line,) = report.lines([record("V1_x", WORSE), record(BASE, BETTER)], METRICS)
    assert "accuracy -0.250 (95 % -" in line
    assert "2 right here alone, 12 in V0 alone" in line
    assert "not significant" not in line


def test_a_difference_that_may_be_none_is_not_told_apart() -> None:
    """Its interval holds 0."""
    (line,) = report.lines(
        [record(BASE, answers({1, 2, 3})), record("V1_x", answers({4, 5}))], METRICS
    )
    assert re.search(r"accuracy \+0\.025 \(95 % -0\.\d+ to \+0\.\d+, not significant\)", line)


def test_the_same_ones_may_be_right() -> None:
    """Then there is no test to make."""
    (line,) = report.lines([record(BASE, WORSE), record("V1_x", WORSE)], METRICS)
    assert line.endswith(
        "accuracy +0.000 (95 % +0.000 to +0.000, not significant); the same ones are right"
    )


def test_each_variant_has_its_line_and_v0_has_none() -> None:
    """V0 is not compared with itself."""
    found = report.lines(
        [record(BASE, WORSE), record("V1_x", BETTER), record("V2_y", WORSE)], METRICS
    )
    assert [line.partition(" ")[0] for line in found] == ["T2-V1_x", "T2-V2_y"]


def test_the_task_s_metric_is_compared() -> None:
    """By the name that the table shows."""
    (line,) = report.lines([record(BASE, WORSE), record("V1_x", BETTER)], {"T2": "recall"})
    assert "examples: recall +0.250 (95 %" in line


def test_a_metric_that_has_no_value_cannot_be_compared() -> None:
    """Without positive predictions there is no precision; the counts of right answers remain."""
    silent = answers(set(range(1, 40, 2)))
    (line,) = report.lines([record(BASE, silent), record("V1_x", BETTER)], {"T2": "precision"})
    assert "examples: precision cannot be compared; 19 right here alone, 1 in V0 alone" in line


@pytest.mark.parametrize(
    "others",
    [
        [],
        [record(BASE, WORSE, status="failed")],
        [record(BASE, WORSE, outcome="failed")],
        [record(BASE, WORSE, task="T1")],
        [record("V2_y", WORSE)],
    ],
    ids=["absent", "failed", "its test failed", "another task's", "another variant"],
)
def test_there_is_no_line_without_v0(others: list[dict[str, Any]]) -> None:
    """No other cell is taken for V0."""
    assert report.lines([*others, record("V1_x", BETTER)], METRICS) == []


@pytest.mark.parametrize("failure", [{"status": "failed"}, {"outcome": "failed"}])
def test_there_is_no_line_for_a_cell_that_failed(failure: dict[str, str]) -> None:
    """Its answers are not to be relied on."""
    assert report.lines([record(BASE, WORSE), record("V1_x", BETTER, **failure)], METRICS) == []


@pytest.mark.parametrize(
    "other",
    [
        answers({20, 21}, rows="b"),
        answers({20, 21}, count=39),
        BETTER | {"class_weights": [1.0, 4.0]},
        {},
    ],
    ids=["other rows", "fewer rows", "other weights", "none kept"],
)
def test_there_is_no_line_where_the_examples_are_not_the_same(other: dict[str, Any]) -> None:
    """Whichever of the two has the other ones."""
    assert report.lines([record(BASE, WORSE), record("V1_x", other)], METRICS) == []
    assert report.lines([record(BASE, other), record("V1_x", WORSE)], METRICS) == []


def test_rounds_that_keep_no_outcomes_have_no_line() -> None:
    """Files of an older greenbench, and tasks whose answers are texts."""
    bare = {"rounds": [{"seed": 1}]}
    assert report.lines([record(BASE, **bare), record("V1_x", **bare)], METRICS) == []
    assert report.lines([record(BASE), record("V1_x")], METRICS) == []


def test_rounds_are_paired_by_seed() -> None:
    """Their order does not matter; the difference is the mean over rounds, with their spread."""
    base = record(BASE, answers(set(range(12)), "b"), answers({1, 2}, "a"), seeds=(2, 1))
    (line,) = report.lines(
        [base, record("V1_x", answers({1, 2}, "a"), answers({1, 2}, "b"), seeds=(1, 2))], METRICS
    )
    assert line.startswith(
        "T2-V1_x against V0 on the same 40 examples in 2 rounds: accuracy +0.125 (95 % -"
    )
    assert "not significant" in line


def test_a_round_whose_seed_v0_lacks_is_left_out() -> None:
    """And with it the word of several rounds."""
    one = record("V1_x", answers(set(), "b"), BETTER, seeds=(7, 2))
    (line,) = report.lines([record(BASE, answers(set(), "b"), WORSE, seeds=(1, 2)), one], METRICS)
    assert "40 examples: accuracy +0.250" in line


def test_rounds_of_other_seeds_have_no_line() -> None:
    """Not even where they answered the same examples."""
    assert (
        report.lines([record(BASE, WORSE, seeds=(1,)), record("V1_x", BETTER, seeds=(2,))], METRICS)
        == []
    )
