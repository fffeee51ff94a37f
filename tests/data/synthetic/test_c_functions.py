"""Generated C functions: labels, twins, splits, what simple predictors learn, and real C."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.data.synthetic.c_flaws import KINDS
from greenbench.data.synthetic.c_functions import (
    CFunction,
    bucket,
    generate,
    make_splits,
    normalised,
    stream,
    twins,
)
from greenbench.data.synthetic.c_sketches import PRELUDE

_WORD = re.compile(r"\w+|[^\w\s]")
_LAYOUT = re.compile(r"\s+|/\*.*?\*/")
_SIZES = (600, 60, 400)


def _tokens(text: str) -> list[str]:
    return _WORD.findall(_LAYOUT.sub(" ", text))


@pytest.fixture(scope="module")
def splits() -> tuple[tuple[CFunction, ...], ...]:
    """Give splits of about the size that the tiny profile uses."""
    return make_splits(_SIZES, 0)


def test_a_seed_gives_the_same_functions_in_another_process_with_another_hash_seed() -> None:
    """The functions depend on the seed alone, not on the process or PYTHONHASHSEED."""
    code = (
        "from hashlib import sha256; from greenbench.data.synthetic.c_functions import generate;"
        "print(sha256(repr(generate(50, 7)).encode()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    root = Path(__file__).parents[3]
    seen = subprocess.run(
        run, env={"PYTHONHASHSEED": "5"}, cwd=root, capture_output=True, text=True, check=True
    )
    assert seen.stdout.strip() == sha256(repr(generate(50, 7)).encode()).hexdigest()


def test_another_seed_gives_other_functions() -> None:
    """Two seeds give two lists."""
    assert generate(20, 1) != generate(20, 2)


def test_a_longer_draw_starts_with_the_shorter_one() -> None:
    """The first functions of a seed do not depend on how many are drawn."""
    assert generate(30, 3)[:10] == generate(10, 3)


def test_about_half_of_the_functions_are_vulnerable() -> None:
    """The label is balanced within four standard errors."""
    assert abs(sum(item.vulnerable for item in generate(2000, 0)) - 1000) < 90


def test_the_stream_honours_the_share_of_vulnerable_functions() -> None:
    """A share of zero gives safe functions only."""
    functions = stream(0, vulnerable_share=0.0)
    assert not any(next(functions).vulnerable for _ in range(100))


def test_every_kind_of_flaw_occurs_with_both_labels() -> None:
    """No CWE is only safe or only vulnerable."""
    seen = {(item.cwe, item.vulnerable) for item in generate(3000, 0)}
    kinds = {cwe for cwe, _ in seen}
    assert len(kinds) >= 12
    assert seen == {(cwe, label) for cwe in kinds for label in (True, False)}


def test_kinds_have_different_builders_and_positive_weights() -> None:
    """The table of kinds lists no kind twice and none that is never drawn."""
    assert len({build for build, _ in KINDS}) == len(KINDS)
    assert all(weight > 0 for _, weight in KINDS)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=60, deadline=None)
def test_twins_have_the_same_tokens_in_another_arrangement(seed: int) -> None:
    """Safe and vulnerable twins differ in what the code does, not in which tokens it uses."""
    safe, flawed = twins(seed)
    assert (safe.vulnerable, flawed.vulnerable, safe.cwe) == (False, True, flawed.cwe)
    assert Counter(_tokens(safe.text)) == Counter(_tokens(flawed.text))
    assert normalised(safe.text) != normalised(flawed.text)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=60, deadline=None)
def test_brackets_are_balanced(seed: int) -> None:
    """Every opening bracket of every function is closed."""
    for item in twins(seed):
        counts = Counter(item.text)
        assert [counts[mark] for mark in "({["] == [counts[mark] for mark in ")}]"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler `cc` on this machine")
def test_the_functions_are_real_c() -> None:
    """A sample compiles as C11 behind the prelude, each function under a name of its own."""
    bodies = [
        item.text.replace("(", f"_{number}(", 1) for number, item in enumerate(generate(1500, 11))
    ]
    command = ["cc", "-std=c11", "-fsyntax-only", "-w", "-x", "c", "-"]
    done = subprocess.run(
        command, input=PRELUDE + "".join(bodies), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[:2000]


def test_normalisation_forgets_names_constants_comments_braces_and_layout() -> None:
    """Two spellings of one shape are equal."""
    left = 'int f(int a)\n{\n\tif (a > 3) {\n\t\tputs("x");\n\t}\n\treturn a; /* why */\n}'
    right = 'int g_1(int bb) { if(bb>77) puts("other"); // hm\n return bb; }'
    assert normalised(left) == normalised(right)


def test_normalisation_keeps_order_and_which_variable_is_used() -> None:
    """What a flaw changes survives normalisation."""
    guarded = "if (i >= n) return 0; b[i] = j;"
    assert normalised(guarded) != normalised("b[i] = j; if (i >= n) return 0;")
    assert normalised(guarded) != normalised("if (i >= n) return 0; b[j] = i;")


def test_no_shape_occurs_twice_within_or_across_splits(
    splits: tuple[tuple[CFunction, ...], ...],
) -> None:
    """Held-out functions equal no training function after normalisation."""
    shapes = [normalised(item.text) for split in splits for item in split]
    assert len(set(shapes)) == len(shapes) == sum(_SIZES)


def test_splits_have_the_requested_sizes_and_are_balanced(
    splits: tuple[tuple[CFunction, ...], ...],
) -> None:
    """Each split is half vulnerable."""
    assert tuple(len(split) for split in splits) == _SIZES
    assert [sum(item.vulnerable for item in split) for split in splits] == [
        size // 2 for size in _SIZES
    ]


def test_splits_of_other_seeds_still_share_no_buckets() -> None:
    """Training and held-out buckets are disjoint for any seed; so is the pretraining data."""
    train, valid, test = make_splits((40, 20, 20), 5)
    seen = [{bucket(item.text) for item in split} for split in (train, valid, test)]
    assert sum(len(buckets) for buckets in seen) == len(set.union(*seen))


def test_a_class_is_not_recognised_by_where_it_stands(
    splits: tuple[tuple[CFunction, ...], ...],
) -> None:
    """Neither label is sorted to the front of a split: the first and second halves are alike."""
    for split in splits:
        half = len(split) // 2
        first = sum(item.vulnerable for item in split[:half])
        assert abs(first - half / 2) < half * 0.25


def _baseline(splits: tuple[tuple[CFunction, ...], ...], features: str) -> float:
    """Return the MCC on the test split of logistic regression on tokens, lengths or layout."""
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    metrics = pytest.importorskip("sklearn.metrics")
    views = {
        "tokens": _tokens,
        "length": lambda code: [f"c{len(code) // 20}", f"t{len(_tokens(code)) // 5}"],
        "layout": lambda code: re.findall(r"\n\s*|/\*|\{\n|\w\(|\w \(", code),
    }
    vectors = text.CountVectorizer(analyzer=views[features])
    train, _, test = splits
    model = linear.LogisticRegression(max_iter=1000)
    model.fit(
        vectors.fit_transform(item.text for item in train), [item.vulnerable for item in train]
    )
    answers = model.predict(vectors.transform(item.text for item in test))
    return float(metrics.matthews_corrcoef([item.vulnerable for item in test], answers))


@pytest.mark.parametrize("features", ["tokens", "length", "layout"])
def test_dummy_baselines_learn_next_to_nothing(
    splits: tuple[tuple[CFunction, ...], ...], features: str
) -> None:
    """A bag of words, the length and the layout do not tell a flaw: MCC stays at or below 0.3."""
    assert _baseline(splits, features) <= 0.3
