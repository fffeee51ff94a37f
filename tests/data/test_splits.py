"""The checks of every split: nothing is lost, and nothing is in two splits."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.examples import Example
from greenbench.data.splits import FEWEST, NAMES, Splits, Wanted, assemble, split, weighted
from greenbench.errors import UsageError


def examples(count: int, every: int = 3) -> list[Example]:
    """Make ``count`` different examples, one of ``every`` vulnerable."""
    return [Example(text=f"f{i} ();", label=int(i % every == 0)) for i in range(count)]


def made_of(rows: list[Example], seed: int = 0, **wanted: Any) -> Splits:
    """Split ``rows``, as ``wanted``."""
    return split(rows, Wanted(seed=seed, **wanted), origin="x", facts={"source": "x"})


def halved(count: int, seed: int = 0, **wanted: Any) -> Splits:
    """Split ``count`` examples of which half are vulnerable."""
    return made_of(examples(count, 2), seed, **wanted)


def parts(splits: Splits) -> tuple[tuple[Example, ...], ...]:
    """Return train, valid and test."""
    return splits.train, splits.valid, splits.test


def sides_as_read(splits: Splits) -> tuple[list[tuple[str, int]], ...]:
    """Return text and label of each example; the numbers of clusters are arbitrary."""
    return tuple([(e.text, e.label) for e in side] for side in parts(splits))


@settings(deadline=None, max_examples=20)
@given(count=st.integers(100, 300), seed=st.integers(0, 99))
def test_splits_are_a_partition_of_80_10_10(count: int, seed: int) -> None:
    """Each split is within one row of its share, and together they hold every example once."""
    splits = halved(count, seed)
    for side, share in zip(parts(splits), (0.8, 0.1, 0.1), strict=True):
        assert abs(len(side) - share * count) <= 1
    everything = [e.text for side in parts(splits) for e in side]
    assert sorted(everything) == sorted(e.text for e in examples(count))
    assert sum(splits.facts["split_sizes"].values()) == splits.facts["rows"] == count


def test_split_is_fixed_by_the_seed_and_blind_to_row_order() -> None:
    """The seed alone decides the splits and their order, whatever the order of the rows."""
    rows = [*examples(400), *(Example(text=e.text + " ", label=e.label) for e in examples(100))]
    shuffled = random.Random(1).sample(rows, len(rows))
    first, again, other = (made_of(r, s) for r, s in ((rows, 7), (shuffled, 7), (rows, 8)))
    assert sides_as_read(first) == sides_as_read(again)
    assert {e.text for e in first.test} != {e.text for e in other.test}
    assert first.facts["duplicates_removed"] == 100


def test_split_stays_what_it_was() -> None:
    """The test split of these rows never changes: saved results depend on it."""
    assert [e.text for e in halved(60, seed=0).test] == [
        "f36 ();",
        "f1 ();",
        "f24 ();",
        "f55 ();",
        "f51 ();",
        "f25 ();",
    ]


def test_sizes_cap_each_split_after_the_split() -> None:
    """A cap takes the first rows of each split: a small run tests on rows of a large one."""
    whole, capped = halved(400), halved(400, sizes=(50, 20, 1000))
    assert (capped.train, capped.valid, capped.test) == (
        whole.train[:50],
        whole.valid[:20],
        whole.test,
    )
    assert capped.facts["split_sizes"] == {"train": 50, "valid": 20, "test": 40}
    assert capped.facts["available"] == {"train": 320, "valid": 40, "test": 40}


def test_facts_say_what_was_done() -> None:
    """Source, rule, seed, sizes and positives stand in the facts."""
    splits = halved(200, seed=3)
    assert splits.facts["source"] == "x"
    assert splits.facts["split_seed"] == 3
    assert "80/10/10" in splits.facts["split_rule"]
    assert splits.facts["positives"] == {
        n: sum(e.label for e in s) for n, s in zip(NAMES, parts(splits), strict=True)
    }


def test_too_few_rows_are_refused() -> None:
    """Duplicates do not help to reach the least number of rows."""
    with pytest.raises(
        UsageError, match=r"x: 19 distinct functions are left of 38 rows.*at least 20"
    ):
        made_of(examples(FEWEST - 1) * 2)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_only_is_refused(label: int) -> None:
    """A table of vulnerable functions alone (or of none) cannot train a classifier."""
    rows = [Example(text=str(i), label=label) for i in range(100)]
    with pytest.raises(UsageError, match=r"100 rows, (0|100) of them vulnerable; both labels"):
        made_of(rows)


def test_one_class_in_one_split_is_refused_by_name() -> None:
    """One vulnerable function in a hundred cannot stand in three splits."""
    with pytest.raises(UsageError, match=r"x: the (train|valid|test) split has"):
        made_of(examples(100, 100))


def test_cap_that_leaves_one_class_is_refused() -> None:
    """One test row has one class."""
    with pytest.raises(UsageError, match=r"x: the test split has 1 rows"):
        halved(400, sizes=(50, 20, 1))


def test_ready_made_splits_that_share_a_text_are_refused() -> None:
    """Sides made elsewhere are held to the same promise."""
    a, b, c = examples(10), examples(20)[10:], examples(30)[20:]
    with pytest.raises(UsageError, match=r"2 functions are in two splits"):
        assemble(
            (a, [*b, a[0]], [*c, Example(text=f" {a[1].text}", label=0)]), origin="x", facts={}
        )


def test_ready_made_splits_that_share_a_cluster_are_refused() -> None:
    """A near-duplicate in two splits flatters a score as an exact one does."""
    a, b, c = examples(10), examples(20)[10:], examples(30)[20:]
    near_a, near_c = Example(text="x", label=0, group=7), Example(text="y", label=0, group=7)
    with pytest.raises(UsageError, match=r"x: 1 functions are in two splits"):
        assemble(([*a, near_a], b, [*c, near_c]), origin="x", facts={})


def test_examples_without_a_cluster_share_none() -> None:
    """Nobody looked: that is no cluster of all."""
    made = assemble((examples(10), examples(20)[10:], examples(30)[20:]), origin="x", facts={})
    assert made.groups == tuple(range(10))


# --- clusters of the test split -------------------------------------------------------------------


def test_groups_number_the_test_examples_as_they_come() -> None:
    """One without a cluster stands for itself, even where its place is another's number."""
    test = [
        Example(text=str(i), label=i % 2, group=group)
        for i, group in enumerate((7, None, 1, 7, None, 1, 0))
    ]
    made = Splits(train=(), valid=(), test=tuple(test))
    assert made.groups == (0, 1, 2, 0, 3, 2, 4)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 999))
