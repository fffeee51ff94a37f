"""Wilson's interval of a share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from greenbench.stats.wilson import wilson


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_is_scipys(share: tuple[int, int]) -> None:
    """For any share, 0 and 1 included."""
    wanted = binomtest(*share).proportion_ci(method="wilson")
    assert wilson(*share) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_the_ends_are_exact() -> None:
    """No hit has a low end of 0, all hits a high end of 1."""
    assert (wilson(0, 7)[0], wilson(7, 7)[1]) == (0.0, 1.0)


@pytest.mark.parametrize(("hits", "rows"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(hits: int, rows: int) -> None:
    """A share needs rows."""
    with pytest.raises(ValueError, match="are no share"):
        wilson(hits, rows)
