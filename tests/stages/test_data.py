"""The data stage: the order of the examples, padding, and two tokenizers that agree."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.small_runs import SIZE, START, functions

from greenbench.data.synthetic.c_functions import twins
from greenbench.errors import UsageError
from greenbench.options import DataOptions
from greenbench.stages import data, encoders
from greenbench.stages.batching import ShuffledBatches
from greenbench.stages.data import micro_batch
from greenbench.stages.objectives.classification import Classification

if TYPE_CHECKING:
    from greenbench.types import Applied

SEEDS = st.integers(0, 2**32 - 1)
untimed = settings(deadline=None, max_examples=50)


@st.composite
def batch_sizes(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw a number of examples, an effective batch that they fill, and its micro-batch."""
    micro, steps = draw(st.integers(1, 16)), draw(st.integers(1, 8))
    return draw(st.integers(micro * steps, 300)), micro * steps, micro


def epochs(sampler: ShuffledBatches, count: int = 3) -> list[list[int]]:
    """Return the examples of ``count`` epochs in order."""
    return [list(chain.from_iterable(sampler)) for _ in range(count)]


@untimed
@given(sizes=batch_sizes(), seed=SEEDS)
def test_micro_batches_of_a_step_are_its_effective_batch(
    sizes: tuple[int, int, int], seed: int
) -> None:
    """Whatever the divisor, every step sees the examples of the whole batch in the same order."""
    count, effective, micro = sizes
    whole, parts = (
        ShuffledBatches(count, effective, effective, seed),
        ShuffledBatches(count, effective, micro, seed),
    )
    for _ in range(2):
        cut, steps = list(parts), effective // micro
        joined = [list(chain.from_iterable(cut[i : i + steps])) for i in range(0, len(cut), steps)]
        assert joined == list(whole)
        assert {len(one) for one in cut} == {micro}
        assert len(cut) == len(parts)


@untimed
@given(sizes=batch_sizes(), seed=SEEDS)
def test_an_epoch_is_a_permutation_cut_to_whole_batches(
    sizes: tuple[int, int, int], seed: int
) -> None:
    """No example comes twice in an epoch, and fewer than one batch of them is left out."""
    count, effective, micro = sizes
    for order in epochs(ShuffledBatches(count, effective, micro, seed)):
        assert len(set(order)) == len(order) == count - count % effective
        assert set(order) <= set(range(count))


@untimed
@given(seed=SEEDS)
def test_epochs_and_seeds_differ_and_repeat(seed: int) -> None:
    """Each epoch and each seed has an order of its own; the same seed has the same ones."""
    first, again, other = (epochs(ShuffledBatches(64, 32, 8, s)) for s in (seed, seed, seed + 1))
    assert first == again
    assert len({tuple(order) for order in first + other}) == len(first + other)


def test_too_few_examples_for_one_batch_are_refused() -> None:
    """The sentence says how many there are, how many are needed and what to do."""
    with pytest.raises(
        UsageError, match=r"at least one batch of 32 examples, and there are 31; give more data"
    ):
        ShuffledBatches(31, 32, 8, 0)


