"""The made-up support tickets."""

from __future__ import annotations

import pytest

from greenbench.data.synthetic import tickets
from greenbench.errors import UsageError


@pytest.mark.parametrize("kind", tickets.COLUMNS)
def test_rows_are_drawn_by_the_seed_and_none_twice(kind: str) -> None:
    """The same seed gives the same rows, another one others."""
    rows = tickets.rows(kind, 200, seed=1)
    first = [next(iter(row.values())) for row in rows]
    assert len(set(first)) == 200
    assert rows == tickets.rows(kind, 200, seed=1)
    assert rows != tickets.rows(kind, 200, seed=2)


def test_each_word_has_a_tag() -> None:
    """Things of two words begin once."""
    for row in tickets.rows("token-classification", 50):
        words, tags = row["tokens"].split(), row["tags"].split()
        assert len(words) == len(tags)
        assert tags.count("B-ITEM") == tags.count("B-DAY") == 1


def test_a_kind_without_tickets_is_refused() -> None:
    """The sentence names the kinds that have some."""
    with pytest.raises(UsageError, match="no tickets for 'function'"):
        tickets.rows("function", 1)
