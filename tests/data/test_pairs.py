"""Pairs in three splits: duplicates, the seeded cut, lengths, sizes, overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.pairs import (
    RANDOM_RULE,
    Pair,
    PairSplits,
    assemble,
    doubts,
    overlap,
    shuffled,
    split,
)
from greenbench.data.program_tests import Calls
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from random import Random

TESTS = Calls(entry="f", parameters=(), cases=())


def pair(number: int, **more: object) -> Pair:
    """Make a pair of its own."""
    return Pair(
        **{"source": f"int f{number}();", "target": f"int F{number}();", "language": "cs", **more}
    )


def many(count: int, start: int = 0) -> list[Pair]:
    """Make different pairs."""
    return [pair(number) for number in range(start, start + count)]


def put(*sides: list[Pair], **more: object) -> PairSplits:
    """Assemble three splits."""
    chosen = {"seed": 0, "sizes": None, "longest": None, "origin": "data.csv", "facts": {}, **more}
    return assemble((sides[0], sides[1], sides[2]), **chosen)


def test_the_instruction_names_the_targets_language() -> None:
    """A pair into C# asks for C#."""
    assert pair(0).instruction == "\n// C#:\n"


# --- split ----------------------------------------------------------------------------------------


def test_a_split_is_80_10_10_of_what_is_distinct() -> None:
    """Sources that are equal up to white space are one pair; how many went is told."""
    again = [pair(n, source=f"int  f{n}();\n") for n in range(30)]
    sides, facts = split([*many(100), *again], seed=0, origin="data.csv")
    assert tuple(map(len, sides)) == (80, 10, 10)
    assert facts == {"split_rule": RANDOM_RULE, "duplicates_removed": 30}
    sources = [" ".join(p.source.split()) for side in sides for p in side]
    assert len(set(sources)) == len(sources) == 100


@given(st.randoms(use_true_random=False), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_is_no_matter(order: Random, seed: int) -> None:
    """A shuffled file gives the same splits, even if duplicates differ in their targets."""
    rows = [*many(30), *(pair(n, source=f"int  f{n}();", target="other") for n in range(9))]
    mixed = list(rows)
    order.shuffle(mixed)
    assert split(mixed, seed=seed, origin="") == split(rows, seed=seed, origin="")


def test_the_seed_deals_the_splits() -> None:
    """Another seed gives another test split, the same seed the same one."""
    tests = [{p.source for p in split(many(100), seed=seed, origin="")[0][2]} for seed in (0, 1, 0)]
    assert tests[0] == tests[2] != tests[1]


def test_hardly_any_pairs_are_refused() -> None:
    """Nineteen distinct pairs are too few; the sentence counts rows and pairs and asks for more."""
    with pytest.raises(
        UsageError, match=r"data\.csv: 19 distinct pairs are left of 38 rows.*at least 20"
    ) as caught:
        split(many(19) * 2, seed=0, origin="data.csv")
    assert "\n" not in str(caught.value)
    split(many(20), seed=0, origin="data.csv")


def test_shuffling_keeps_everything() -> None:
    """A shuffled list has the same pairs in another order than the file."""
    found = shuffled(many(50), 0)
    assert sorted(p.source for p in found) == sorted(p.source for p in many(50))
    assert found != many(50)


# --- assemble -------------------------------------------------------------------------------------


def test_long_pairs_are_left_out_and_counted() -> None:
    """Source and target count together, the longest allowed length included."""
    long, fits = (
        pair(7, source="s" * 30, target="t" * 31),
        pair(8, source="s" * 30, target="t" * 30),
    )
    splits = put([*many(3), long, fits], [*many(2, 10), long], many(2, 20), longest=60)
    assert fits in splits.train
    assert long not in (*splits.train, *splits.valid)
    facts = splits.facts
    assert (facts["too_long_removed"], facts["longest_chars"]) == (2, 60)
    assert facts["available"] == facts["split_sizes"] == {"train": 4, "valid": 2, "test": 2}


def test_sizes_are_drawn_by_the_seed() -> None:
    """At most so many of each split are kept, drawn by the seed; the facts count the available."""
    one, same, other = (
        put(many(100), many(20, 200), many(9, 300), sizes=(10, 5, 50), seed=s) for s in (0, 0, 1)
    )
    assert one.facts["split_sizes"] == {"train": 10, "valid": 5, "test": 9}
    assert one.facts["available"] == {"train": 100, "valid": 20, "test": 9}
    assert one.train == same.train
    assert {*one.train} != {*other.train}
    assert one.train != tuple(many(10))
    assert one.train == put(many(100), many(20, 200), many(9, 300), sizes=(20, 5, 5)).train[:10]


@pytest.mark.parametrize(("place", "name"), [(0, "train"), (1, "valid"), (2, "test")])
def test_a_split_without_pairs_is_refused(place: int, name: str) -> None:
    """The sentence names the split, how many it had, and what to do."""
    sides = [many(3), many(3, 10), many(3, 20)]
    sides[place] = [pair(n, source="x" * 99) for n in range(4)]
    with pytest.raises(
        UsageError,
        match=rf"of 4 {name} pairs none is left \(at most 90 characters.*--green-profile",
    ):
        put(*sides, longest=90)


def test_test_sources_in_train_are_counted() -> None:
    """Layout does not hide a copy; only what is kept counts."""
    copies = [pair(n, source=f"int\tf{n}();  ") for n in range(4)]
    splits = put(many(50), many(3, 60), [*copies, *many(6, 70)])
    assert splits.facts["test_sources_in_train"] == 4 == overlap(many(50), splits.test)
    assert put(many(50), many(3, 60), many(6, 70)).facts["test_sources_in_train"] == 0


def test_facts_say_whether_every_test_pair_has_tests() -> None:
    """One pair without tests is enough to say no."""
    tested = [pair(n, tests=TESTS) for n in range(3)]
    assert put(many(3), many(3), tested).facts["tests"] is True
    assert put(many(3), many(3), [*tested, pair(9)]).facts["tests"] is False
    assert put(many(3), many(3), tested, facts={"sha256": "x"}).facts["sha256"] == "x"


def test_what_a_score_does_not_cover_is_a_doubt() -> None:
    """Removed pairs, a sample of the test split, and trained test sources give a warning each."""
    plain = {
        "split_sizes": {"test": 8},
        "available": {"test": 8},
        "too_long_removed": 0,
        "test_sources_in_train": 0,
    }
    assert doubts(plain) == ()
    found = doubts(
        {
            **plain,
            "available": {"test": 90},
            "too_long_removed": 3,
            "longest_chars": 50,
            "test_sources_in_train": 2,
        }
    )
    assert [text.split(":")[0] for text in found] == [
        "only pairs of at most 50 characters are used",
        "scored on 8 of 90 test pairs",
        "2 of 8 test sources are in the training data too",
    ]
