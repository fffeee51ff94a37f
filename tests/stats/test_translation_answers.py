"""Kept answers of translations: BLEU from counts is sacrebleu's, and a record is read back."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.stats import bootstrap, paired
from greenbench.stats import translation_answers as translations
from greenbench.stats.translation_answers import (
    ORDER,
    Translations,
    corpus_bleu,
    resampled_bleu,
)

TEXTS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=14).map(" ".join)
LENGTHS = st.integers(0, 9)


@st.composite
def counts_of_a_corpus(draw: st.DrawFn) -> list[int]:
    """Draw n-grams that match, n-grams written, and both lengths, as far as they fit together."""
    length, reference = draw(LENGTHS), draw(LENGTHS)
    written = [max(0, length - order) for order in range(ORDER)]
    matches = [draw(st.integers(0, most)) for most in written]
    return [*matches, *written, length, reference]


COUNTS = counts_of_a_corpus()
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6)


def counted(written: str, reference: str) -> list[int]:
    """Return a text's counts as sacrebleu has them."""
    one = sacrebleu.corpus_bleu([written], [[reference]], tokenize="none", force=True)
    return [*one.counts, *one.totals, one.sys_len, one.ref_len]


@settings(deadline=None)
@given(PAIRS)
def test_bleu_of_summed_counts_is_that_of_the_corpus(pairs: list[tuple[str, str]]) -> None:
    """Corpora of any size have sacrebleu's score, with texts of fewer words than 4 among them."""
    sums = np.array([counted(*pair) for pair in pairs], float).sum(0)
    written, references = zip(*pairs, strict=True)
    expected = sacrebleu.corpus_bleu(written, [references], tokenize="none", force=True).score
    assert corpus_bleu(sums) == expected


@given(st.lists(COUNTS, min_size=1, max_size=8))
def test_bleu_of_many_resamples_is_that_of_each(corpora: list[list[int]]) -> None:
    """The vectorised formula equals sacrebleu's for counts of any kind, empty ones included."""
    sums = np.array(corpora, float)
    one_by_one = [corpus_bleu(row) for row in sums]
    assert resampled_bleu(sums) == pytest.approx(one_by_one, abs=1e-9, nan_ok=True)


def made(pairs: list[tuple[str, str]], passed: list[float]) -> Translations:
    """Return the outcomes of translations."""
    counts = np.array([counted(*pair) for pair in pairs], float)
    return Translations(shares={"pass_at_1": np.array(passed)}, counts=counts, rows_sha256="0" * 64)


@settings(deadline=None)
@given(PAIRS, st.data())
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """Counts and shares come back, unknown shares as unknown."""
    passed = data.draw(
        st.lists(
            st.sampled_from([0.0, 1.0, float("nan")]), min_size=len(pairs), max_size=len(pairs)
        )
    )
    one = made(pairs, passed)
    again = paired.read(translations.record(one))
    assert bootstrap.point(again) == pytest.approx(bootstrap.point(one), nan_ok=True)
    assert again.rows_sha256 == one.rows_sha256
    assert again.counts.shape == (len(pairs), 2 * ORDER + 2)


def test_a_difference_is_zero_against_oneself_and_has_a_sign_against_a_worse_one() -> None:
    """Differences are paired on the same resamples."""
    good = translations.record(made([("a b c d e", "a b c d e")] * 8, [1.0] * 8))
    bad = translations.record(made([("a b x d e", "a b c d e")] * 8, [0.0] * 8))
    assert set(paired.differences(good, good).values()) == {paired.PairedDifference(0.0, 0.0, 0.0)}
    found = paired.differences(good, bad)
    assert found["pass_at_1"] == paired.PairedDifference(1.0, 1.0, 1.0)
    assert found["bleu"].low > 0
