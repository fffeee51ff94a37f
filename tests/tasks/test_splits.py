"""Exact de-duplication and the seeded split: nothing is lost, nothing stands on two sides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.tasks.splits import FEWEST, NAMES, Example, Splits, assemble, deduplicate, normalised, split

WORDS = st.lists(st.sampled_from(["a", "b", "c", " ", "\n", "\t", "  "]), min_size=1, max_size=6).map("".join)
EXAMPLES = st.lists(st.builds(Example, text=WORDS, label=st.integers(0, 1)), max_size=60)


def examples(count: int, every: int = 3) -> list[Example]:
    """Make ``count`` different examples, one of ``every`` vulnerable."""
    return [Example(text=f"f{i} ();", label=int(i % every == 0)) for i in range(count)]


def halved(count: int, seed: int = 0, **given: tuple[int, int, int] | None) -> Splits:
    """Split ``count`` examples of which half are vulnerable."""
    return split(examples(count, 2), seed=seed, sizes=given.get("sizes"), origin="x", facts={"source": "x"})


def sides(splits: Splits) -> tuple[tuple[Example, ...], ...]:
    """Return train, valid and test."""
    return splits.train, splits.valid, splits.test


@settings(deadline=None)
@given(rows=EXAMPLES)
def test_deduplication_accounts_for_every_row(rows: list[Example]) -> None:
    """Kept, duplicate and conflicting rows add up, and no text is left twice."""
    distinct = deduplicate(rows)
    assert len(distinct.examples) + distinct.duplicates_removed + distinct.conflicts_removed == len(rows)
    texts = [normalised(e.text) for e in distinct.examples]
    assert len(set(texts)) == len(texts)
    assert len(texts) + distinct.conflicting_texts == len({normalised(e.text) for e in rows})


@settings(deadline=None)
@given(rows=EXAMPLES)
def test_no_text_with_both_labels_is_kept(rows: list[Example]) -> None:
    """What is kept carries the one label that all its rows carry."""
    given_labels: dict[str, set[int]] = {}
    for row in rows:
        given_labels.setdefault(normalised(row.text), set()).add(row.label)
    for kept in deduplicate(rows).examples:
        assert given_labels[normalised(kept.text)] == {kept.label}


def test_duplicates_differ_in_white_space_only() -> None:
    """Layout makes no new function; a renamed variable does."""
    rows = [Example(text=t, label=0) for t in ("int  a;\n", "\tint a;", "int b;")]
    distinct = deduplicate(rows)
    assert (len(distinct.examples), distinct.duplicates_removed) == (2, 1)


def test_conflicting_rows_are_all_removed_and_counted() -> None:
    """Three rows of one text with both labels vanish, as one conflicting text."""
    rows = [Example(text="f", label=0), Example(text="f ", label=1), Example(text="f", label=1), *examples(40)]
    splits = split(rows, seed=0, sizes=None, origin="x", facts={})
    assert splits.facts["conflicts_removed"] == 3
    assert splits.facts["conflicting_texts"] == 1
    assert "f" not in {normalised(e.text) for side in sides(splits) for e in side}


@settings(deadline=None)
@given(count=st.integers(300, 700), seed=st.integers(0, 99))
def test_sides_are_a_partition_of_80_10_10(count: int, seed: int) -> None:
    """Each side is within one row of its share, and together they hold every example once."""
    splits = halved(count, seed)
    for side, share in zip(sides(splits), (0.8, 0.1, 0.1), strict=True):
        assert abs(len(side) - share * count) <= 1
    everything = [e.text for side in sides(splits) for e in side]
    assert sorted(everything) == sorted(e.text for e in examples(count))
    assert sum(splits.facts["split_sizes"].values()) == splits.facts["rows"] == count


def test_split_is_fixed_by_the_seed_and_blind_to_row_order() -> None:
    """The same seed gives the same sides in the same order whatever the order of the rows; another seed, others."""
    rows = [*examples(400), *(Example(text=e.text + " ", label=e.label) for e in examples(100))]
    shuffled = random.Random(1).sample(rows, len(rows))
    first, again, other = (split(r, seed=s, sizes=None, origin="x", facts={}) for r, s in ((rows, 7), (shuffled, 7), (rows, 8)))
    assert first == again
    assert {e.text for e in first.test} != {e.text for e in other.test}
    assert first.facts["duplicates_removed"] == 100


def test_split_stays_what_it_was() -> None:
    """The rule is part of every saved result: these rows stood in the test split from the first version on."""
    assert [e.text for e in halved(60, seed=0).test] == [
        "f27 ();",
        "f56 ();",
        "f59 ();",
        "f46 ();",
        "f45 ();",
        "f9 ();",
    ]


def test_sizes_cap_each_side_after_the_split() -> None:
    """A cap takes the first rows of each side, so a small run tests on rows of the large run's test split."""
    whole, capped = halved(400), halved(400, sizes=(50, 20, 1000))
    assert (capped.train, capped.valid, capped.test) == (whole.train[:50], whole.valid[:20], whole.test)
    assert capped.facts["split_sizes"] == {"train": 50, "valid": 20, "test": 40}
    assert capped.facts["available"] == {"train": 320, "valid": 40, "test": 40}


def test_facts_say_what_was_done() -> None:
    """Source, rule, seed, sizes and positives stand in the facts."""
    splits = halved(200, seed=3)
    assert splits.facts["source"] == "x"
    assert splits.facts["split_seed"] == 3
    assert "80/10/10" in splits.facts["split_rule"]
    assert splits.facts["positives"] == {n: sum(e.label for e in s) for n, s in zip(NAMES, sides(splits), strict=True)}


def test_too_few_rows_are_refused() -> None:
    """Duplicates do not help to reach the least number of rows."""
    with pytest.raises(UsageError, match=r"x: 19 distinct functions are left of 38 rows.*at least 20"):
        split(examples(FEWEST - 1) * 2, seed=0, sizes=None, origin="x", facts={})


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_refused(label: int) -> None:
    """A table of vulnerable functions alone (or of none) cannot train a classifier."""
    rows = [Example(text=str(i), label=label) for i in range(100)]
    with pytest.raises(UsageError, match=r"100 rows, (0|100) of them vulnerable; both labels"):
        split(rows, seed=0, sizes=None, origin="x", facts={})


def test_one_class_in_one_side_is_refused_by_name() -> None:
    """One vulnerable function in a hundred cannot stand on three sides."""
    with pytest.raises(UsageError, match=r"x: the (train|valid|test) split has"):
        split(examples(100, 100), seed=0, sizes=None, origin="x", facts={})


def test_cap_that_leaves_one_class_is_refused() -> None:
    """One test row has one class."""
    with pytest.raises(UsageError, match=r"x: the test split has 1 rows"):
        halved(400, sizes=(50, 20, 1))


def test_ready_made_sides_that_share_a_text_are_refused() -> None:
    """Sides made elsewhere are held to the same promise."""
    a, b, c = examples(10), examples(20)[10:], examples(30)[20:]
    with pytest.raises(UsageError, match=r"2 functions stand on two sides"):
        assemble((a, [*b, a[0]], [*c, Example(text=f" {a[1].text}", label=0)]), origin="x", facts={})
