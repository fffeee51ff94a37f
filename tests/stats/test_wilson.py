"""Wilson's interval of a share."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats.wilson import wilson

Z = 1.959963984540054


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)],
)
def test_published_intervals(hits: int, rows: int, low: float, high: float) -> None:
    """Newcombe (Statistics in Medicine 1998, table I, method 3) prints these bounds."""
    assert wilson(hits, rows) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_bounds_are_the_shares_that_the_score_test_just_accepts(share: tuple[int, int]) -> None:
    """The observed share lies 1.96 standard errors from either bound, unless that is 0 or 1."""
    hits, rows = share
    for bound in wilson(hits, rows):
        error = math.sqrt(bound * (1 - bound) / rows)
        assert 0 <= bound <= 1
        assert abs(hits / rows - bound) == pytest.approx(Z * error, abs=1e-9)


def test_the_ends_are_exact() -> None:
    """No hit has a low end of 0, all hits a high end of 1."""
    assert (wilson(0, 7)[0], wilson(7, 7)[1]) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "rows"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(hits: int, rows: int) -> None:
    """A share needs rows, and no more hits than rows."""
    with pytest.raises(ValueError, match="are no share"):
        wilson(hits, rows)
