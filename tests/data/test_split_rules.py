"""Split rules: near-duplicates never straddle a split, whichever rule makes it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.examples import Example
from greenbench.data.split_rules import AUTHORS, RULES, fill
from greenbench.data.splits import Splits, Wanted, split
from greenbench.errors import UsageError


def body(name: object, words: int = 30) -> str:
    """Make a function of which ``name`` is in every token."""
    return "f() { " + " ".join(f"w{name}x{j};" for j in range(words)) + " }"


def planted(count: int, families: list[int]) -> list[Example]:
    """Make ``count`` unrelated functions, and families of near-duplicates; labels alternate."""
    texts = [body(f"s{i}") for i in range(count)]
    texts += [
        body(f"n{f}") + f" c{member};" for f, size in enumerate(families) for member in range(size)
    ]
    return [Example(text=text, label=i % 2) for i, text in enumerate(texts)]


def parts(splits: Splits) -> dict[str, list[str]]:
    """Return the texts of each split."""
    return {name: [e.text for e in getattr(splits, name)] for name in ("train", "valid", "test")}


def by(rows: list[Example], rule: str = "random", seed: int = 0) -> Splits:
    """Split ``rows`` by ``rule``."""
    return split(rows, Wanted(seed=seed, rule=rule), origin="x", facts={})


def labelled(**per: int) -> list[Example]:
    """Make as many strangers of each project as it is given."""
    return [
        Example(text=body(f"{name}{i}"), label=i % 2, project=name)
        for name, count in per.items()
        for i in range(count)
    ]


# --- at random ------------------------------------------------------------------------------------


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32),
    families=st.lists(st.integers(2, 6), max_size=8),
    layout=st.sampled_from([" ", "\n", "/* */"]),
)
def test_planted_copies_never_straddle_the_split(
    seed: int, families: list[int], layout: str
) -> None:
    """Near-duplicates are in one split, copies are gone, and the splits are 80 / 10 / 10."""
    rows = planted(200, families)
    copies = [Example(text=e.text.replace(" ", f" {layout} "), label=e.label) for e in rows[::7]]
    splits = by([*rows, *copies], seed=seed)
    found = parts(splits)
    for family in range(len(families)):
        assert sum(any(f"wn{family}x" in text for text in texts) for texts in found.values()) == 1
    assert sum(map(len, found.values())) == len(rows)
    assert splits.facts["duplicates_removed"] == len(copies)
    assert splits.facts["near_duplicates"] == sum(families)
    assert splits.facts["near_duplicate_clusters"] == len(families)
    tenth, largest = round(len(rows) / 10), max(families, default=1)
    for name in ("valid", "test"):
        assert tenth - largest < len(found[name]) <= tenth


@given(groups=st.lists(st.integers(0, 30), min_size=1, max_size=150), seed=st.integers(0, 999))
def test_clusters_are_shared_out_whole(groups: list[int], seed: int) -> None:
    """Every example is in one split with its cluster; valid and test have a tenth at most."""
    rows = [Example(text=f"t{i}", label=0, group=group) for i, group in enumerate(groups)]
    made, lost = fill(rows, "random", seed, "x")
    assert Counter(e.text for side in made for e in side) == Counter(e.text for e in rows)
    held = [{e.group for e in side} for side in made]
    assert sum(map(len, held)) == len(set(groups))
    assert max(len(made[1]), len(made[2])) <= round(len(rows) / 10)
    assert lost == {}


@pytest.mark.parametrize("seed", range(5))
def test_a_cluster_bigger_than_a_tenth_goes_to_train(seed: int) -> None:
    """Wherever the draw puts it, it would fill more than valid or test may hold."""
    found = parts(by(planted(80, [20]), seed=seed))
    assert sum("wn0x" in text for text in found["train"]) == 20
    assert (len(found["valid"]), len(found["test"])) == (10, 10)


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_order_of_rows_does_not_matter_and_the_seed_does(rule: str) -> None:
    """The same rows in any order give the same splits in the same order.

    By time, and as the authors did, no random draw decides which split an example is in.
    """
    rows = [
        replace(
            e,
            project=f"p{i % 23}",
            time=float(i % 40),
            side=("train", "train", "train", "valid", "test")[i % 5] if rule == AUTHORS else None,
        )
        for i, e in enumerate(planted(120, [3, 4]))
    ]
    shuffled = random.Random(3).sample(rows, len(rows))
    first, again, other = by(rows, rule), by(shuffled, rule), by(rows, rule, seed=1)
    assert parts(first) == parts(again)
    assert first.groups == again.groups
    assert (set(parts(first)["test"]) == set(parts(other)["test"])) == (rule in {AUTHORS, "time"})
    assert parts(first) != parts(other)
    assert first.facts["split_rule"] == RULES[rule]


# --- by project -----------------------------------------------------------------------------------


@settings(max_examples=25)
@given(seed=st.integers(0, 999), sizes=st.lists(st.integers(1, 12), min_size=12, max_size=20))
def test_no_project_is_on_two_splits(seed: int, sizes: list[int]) -> None:
    """Each project is in one split, whole, and nothing is left out where no functions are alike."""
    rows = [
        Example(text=f"p{p} {i}", label=0, group=100 * p + i, project=f"p{p}")
        for p, n in enumerate(sizes)
        for i in range(n)
    ]
    made, lost = fill(rows, "project", seed, "x")
    projects = [{e.project for e in side} for side in made]
    assert sum(map(len, projects)) == len(sizes)
    assert sum(map(len, made)) == len(rows)
    assert max(len(made[1]), len(made[2])) <= round(len(rows) / 10)
    assert lost == {"without_project_removed": 0, "near_duplicates_across_removed": 0}


@settings(max_examples=25)
@given(seed=st.integers(0, 999), groups=st.lists(st.integers(0, 60), min_size=100, max_size=100))
def test_near_duplicates_of_earlier_splits_are_left_out_and_counted(
    seed: int, groups: list[int]
) -> None:
    """A cluster in several splits stays in the first one; what the others lose is counted."""
    rows = [
        Example(text=f"t{i}", label=0, group=group, project=f"p{i % 25}")
        for i, group in enumerate(groups)
    ]
    made, lost = fill(rows, "project", seed, "x")
    held = [{e.group for e in side} for side in made]
    assert set.union(*held) == set(groups)
    assert sum(map(len, held)) == len(set(groups))
    assert lost["near_duplicates_across_removed"] == len(rows) - sum(map(len, made))
    assert len(made[0]) >= 80


def test_vendored_copies_leave_the_later_splits() -> None:
    """One function that all projects carry, a word changed in each, is left in train alone."""
    rows = [e for i in range(30) for e in labelled(**{f"p{i}": 6})]
    rows += [
        Example(text=body("zlib") + f" c{i};", label=i % 2, project=f"p{i}") for i in range(30)
    ]
    splits = by(rows, "project")
    found = parts(splits)
    inside = {name: sum("wzlibx" in text for text in texts) for name, texts in found.items()}
    assert inside["train"] > 0
    assert inside["valid"] == inside["test"] == 0
    assert splits.facts["near_duplicates_across_removed"] == 30 - inside["train"]
    assert sum(map(len, found.values())) + 30 - inside["train"] == len(rows)


# --- by time --------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(times=st.lists(st.integers(-5, 30), min_size=30, max_size=120))
def test_train_is_older_than_valid_and_valid_than_test(times: list[int]) -> None:
    """Examples of one time are in one split; train has the oldest four fifths, or just more."""
    rows = [
        Example(text=f"t{i}", label=0, group=i, time=float(time)) for i, time in enumerate(times)
    ]
    made, lost = fill(rows, "time", 0, "x")
    held = [[e.time or 0.0 for e in side] for side in made]
    for earlier, later in ((held[0], held[1]), (held[0], held[2]), (held[1], held[2])):
        assert not earlier or not later or max(earlier) < min(later)
    assert sum(map(len, made)) == len(times)
    most = max(Counter(times).values())
    assert 0.8 * len(times) <= len(made[0]) < 0.8 * len(times) + most
    assert lost == {"without_time_removed": 0, "near_duplicates_across_removed": 0}


def test_hundred_times_are_cut_at_eighty_and_ninety() -> None:
    """Where each has its own time the splits are exact."""
    rows = [Example(text=f"t{i}", label=0, group=i, time=float(i)) for i in range(100)]
    made, _ = fill(rows[::-1], "time", 5, "x")
    assert [sorted(e.time or 0.0 for e in side) for side in made] == [
        [*range(80)],
        [*range(80, 90)],
        [*range(90, 100)],
    ]


def test_later_copies_of_older_functions_are_left_out() -> None:
    """A function that stood unchanged for years is not tested as if it were new."""
    rows = [replace(e, time=float(i)) for i, e in enumerate(planted(100, []))]
    rows += [
        Example(text=body("old") + f" c{i};", label=i % 2, time=time)
        for i, time in enumerate((1.5, 85.5, 99.5))
    ]
    splits = by(rows, "time")
    assert {name: sum("woldx" in t for t in texts) for name, texts in parts(splits).items()} == {
        "train": 1,
        "valid": 0,
        "test": 0,
    }
    assert splits.facts["near_duplicates_across_removed"] == 2


# --- rows that lack it ----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["project", "time"])
def test_rows_that_lack_it_are_left_out_and_counted(rule: str) -> None:
    """A function without the property belongs in no split."""
    rows = [replace(e, project=f"p{i}", time=float(i)) for i, e in enumerate(planted(120, []))]
    rows = [replace(e, **{rule: None}) if i % 12 == 5 else e for i, e in enumerate(rows)]
    splits = by(rows, rule)
    assert splits.facts[f"without_{rule}_removed"] == 10
    assert sum(splits.facts["split_sizes"].values()) == 110
    assert None not in {
        getattr(e, rule) for side in (splits.train, splits.valid, splits.test) for e in side
    }


def test_a_time_of_zero_is_a_time() -> None:
    """The first of January 1970 is not unknown."""
    rows = [
        Example(text=f"t{i}", label=0, group=i, time=0.0 if i < 40 else 1.0 + i) for i in range(50)
    ]
    assert fill(rows, "time", 0, "x")[1]["without_time_removed"] == 0


@pytest.mark.parametrize("rule", ["project", "time"])
def test_hardly_a_row_that_has_it_is_refused(rule: str) -> None:
    """A split by what most rows lack is refused with count and remedy; half of them suffice."""
    known = [
        Example(text=f"t{i}", label=0, group=i, project=f"p{i}", time=float(i)) for i in range(50)
    ]
    lacking = [Example(text=f"u{i}", label=0, group=100 + i) for i in range(50)]
    assert fill([*known, *lacking], rule, 0, "x")[1][f"without_{rule}_removed"] == 50
    with pytest.raises(UsageError) as caught:
        fill([*known[1:], *lacking], rule, 0, "a.csv")
    assert str(caught.value) == (
        f"a.csv: a split by {rule} was requested, and 50 of 99 rows have no "
        f"{rule}; name the column with --green-columns TASK={rule}:COLUMN, or split at random"
    )
