"""Near-duplicates: comments, signatures that are the same everywhere, and clusters."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data import near_duplicates
from greenbench.data.near_duplicates import (
    BANDS,
    PERMUTATIONS,
    SHINGLE,
    bare,
    clusters,
    near_any,
    signatures,
)

SIXTY = """static int take(struct ring *ring, int wanted) {
    int given = ring->used - ring->held;
    if (given > wanted) given = wanted;
    ring->head = (ring->head + wanted) % ring->size;
    return given;
}"""


def function(seed: int, statements: int = 12) -> str:
    """Make a function that shares hardly a run of tokens with one of another seed."""
    draw = random.Random(seed)
    lines = [
        f"    {draw.choice('abcdef')}{draw.randrange(10**6)} = g{draw.randrange(10**6)}();"
        for _ in range(statements)
    ]
    return f"void f{seed}(void)\n{{\n" + "\n".join(lines) + "\n}\n"


def together(*texts: str) -> set[frozenset[int]]:
    """Return the clusters as sets of places."""
    found = clusters(signatures(texts)).tolist()
    return {frozenset(i for i, name in enumerate(found) if name == one) for one in found}


def row(**changed: int) -> np.ndarray:
    """Return a signature of zeros in which each band ``b<number>`` holds another value."""
    signed = np.zeros((BANDS, PERMUTATIONS // BANDS), np.uint32)
    for band, value in changed.items():
        signed[int(band[1:])] = value
    return signed.ravel()


# --- comments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a; // gone\nb;", "a; b;"),
        ("a; // gone", "a;"),
        ("a /* gone */ b", "a b"),
        ("a/**/b", "a b"),
        ("a /* one\n two * / \n*/ b", "a b"),
        ("a /* one */ b /* two */ c", "a b c"),
        ("a /* never closed\n b", "a"),
        ("a /* // */ b", "a b"),
        ("a // /* gone\nb", "a b"),
        ("a / b * c / d", "a / b * c / d"),
        ("/* don't */ a", "a"),
    ],
)
def test_comments_are_removed(text: str, tokens: str) -> None:
    """Both kinds go, to their end or that of the text, and leave tokens apart."""
    assert bare(text).split() == tokens.split()


@pytest.mark.parametrize(
    "text",
    [
        'u = "http://a.b/*c*/";',
        r"""s = "a \" // b";""",
        "c = '\"'; d = 1;",
        r"c = '\''; d = '/';",
        'f("/*"); g("*/");',
        "c = '//';",
    ],
)
def test_literals_that_look_like_comments_stay(text: str) -> None:
    """A URL in a string is no comment, and an escaped quote ends no string."""
    assert bare(text) == text


def test_a_comment_after_a_literal_is_removed() -> None:
    """The literal ends where its quote does."""
    assert bare('puts("//"); // gone').split() == ['puts("//");']


@given(text=st.text(alphabet="a\"'/*\\\n ", max_size=40))
def test_what_holds_no_comment_is_left_as_it_is(text: str) -> None:
    """Only a text that holds ``//`` or ``/*`` can change, and whatever it holds is taken."""
    changed = bare(text) != text
    assert not changed or "//" in text or "/*" in text


# --- signatures -----------------------------------------------------------------------------------


def test_signatures_are_the_same_in_another_process() -> None:
    """They hang on no hash that Python draws anew for each process."""
    code = (
        "from greenbench.data.near_duplicates import signatures\n"
        "print(signatures(['int f(void);', 'a b c d e']).tolist())"
    )
    root = Path(near_duplicates.__file__).parents[2]
    ran = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        )
        for seed in ("1", "2")
    ]
    here = signatures(["int f(void);", "a b c d e"]).tolist()
    assert [r.stdout.strip() for r in ran] == [str(here)] * 2


def test_a_signature_hangs_on_its_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the order of the rows nor the chunk that a row falls into changes it."""
    texts = [function(i, 3) for i in range(10)]
    order = random.Random(0).sample(range(10), 10)
    whole = signatures(texts)
    monkeypatch.setattr(near_duplicates, "CHUNK", 3)
    assert (signatures([texts[i] for i in order]) == whole[order]).all()
    assert whole.shape == (10, PERMUTATIONS)
    assert len({r.tobytes() for r in whole}) == 10


def test_layout_and_comments_do_not_reach_the_signature() -> None:
    """Other line breaks, other remarks, the same signature."""
    one, other = signatures(
        ["int f(int a) { return a; }", "/* new */ int f ( int a )\n{\n\treturn a; // yes\n}\n"]
    )
    assert (one == other).all()


@pytest.mark.parametrize("short", ["", " ", "// all gone", "a", "a b c", "größe", "\U0001f600"])
def test_texts_shorter_than_a_shingle_have_a_signature(short: str) -> None:
    """It is that of one shingle: equal to its own, unlike a long one's."""
    one, again, other = signatures([short, short, function(0)])
    assert (one == again).all()
    assert (one == other).mean() < 0.1


def test_order_of_tokens_matters() -> None:
    """The same tokens in another order are another function: a shingle is a run of tokens."""
    assert together("a b c d e f g h", "h g f e d c b a") == {frozenset({0}), frozenset({1})}


def test_estimated_similarity_is_that_of_the_sets() -> None:
    """The share of equal minima estimates the Jaccard similarity without bias.

    No error exceeds five standard errors.
    """
    draw = random.Random(0)
    errors = []
    for pair in range(120):
        one = [f"t{pair}x{i}" for i in range(80)]
        other = [f"u{i}" if draw.random() < pair / 600 else token for i, token in enumerate(one)]
        runs = [
            {tuple(t[i : i + SHINGLE]) for i in range(len(t) - SHINGLE + 1)} for t in (one, other)
        ]
        exact = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
        first, second = signatures([" ".join(one), " ".join(other)])
        errors.append((first == second).mean() - exact)
    assert abs(np.mean(errors)) < 0.015
    assert np.abs(errors).max() < 5 * 0.5 / PERMUTATIONS**0.5


