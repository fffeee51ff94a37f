"""The corruptions whose detection pretrains the small ModernBERT only rearrange a function."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.models.modernbert_tiny.corruption import corrupt, exchange, statements
from greenbench.data.synthetic.c_functions import generate

_TEXT = """int f(int a)
{
  int r = 0;
  if (a > 3) {
    r = 1;
  }
  puts("a;}");
  return r;
}
"""


def test_statements_are_the_outermost_ones_and_strings_do_not_end_them() -> None:
    """A block is one statement and a semicolon within a string ends none."""
    texts = [_TEXT[slice(*span)].strip() for span in statements(_TEXT)]
    assert texts == ["int r = 0;", "if (a > 3) {\n    r = 1;\n  }", 'puts("a;}");', "return r;"]


def test_exchange_says_where_the_two_parts_went() -> None:
    """The ranges returned cover the exchanged parts in the new text."""
    text, moved = exchange("a bb ccc", (0, 1), (5, 8))
    assert text == "ccc bb a"
    assert [text[slice(*span)] for span in moved] == ["ccc", "a"]


@given(st.integers(min_value=0, max_value=10**6))
@settings(max_examples=50, deadline=None)
def test_corruption_only_rearranges(seed: int) -> None:
    """No character is added or lost, and a function called corrupted really changed."""
    for function in generate(4, seed):
        text, moved = corrupt(Random(seed), function.text)
        assert Counter(text) == Counter(function.text)
        assert bool(moved) or text == function.text


def test_most_functions_can_be_corrupted() -> None:
    """At least nine in ten functions offer something to exchange that changes them."""
    rng = Random(0)
    changed = [corrupt(rng, function.text).text != function.text for function in generate(300, 1)]
    assert sum(changed) >= 270
