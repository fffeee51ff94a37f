"""Lists of processors: read and written as the kernel does."""

from __future__ import annotations

import pytest

from greenbench.machine.processor_lists import listed, parsed


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", set()), ("5\n", {5}), ("0-2,8", {0, 1, 2, 8}), ("3-4,6-7", {3, 4, 6, 7})],
)
def test_a_list_is_read_and_written_the_same(text: str, numbers: set[int]) -> None:
    """Runs are joined by a hyphen, and an empty list is empty."""
    assert parsed(text) == numbers
    assert listed(numbers) == text.strip()