@untimed
@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 800), min_size=1, max_size=20), st.integers(0, 1)),
        min_size=1,
        max_size=9,
    )
)
def test_collate_pads_on_the_right_and_masks_the_padding(rows: list[tuple[list[int], int]]) -> None:
    """Ids are at the left, padding up to the longest length follows, and is masked."""
    batch, longest = Classification(None, 0).training_batch(rows), max(len(ids) for ids, _ in rows)
    assert batch["input_ids"].tolist() == [ids + [0] * (longest - len(ids)) for ids, _ in rows]
    assert batch["attention_mask"].tolist() == [
        [1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows
    ]
    assert batch["labels"].tolist() == [label for _, label in rows]


def test_collate_pads_with_the_models_own_id() -> None:
    """The padding token is the one that the model names."""
    assert Classification(None, 7).inference_batch([([1, 2], 0), ([3], 1)])[
        "input_ids"
    ].tolist() == [[1, 2], [3, 7]]


@untimed
@given(seed=st.integers(0, 10**9), max_tokens=st.integers(3, 300))
def test_both_tokenizers_give_the_same_ids(seed: int, max_tokens: int) -> None:
    """Generated C functions, whole or cut, become the same ids in Python and in Rust."""
    texts = [one.text for one in twins(seed)]
    python, rust = (
        encoders.encoder(kind, START.tokenizer_file, max_tokens) for kind in ("python", "rust")
    )
    ids = python.encode_batch(texts)
    assert ids == rust.encode_batch(texts)
    assert max(map(len, ids)) <= max_tokens


@pytest.mark.parametrize("kind", ["python", "rust"])
def test_long_functions_are_cut_and_short_ones_are_not_padded(kind: str) -> None:
    """A text ends at the asked length, and the encoder itself adds no padding."""
    short, long = encoders.encoder(kind, START.tokenizer_file, 32).encode_batch(
        ["int f;", "int a = 1;" * 99]
    )
    assert len(short) < len(long) == 32


def proof(asked: str, used: str) -> Applied:
    """Prepare batches with the tokenizer ``used`` and return the proof of the requested one."""
    tokenizer = encoders.encoder(used, START.tokenizer_file, SIZE.max_tokens)
    options = DataOptions(tokenizer=asked, batch_size=2)
    batches = data.prepare(
        functions(2),
        functions(2),
        tokenizer,
        Classification(tokenizer, 0),
        options,
        micro=2,
        seed=0,
    )
    return batches.tokenizer_proofs[0]


@pytest.mark.parametrize(
    ("kind", "name"), [("python", "PythonBPE"), ("rust", "tokenizers.Tokenizer")]
)
def test_tokenizer_is_proved_by_its_live_class(kind: str, name: str) -> None:
    """The proof names the class that made the ids."""
    one = proof(kind, kind)
    assert (one.asked, one.got, one.holds) == (kind, kind, True)
    assert name in one.how


@pytest.mark.parametrize(
    ("asked", "used", "name"), [("rust", "python", "PythonBPE"), ("python", "rust", "Tokenizer")]
)
def test_another_tokenizer_than_the_requested_one_is_reported(
    asked: str, used: str, name: str
) -> None:
    """Where the wrong tokenizer runs, the proof does not hold and names it."""
    one = proof(asked, used)
    assert (one.asked, one.got, one.holds) == (asked, used, False)
    assert name in one.note


def test_tokens_are_counted_without_padding_and_labels_stay_with_their_texts() -> None:
    """The tokens of each split are those of the tokenizer; test batches keep the order."""
    train, test = functions(4, seed=1), functions(5, seed=2)
    tokenizer = encoders.encoder("rust", START.tokenizer_file, SIZE.max_tokens)
    options, goal = DataOptions(tokenizer="rust", batch_size=4), Classification(tokenizer, 0)
    batches = data.prepare(train, test, tokenizer, goal, options, micro=4, seed=0)
    counts = [
        sum(map(len, tokenizer.encode_batch([e.text for e in side]))) for side in (train, test)
    ]
    assert [batches.tokens_train, batches.tokens_test] == counts
    assert [label for _, label in batches.test.dataset] == [e.label for e in test]
    assert [len(batch["input_ids"]) for batch in batches.test] == [4, 1]


@given(batch_size=st.integers(1, 512), steps=st.integers(1, 64))
def test_accumulation_steps_divide_the_batch_or_are_refused(batch_size: int, steps: int) -> None:
    """The effective batch is what was asked for, or a sentence names both knobs."""
    if batch_size % steps:
        with pytest.raises(
            UsageError,
            match=rf"accumulation_steps: {steps} does not divide data.batch_size {batch_size}",
        ):
            micro_batch(batch_size, steps)
    else:
        assert micro_batch(batch_size, steps) * steps == batch_size
