"""Programs with their tests, and splits that hold no near-duplicates of each other."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic import buckets
from greenbench.data.synthetic.methods import pairs
from greenbench.data.synthetic.methods.meaning import LONGEST, call
from greenbench.data.synthetic.methods.operations import LARGEST
from greenbench.data.synthetic.methods.pairs import Program, bucket, make_splits, shape, similarity
from greenbench.data.synthetic.methods.printing import write
from greenbench.data.synthetic.methods.tree import Expr, Method, Return, literal

SIZES = (150, 20, 40)
TYPES = {"int": int, "boolean": bool, "String": str, "int[]": list}
PLAIN = """static int f(int a, int b) {
    int r = 3;
    if (a > b) {
        r += a;
    }
    return r;
}
"""
Splits = tuple[list[Program], list[Program], list[Program]]


@pytest.fixture(scope="module")
def splits() -> Splits:
    """Give splits of a usual shape."""
    return make_splits(SIZES, 0)


def java(split: list[Program]) -> list[str]:
    """Return the Java texts of a split."""
    return [write(p.method, "java") for p in split]


# --- programs -------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_every_program_has_its_cases_with_different_outputs(seed: int) -> None:
    """Cases are what the method means, typed as declared, not all alike, and within the bounds."""
    for program in itertools.islice(pairs.programs(seed), 10):
        assert len(program.cases) == pairs.CASES
        assert len({repr(c.expected) for c in program.cases}) >= 2
        assert len(write(program.method, "java")) <= pairs.LONGEST_JAVA
        for case in program.cases:
            assert [type(a) for a in case.arguments] == [
                TYPES[type_] for type_, _ in program.method.params
            ]
            assert type(case.expected) is TYPES[program.method.returns]
            assert case.expected == call(program.method, case.arguments)
            if isinstance(case.expected, int):
                assert abs(case.expected) <= LARGEST
            else:
                # a returned value may be put together of two
                assert len(case.expected) <= 2 * LONGEST


def test_a_method_that_always_gives_the_same_is_not_used() -> None:
    """A constant answer would pass."""
    constant = Method("same", (("int", "a"),), "int", (Return(literal(3, "int")),))
    assert pairs.draw_cases(Random(0), constant) is None


def test_a_method_that_is_hardly_defined_is_not_used() -> None:
    """Where no input has a value there is nothing to test."""
    never = Expr("divide", (literal(1, "int"), literal(0, "int")), "int")
    assert (
        pairs.draw_cases(Random(0), Method("never", (("int", "a"),), "int", (Return(never),)))
        is None
    )


# --- similarity ----------------------------------------------------------------------------------


def test_names_and_constants_do_not_make_another_shape() -> None:
    """Renaming everything and changing constants keeps shape, bucket and similarity."""
    other = (
        PLAIN.replace("f(", "sumUp(")
        .replace("a", "x1")
        .replace("stx1tic", "static")
        .replace("3", "77")
        .replace("b", "low")
    )
    assert other != PLAIN
    assert (shape(other), bucket(other)) == (shape(PLAIN), bucket(PLAIN))
    assert similarity(other, PLAIN) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a > b", "b > a"),
        ("a > b", "a < b"),
        ("r += a", "r += b"),
        ("r += a", "r -= a"),
        ("return r", "return a"),
    ],
)
def test_what_a_method_does_makes_its_shape(old: str, new: str) -> None:
    """Another operator or another variable is another shape."""
    assert shape(PLAIN.replace(old, new)) != shape(PLAIN)
    assert similarity(PLAIN.replace(old, new), PLAIN) < 1


def test_similarity_by_hand() -> None:
    """Six tokens give three shingles; one changed token at the end leaves two of four in common."""
    assert similarity("( ) { } [ ]", "( ) { } [ ;") == 2 / 4
    assert similarity("( ) { } [ ]", "; ; ; ; ; ;") == 0


def test_buckets_are_dealt_without_overlap() -> None:
    """Every bucket belongs to one split, and HELD_OUT holds those of valid and test."""
    dealt = [*buckets.TEST_BUCKETS, *buckets.VALID_BUCKETS, *buckets.TRAIN_BUCKETS]
    assert sorted(dealt) == [*range(buckets.BUCKETS)]
    assert {*buckets.HELD_OUT} == {*buckets.TEST_BUCKETS, *buckets.VALID_BUCKETS}


# --- splits ---------------------------------------------------------------------------------------


def test_splits_have_the_requested_sizes(splits: Splits) -> None:
    """Each split has its size."""
    assert tuple(map(len, splits)) == SIZES


def test_no_shape_stands_twice(splits: Splits) -> None:
    """Within and across splits, all methods differ in more than names and constants."""
    shapes = [shape(text) for split in splits for text in java(split)]
    assert len(set(shapes)) == sum(SIZES)


def test_no_split_holds_a_near_duplicate_of_another(splits: Splits) -> None:
    """By a Jaccard index computed here anew, no pair across splits comes up to ALIKE."""

    def runs(text: str) -> set[tuple[str, ...]]:
        tokens = shape(text)
        return {tokens[i : i + 4] for i in range(len(tokens) - 3)}

    sets = [[runs(text) for text in java(split)] for split in splits]
    for one, other in itertools.combinations(sets, 2):
        assert max(len(a & b) / len(a | b) for a in one for b in other) < pairs.ALIKE


def test_what_is_alike_is_passed_over() -> None:
    """The first methods of a stream are taken, unless another split holds a near-duplicate."""
    first = java(list(itertools.islice(pairs.programs(0), 3)))
    near = first[1].replace("return", "int other = 0;\n    return", 1)
    assert shape(near) != shape(first[1])
    assert similarity(near, first[1]) >= pairs.ALIKE

    def taken(others: list[str]) -> list[str]:
        return java(pairs._take(pairs.programs(0), 2, range(buckets.BUCKETS), set(), others))

    assert taken([]) == first[:2]
    assert taken([first[0]])[0] != first[0]
    assert taken([near]) == [first[0], first[2]]


@pytest.mark.parametrize("seed", [0, 9])
def test_train_never_holds_a_held_out_bucket(seed: int) -> None:
    """For any seed, held-out buckets are none of those that training and pretraining may see."""
    train, valid, test = (
        {bucket(text) for text in java(split)} for split in make_splits((60, 15, 25), seed)
    )
    assert not train & {*buckets.HELD_OUT}
    assert (valid | test) <= {*buckets.HELD_OUT}
    assert not valid & test


def test_splits_depend_on_the_seed_alone(splits: Splits) -> None:
    """The same seed gives the same programs and cases, another one others."""
    assert make_splits(SIZES, 0) == splits
    assert make_splits((20, 5, 5), 1)[0] != splits[0][:20]


def test_pretraining_shares_no_shape_with_a_held_out_split() -> None:
    """The stream without the held-out buckets holds no shape of a validation or test split."""
    held_out = {shape(text) for split in make_splits((10, 20, 40), 3)[1:] for text in java(split)}
    streamed = [write(m, "java") for m in itertools.islice(pairs.stream(3), 1500)]
    assert held_out & {shape(text) for text in streamed}
    assert not held_out & {shape(text) for text in streamed if bucket(text) not in buckets.HELD_OUT}
