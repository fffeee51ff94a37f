"""Kept outcomes of translations: BLEU from counts is sacrebleu's, and what is written is read again."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.stats import bootstrap, paired
from greenbench.stats import translation_answers as translations
from greenbench.stats.translation_answers import ORDER, Translations, bleu

TEXTS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=14).map(" ".join)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6)


def counted(written: str, reference: str) -> list[int]:
    """Return a text's counts as sacrebleu has them."""
    one = sacrebleu.corpus_bleu([written], [[reference]], tokenize="none", force=True)
    return [*one.counts, *one.totals, one.sys_len, one.ref_len]


@settings(deadline=None)
@given(PAIRS)
def test_bleu_of_summed_counts_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    """For corpora of any size, texts shorter than the longest n-gram included."""
    sums = np.array([counted(*pair) for pair in pairs], float).sum(0, keepdims=True)
    wanted = sacrebleu.corpus_bleu(
        [w for w, _ in pairs], [[r for _, r in pairs]], tokenize="none", force=True
    ).score
    assert bleu(sums)[0] == pytest.approx(wanted, abs=1e-9)


def made(pairs: list[tuple[str, str]], passed: list[float]) -> Translations:
    """Return the outcomes of translations."""
    counts = np.array([counted(*pair) for pair in pairs], float)
    return Translations(shares={"pass_at_1": np.array(passed)}, counts=counts, rows_sha256="0" * 64)


@settings(deadline=None)
@given(PAIRS, st.data())
def test_what_is_written_is_read_again(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """Counts, shares, and that a share is unknown."""
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
    """Paired on the same resamples."""
    good = translations.record(made([("a b c d e", "a b c d e")] * 8, [1.0] * 8))
    bad = translations.record(made([("a b x d e", "a b c d e")] * 8, [0.0] * 8))
    assert set(paired.differences(good, good).values()) == {paired.Difference(0.0, 0.0, 0.0)}
    found = paired.differences(good, bad)
    assert found["pass_at_1"] == paired.Difference(1.0, 1.0, 1.0)
    assert found["bleu"].low > 0
