"""Rows in any form: how many there are, and checksums by contents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from greenbench.errors import UsageError
from greenbench.tasks.functions.rows import contents_sha256, row_count, row_digests

TABLE = np.arange(12).reshape(4, 3)
LABELS = np.array([0, 1, 0, 1])


class Numbered:
    """Rows by number alone, as a data set of torch has them."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> tuple[int, str]:
        return number, "text"


FORMS = {
    "columns": (TABLE, LABELS),
    "dictionary": {"x": TABLE, "y": LABELS},
    "frame": pd.DataFrame(TABLE),
    "array": TABLE,
    "sparse": csr_matrix(TABLE),
    "list": [{"text": str(n)} for n in range(4)],
    "numbered": Numbered(),
}


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_each_form_are_counted_and_told_apart(name: str) -> None:
    """Four rows, each with a checksum of its own, the same ones when read again."""
    split = FORMS[name]
    assert row_count(split, "test") == 4
    digests = row_digests(split, "test")
    assert len(set(digests)) == 4
    assert row_digests(split, "test") == digests


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(), st.text(), st.floats(allow_nan=False)), max_size=5))
def test_equal_contents_have_equal_checksums(rows: list[tuple[int, str, float]]) -> None:
    """Whatever object holds them, and not those of other contents."""
    again = [(*row,) for row in rows]
    assert contents_sha256(rows, "rows") == contents_sha256(again, "rows")
    assert contents_sha256([*rows, (0, "", 0.5)], "rows") != contents_sha256(rows, "rows")


def test_the_last_of_a_long_array_counts() -> None:
    """A repr of NumPy leaves out the middle; a checksum does not."""
    one, other = np.zeros(5000), np.zeros(5000)
    other[2500] = 1
    assert contents_sha256(one, "rows") != contents_sha256(other, "rows")


@pytest.mark.parametrize(
    ("split", "problem"),
    [
        ((TABLE, LABELS[:3]), "has columns of 4, 3 rows; they must have the same number"),
        ((), r"has no columns; give rows, or columns like \(X, y\)"),
        (iter([1]), "is of type list_iterator, whose rows cannot be counted"),
        (5, "is of type int, whose rows cannot be counted"),
    ],
)
def test_what_has_no_rows_is_refused(split: object, problem: str) -> None:
    """The sentence says what may be given."""
    with pytest.raises(UsageError, match=rf"^test {problem}"):
        row_count(split, "test")
