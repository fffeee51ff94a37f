"""Programs with their tests, and splits whose sides hold no near-duplicates of each other."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.methods import pairs
from greenbench.data.synthetic.methods.meaning import LONGEST, call
from greenbench.data.synthetic.methods.operations import LARGEST
from greenbench.data.synthetic.methods.pairs import Program, bucket, make_splits, shape, similarity
from greenbench.data.synthetic.methods.printing import write
from greenbench.data.synthetic.methods.tree import Expr, Method, Return, literal

SIZES = (150, 20, 40)
TYPES = {"int": int, "boolean": bool, "String": str, "int[]": list}
PLAIN = "static int f(int a, int b) {\n    int r = 3;\n    if (a > b) {\n        r += a;\n    }\n    return r;\n}\n"
Sides = tuple[list[Program], list[Program], list[Program]]


@pytest.fixture(scope="module")
def sides() -> Sides:
    """Give splits of a usual shape."""
    return make_splits(SIZES, 0)


def java(side: list[Program]) -> list[str]:
    """Return the methods of a side."""
    return [write(p.method, "java") for p in side]


# --- programs ---------------------------------------------------------------------------------------------------------


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
                assert (
                    len(case.expected) <= 2 * LONGEST
                )  # a returned value may be put together of two


def test_a_method_that_always_gives_the_same_is_not_used() -> None:
    """A constant answer would pass."""
    constant = Method("same", (("int", "a"),), "int", (Return(literal(3, "int")),))
    assert pairs.tests(Random(0), constant) is None


def test_a_method_that_is_hardly_defined_is_not_used() -> None:
    """Where no input has a value there is nothing to test."""
    never = Expr("divide", (literal(1, "int"), literal(0, "int")), "int")
    assert pairs.tests(Random(0), Method("never", (("int", "a"),), "int", (Return(never),))) is None


# --- likeness ---------------------------------------------------------------------------------------------------------


def test_names_and_constants_do_not_make_another_shape() -> None:
    """Renaming everything and changing constants leaves shape, bucket and similarity as they are."""
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
    """Six tokens give three shingles; one changed token at the end leaves two in common, of four in all."""
    assert similarity("( ) { } [ ]", "( ) { } [ ;") == 2 / 4
    assert similarity("( ) { } [ ]", "; ; ; ; ; ;") == 0


def test_buckets_are_dealt_without_overlap() -> None:
    """Every bucket is of one side, and those of the held-out sides are known as such."""
    dealt = [*pairs.TEST_BUCKETS, *pairs.VALID_BUCKETS, *pairs.TRAIN_BUCKETS]
    assert sorted(dealt) == [*range(pairs.BUCKETS)]
    assert {*pairs.HELD_OUT} == {*pairs.TEST_BUCKETS, *pairs.VALID_BUCKETS}


# --- splits -----------------------------------------------------------------------------------------------------------


def test_sides_have_the_asked_sizes(sides: Sides) -> None:
    """No side is short."""
    assert tuple(map(len, sides)) == SIZES


def test_no_shape_stands_twice(sides: Sides) -> None:
    """Within and across sides, all methods differ in more than names and constants."""
    shapes = [shape(text) for side in sides for text in java(side)]
    assert len(set(shapes)) == sum(SIZES)


def test_no_side_holds_a_near_duplicate_of_another(sides: Sides) -> None:
    """By the Jaccard index counted here anew, no pair across sides comes up to ALIKE; within a side some may."""

    def runs(text: str) -> set[tuple[str, ...]]:
        tokens = shape(text)
        return {tokens[i : i + 4] for i in range(len(tokens) - 3)}

    sets = [[runs(text) for text in java(side)] for side in sides]
    for one, other in itertools.combinations(sets, 2):
        assert max(len(a & b) / len(a | b) for a in one for b in other) < pairs.ALIKE


def test_what_is_alike_is_passed_over() -> None:
    """The first methods of a stream are taken, unless another side holds them or one that is nearly the same."""
    first = java(list(itertools.islice(pairs.programs(0), 3)))
    near = first[1].replace("return", "int other = 0;\n    return", 1)
    assert shape(near) != shape(first[1])
    assert similarity(near, first[1]) >= pairs.ALIKE

    def taken(others: list[str]) -> list[str]:
        return java(pairs._take(pairs.programs(0), 2, range(pairs.BUCKETS), set(), others))

    assert taken([]) == first[:2]
    assert taken([first[0]])[0] != first[0]
    assert taken([near]) == [first[0], first[2]]


@pytest.mark.parametrize("seed", [0, 9])
def test_train_never_holds_a_held_out_bucket(seed: int) -> None:
    """Whatever the seed, held-out methods are of other buckets than those that training, and pretraining, may see."""
    train, valid, test = (
        {bucket(text) for text in java(side)} for side in make_splits((60, 15, 25), seed)
    )
    assert not train & {*pairs.HELD_OUT}
    assert (valid | test) <= {*pairs.HELD_OUT}
    assert not valid & test


def test_splits_depend_on_the_seed_alone(sides: Sides) -> None:
    """The same seed gives the same programs and cases, another one others."""
    assert make_splits(SIZES, 0) == sides
    assert make_splits((20, 5, 5), 1)[0] != sides[0][:20]


def test_a_method_of_no_side_is_drawn_for_pretraining() -> None:
    """What pretraining streams, once the held-out buckets are left out, shares no shape with any held-out side."""
    held_out = {shape(text) for side in make_splits((10, 20, 40), 3)[1:] for text in java(side)}
    streamed = [write(m, "java") for m in itertools.islice(pairs.stream(3), 1500)]
    assert held_out & {shape(text) for text in streamed}
    assert not held_out & {shape(text) for text in streamed if bucket(text) not in pairs.HELD_OUT}
