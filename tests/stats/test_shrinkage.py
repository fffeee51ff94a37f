"""Variances that are shrunk towards their common one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats.shrinkage import shrunk


def test_equal_variances_are_pooled() -> None:
    """Where they differ no more than equal ones would, each is their mean by freedom."""
    moderated, prior = shrunk(np.array([1.0, 1.2, 0.9]), np.array([4.0, 4.0, 8.0]))
    assert moderated == pytest.approx([(4 + 4.8 + 7.2) / 16] * 3)
    assert math.isinf(prior)


@given(st.lists(st.floats(1e-4, 1e4), min_size=2, max_size=12), st.integers(1, 30))
def test_shrunk_variances_keep_their_order_and_are_closer(found: list[float], each: int) -> None:
    """The largest stays the largest, and their ratio does not grow."""
    variances = np.array(found)
    moderated, _ = shrunk(variances, np.full(len(found), float(each)))
    assert (np.diff(moderated[np.argsort(variances)]) >= -1e-9 * moderated.max()).all()
    assert moderated.max() / moderated.min() <= variances.max() / variances.min() * (1 + 1e-9)