# --- clusters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "near",
    [
        SIXTY.replace("wanted) %", "taken) %"),
        SIXTY.replace("take(", "grab("),
        SIXTY.replace("    return", "    // what is left\n\n\n  return"),
        SIXTY.replace("\n", " /* noted */ "),
        SIXTY.replace("size;", "size;\n    ring->seen++;"),
    ],
)
def test_near_copies_are_in_one_cluster(near: str) -> None:
    """One name, a comment, white space or a statement keeps a function in its cluster."""
    assert near != SIXTY
    assert together(SIXTY, function(1), near) == {frozenset({0, 2}), frozenset({1})}


def test_a_statement_added_to_a_long_function_leaves_it_near() -> None:
    """The longer a function, the less one line weighs."""
    long = function(3, 60)
    assert together(long, long.replace("{\n", "{\n    if (!ready) return;\n", 1)) == {
        frozenset({0, 1})
    }


def test_unrelated_functions_are_apart() -> None:
    """A hundred functions that share only their shape are a hundred clusters."""
    assert len(together(*(function(i) for i in range(100)))) == 100


def test_half_a_function_is_another_one() -> None:
    """A similarity of about a half is below the threshold."""
    lines = function(4, 40).splitlines()
    assert len(together("\n".join(lines), "\n".join(lines[:21]))) == 2


def test_a_chain_of_near_copies_is_one_cluster() -> None:
    """The first and the last are not near, but those between link them."""
    first, last = row(), row(**{f"b{i}": 1 for i in range(12)})
    between = row(**{f"b{i}": 1 for i in range(6)})
    assert len(set(clusters(np.stack([first, last])).tolist())) == 2
    assert len(set(clusters(np.stack([first, last, between])).tolist())) == 1


@pytest.mark.parametrize(
    ("other_bands", "threshold", "count"), [(9, 0.7, 1), (10, 0.7, 2), (10, 0.6, 1), (9, 0.8, 2)]
)
def test_the_threshold_decides(other_bands: int, threshold: float, count: int) -> None:
    """23 of 32 bands are 0.72 and near by 0.7; 22 are 0.69 and are not."""
    pair = np.stack([row(), row(**{f"b{i}": 1 for i in range(other_bands)})])
    assert len(set(clusters(pair, threshold).tolist())) == count


def test_a_crowd_stays_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket above ``LARGEST_COMPARED`` rows is one cluster; smaller ones are compared."""
    alike_in_one_band = np.stack(
        [row(**{f"b{i}": value for i in range(1, BANDS)}) for value in range(1, 6)]
    )
    assert len(set(clusters(alike_in_one_band).tolist())) == 5
    monkeypatch.setattr(near_duplicates, "LARGEST_COMPARED", 4)
    assert len(set(clusters(alike_in_one_band).tolist())) == 1
    assert len(set(clusters(alike_in_one_band[:4]).tolist())) == 4


def test_a_crowd_of_copies_is_one_cluster_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many copies of one function do not draw a stranger in."""
    monkeypatch.setattr(near_duplicates, "LARGEST_COMPARED", 4)
    copies = [SIXTY.replace("ring", "ring", 1) + f"// {i}" for i in range(9)]
    assert together(*copies, function(8)) == {frozenset(range(9)), frozenset({9})}


def test_nothing_has_no_clusters() -> None:
    """No rows, no signatures, no clusters."""
    none = signatures([])
    assert none.shape == (0, PERMUTATIONS)
    assert clusters(none).shape == (0,)


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6))
def test_clusters_hang_on_no_order(seed: int) -> None:
    """Whatever the order of the rows, the same ones are together."""
    texts = [
        *(function(i, 6) for i in range(6)),
        SIXTY,
        SIXTY.replace("take(", "grab("),
        SIXTY + "// more",
        function(2, 6) + ";",
    ]
    order = random.Random(seed).sample(range(len(texts)), len(texts))
    shuffled = {
        frozenset(order[i] for i in cluster) for cluster in together(*(texts[i] for i in order))
    }
    assert shuffled == together(*texts)
    assert frozenset({6, 7, 8}) in shuffled
    assert frozenset({2, 9}) in shuffled


# --- near_any -------------------------------------------------------------------------------------


def test_rows_near_any_of_others_are_found() -> None:
    """A near copy is found and a stranger is not, in the order of the rows."""
    asked = signatures([function(1), SIXTY.replace("take(", "grab("), function(2)])
    assert near_any(asked, signatures([function(9), SIXTY]), 0.7).tolist() == [False, True, False]


def test_being_near_each_other_is_not_being_near_others() -> None:
    """Copies among the rows themselves do not count."""
    assert near_any(signatures([SIXTY, SIXTY]), signatures([function(1)]), 0.7).tolist() == [
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("asked", "others", "found"), [([], [SIXTY], []), ([SIXTY], [], [False]), ([], [], [])]
)
def test_near_any_takes_empty_sides(asked: list[str], others: list[str], found: list[bool]) -> None:
    """Nothing is near nothing."""
    assert near_any(signatures(asked), signatures(others), 0.7).tolist() == found


def test_the_threshold_of_near_any_is_the_callers() -> None:
    """Ten other bands of 32 are near by 0.6 and not by 0.7."""
    asked, others = row(**{f"b{i}": 1 for i in range(10)})[None], row()[None]
    assert [near_any(asked, others, threshold).tolist() for threshold in (0.6, 0.7)] == [
        [True],
        [False],
    ]
