"""Scores by row: means, their intervals, and pairs of models on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.stats import bootstrap, paired, row_answers
from greenbench.stats.row_answers import Means

VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=30)


def means(values: list[float], rows: str = "a", right: np.ndarray | None = None) -> Means:
    """Return one score's values."""
    return Means(values={"error": np.asarray(values)}, rows_sha256=rows, right=right)


@settings(max_examples=50)
@given(VALUES)
def test_a_record_gives_the_same_scores(values: list[float]) -> None:
    """What is written and read back has each row's value to the last bit."""
    kept = row_answers.record(means(values))
    again = row_answers.read(kept)
    np.testing.assert_array_equal(again.values["error"], values)
    assert kept["n"] == len(values)
    known = [value for value in values if not np.isnan(value)]
    expected = np.mean(known) if known else np.nan
    np.testing.assert_allclose(again.point()["error"], expected, rtol=1e-9, atol=1e-9)


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    """With 400 rows the bootstrap's bounds are 1.96 standard errors away."""
    values = np.random.default_rng(1).exponential(size=400)
    bounds = bootstrap.interval(bootstrap.replicates(means(list(values)))["error"])
    half = 1.96 * values.std() / 20
    assert bounds.low == pytest.approx(values.mean() - half, abs=0.02)
    assert bounds.high == pytest.approx(values.mean() + half, abs=0.02)


def test_models_on_the_same_rows_are_paired() -> None:
    """What both owe to the rows drops out of the difference; other rows cannot be paired."""
    values = np.random.default_rng(2).normal(size=100)
    one, other = (row_answers.record(means(list(values + shift))) for shift in (0.5, 0.0))
    difference = paired.differences(one, other)["error"]
    assert difference.value == pytest.approx(0.5)
    assert difference.high - difference.low == pytest.approx(0.0, abs=1e-9)
    elsewhere = row_answers.record(means(list(values), rows="b"))
    with pytest.raises(ValueError, match="different test rows"):
        paired.differences(one, elsewhere)


def test_mcnemar_needs_answers_that_are_right_or_wrong() -> None:
    """An error of a regression is neither."""
    one = row_answers.record(means([1.0, 0.0, 0.0], right=np.array([True, False, False])))
    other = row_answers.record(means([0.0, 1.0, 1.0], right=np.array([False, True, True])))
    test = paired.mcnemar(one, other)
    assert (test.only_one, test.only_other) == (1, 2)
    assert paired.mcnemar(one, row_answers.record(means([0.1, 0.2, 0.3]))) is None