def test_groups_hang_on_no_order_of_rows(seed: int) -> None:
    """In any order of the rows, the same test examples share a cluster of the same number."""
    body = " ".join(f"w{j};" for j in range(30))
    rows = [
        Example(text=f"{body.replace('w', f'w{i // 2}x')} c{i};", label=i % 2) for i in range(100)
    ]
    first, other = made_of(rows), made_of(random.Random(seed).sample(rows, len(rows)))
    assert first.groups == other.groups
    assert sorted(first.groups) == sorted([*range(5)] * 2)


# --- rare classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [3, 4, 9])
def test_undersampling_balances_train_alone(every: int) -> None:
    """The minority class of train is kept whole, the majority reduced to it; the rest stays."""
    plain, thinned = made_of(examples(900, every)), made_of(examples(900, every), undersample=True)
    rare = [e for e in plain.train if e.label]
    assert [e for e in thinned.train if e.label] == rare
    assert len(thinned.train) == 2 * len(rare)
    assert set(thinned.train) <= set(plain.train)
    assert (thinned.valid, thinned.test) == (plain.valid, plain.test)
    assert thinned.facts["undersampled_in_train"] == len(plain.train) - len(thinned.train)
    assert thinned.facts["split_sizes"]["train"] == len(thinned.train)
    assert thinned.facts["available"] == plain.facts["available"]
    assert plain.facts["undersampled_in_train"] == 0


def test_undersampling_thins_out_whichever_class_is_commoner() -> None:
    """Where most functions are vulnerable, vulnerable ones go."""
    rows = [Example(text=e.text, label=1 - e.label) for e in examples(600, 5)]
    splits = made_of(rows, undersample=True)
    assert splits.facts["prevalence"]["train"] == 0.5
    assert splits.facts["prevalence"]["test"] > 0.6


def test_undersampling_comes_after_the_cap() -> None:
    """A cap takes the same rows with and without it."""
    plain, thinned = (
        made_of(examples(900), sizes=(200, 50, 50)),
        made_of(examples(900), sizes=(200, 50, 50), undersample=True),
    )
    assert set(thinned.train) < set(plain.train)
    assert thinned.facts["split_sizes"]["train"] + thinned.facts["undersampled_in_train"] == 200


@settings(deadline=None, max_examples=60)
@given(
    labels=st.lists(st.integers(0, 1), min_size=2, max_size=80).filter(
        lambda y: 0 < sum(y) < len(y)
    ),
    natural=st.floats(0.001, 0.999),
)
def test_class_weights_give_the_natural_share(labels: list[int], natural: float) -> None:
    """Weighted rows have the natural share of vulnerable ones; weights sum to their number."""
    test = tuple(Example(text=str(i), label=y) for i, y in enumerate(labels))
    weights = Splits(train=(), valid=(), test=test, natural=natural).class_weights
    counted = [weights[y] for y in labels]
    assert sum(w for w, y in zip(counted, labels, strict=True) if y) / sum(
        counted
    ) == pytest.approx(natural)
    assert sum(counted) == pytest.approx(len(labels))


def test_without_a_natural_share_every_row_counts_one() -> None:
    """The test split is taken as it is, and the facts say so."""
    splits = made_of(examples(300))
    assert splits.class_weights == (1.0, 1.0)
    assert splits.facts["prevalence"]["natural"] is None


def test_the_natural_share_stands_in_the_facts_beside_those_of_the_splits() -> None:
    """Weighting changes no row: only what a row counts."""
    plain, asked = made_of(examples(300)), made_of(examples(300), natural=0.06)
    assert parts(plain) == parts(asked)
    assert asked.facts["prevalence"] == {**plain.facts["prevalence"], "natural": 0.06}
    assert plain.facts["prevalence"]["test"] == sum(e.label for e in plain.test) / len(plain.test)
    assert weighted(plain, 0.06) == asked
