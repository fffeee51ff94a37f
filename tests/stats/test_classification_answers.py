"""Kept answers come back as they were, and identify the rows that were answered."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenbench.stats import bootstrap
from greenbench.stats.classification_answers import Outcomes, bits, checksum, read, record

PROBABILITIES = st.floats(0, 1, width=32)
ANSWERS = st.lists(
    st.tuples(st.integers(0, 1), PROBABILITIES, st.integers(-5, 5)), min_size=1, max_size=40
)


def kept(one: Outcomes) -> dict:
    """Return the record of ``one`` as a results file gives it back."""
    return json.loads(json.dumps(record(one), allow_nan=False))


@given(
    ANSWERS,
    PROBABILITIES,
    st.lists(st.text(max_size=3)),
    st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)),
)
def test_what_is_read_is_what_was_recorded(
    answers: list[tuple], threshold: float, rows: list[str], weights: tuple[float, float]
) -> None:
    """Labels, probabilities, threshold, checksum and weights survive a file to the last bit."""
    labels, probabilities, groups = zip(*answers, strict=True)
    one = Outcomes.of(
        labels, probabilities, threshold=threshold, groups=groups, rows=rows, weights=weights
    )
    back = read(kept(one))
    assert back.labels.tolist() == list(labels)
    assert back.probabilities.tolist() == list(probabilities)
    assert (back.threshold, back.rows_sha256, back.weights) == (threshold, one.rows_sha256, weights)
    assert back.right.tolist() == one.right.tolist()


@given(ANSWERS)
def test_rows_that_belong_together_still_do(answers: list[tuple]) -> None:
    """Groups may be named anew, and hold the same rows."""
    labels, probabilities, groups = zip(*answers, strict=True)
    back = read(kept(Outcomes.of(labels, probabilities, threshold=0.5, groups=groups)))
    together, still = np.equal.outer(groups, groups), np.equal.outer(back.groups, back.groups)
    assert together.tolist() == still.tolist()


@given(ANSWERS)
def test_the_bits_are_the_labels_and_who_is_right(answers: list[tuple]) -> None:
    """There are as many bits as rows, though a byte holds eight."""
    labels, probabilities, _ = zip(*answers, strict=True)
    fields = kept(Outcomes.of(labels, probabilities, threshold=0.5))
    right = [(p >= 0.5) == (label == 1) for label, p in zip(labels, probabilities, strict=True)]
    assert bits(fields, "labels_bits").tolist() == [label == 1 for label in labels]
    assert bits(fields, "right_bits").tolist() == right


def test_the_record_worked_by_hand() -> None:
    """Ten rows are two bytes of bits, the first row first; the threshold itself is called."""
    labels = [1, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    fields = record(Outcomes.of(labels, [0.5, 0.5] + [0.0] * 6 + [0.25, 1.0], threshold=0.5))
    assert (fields["n"], fields["labels_bits"], fields["right_bits"]) == (10, "80c0", "bf40")
    assert fields["class_weights"] == [1.0, 1.0]


def test_probabilities_are_rounded_before_they_are_compared_with_the_threshold() -> None:
    """What is right follows from the 32-bit probabilities, though a 64-bit one may fall short."""
    one = Outcomes.of([1], [0.5 - 1e-12], threshold=0.5)
    assert one.probabilities.tolist() == [0.5]
    assert one.right.tolist() == read(kept(one)).right.tolist() == [True]


def test_groups_are_not_kept_where_every_row_stands_for_itself() -> None:
    """Groups that are absent or all different are recorded as None."""
    for groups in ((), (7, 3, 5)):
        fields = record(Outcomes.of([1, 0, 1], [0.5] * 3, threshold=0.5, groups=groups))
        assert fields["groups_i32"] is None
        assert read(fields).groups.tolist() == [0, 1, 2]


def test_groups_are_kept_where_two_rows_belong_together() -> None:
    """Recorded groups are numbered from 0 on."""
    fields = record(Outcomes.of([1, 0, 1], [0.5] * 3, threshold=0.5, groups=(9, 4, 9)))
    assert read(fields).groups.tolist() == [1, 0, 1]


def test_groups_that_are_read_draw_the_same_resamples() -> None:
    """Scores that are computed from a file are those that were computed before it was written."""
    random = np.random.default_rng(3)
    one = Outcomes.of(
        random.integers(0, 2, 30),
        random.random(30),
        threshold=0.5,
        groups=random.integers(0, 20, 30),
    )
    before, after = (
        bootstrap.replicates(o, count=20)["brier"].tolist() for o in (one, read(kept(one)))
    )
    assert before == after


TEXTS = st.lists(st.text(max_size=4), max_size=5)


@given(TEXTS, TEXTS)
def test_the_checksum_is_equal_for_equal_rows_alone(one: list[str], other: list[str]) -> None:
    """Content, order and where one row ends and the next begins all count."""
    assert (checksum(one) == checksum(other)) == (one == other)


@pytest.mark.parametrize("other", [["b", "a"], ["ab"], ["a", "b", ""], ["a"], ["a", "B"], []])
def test_the_checksum_depends_on_order_and_content(other: list[str]) -> None:
    """Answers to these rows are not paired with answers to ``a`` and ``b``."""
    assert checksum(other) != checksum(["a", "b"])


def test_a_text_that_is_no_valid_unicode_has_a_checksum() -> None:
    """Half a surrogate pair is a row like any other."""
    assert checksum(["\ud800"]) != checksum(["\ud801"])


@pytest.mark.parametrize(("groups", "most"), [((), 6.5), ((*range(1000, 2999), 1000), 11.5)])
def test_a_row_takes_few_bytes_of_a_file(groups: tuple[int, ...], most: float) -> None:
    """A row takes some 6 bytes, 11 where near-duplicates stand among the rows."""
    random = np.random.default_rng(5)
    one = Outcomes.of(
        random.integers(0, 2, 2000), random.random(2000), threshold=0.5, groups=groups
    )
    assert len(json.dumps(record(one))) / 2000 < most
