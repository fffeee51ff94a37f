"""Which examples share a batch: by length, packed or widened, with the same answers in order."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stages import small_decoders
from stages.small_decoders import pairs
from stages.small_runs import SIZE, START, functions, run_stages

from greenbench.errors import UsageError
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.stages import batching
from greenbench.stages.batching import LengthOrder, ShuffledBatches, SortedSteps
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

LONGER = replace(small_decoders.SIZE, max_tokens=64)
"""Prompts of unequal lengths."""
SAME = 1e-4
"""How far apart answers, or gradients, of the same computation in another order may be."""
UNTRAINED = TrainingOptions(finetune=False)
TEXTS = functions(40, seed=1)


def proofs(toggles: Toggles) -> dict[str, Applied]:
    """Return the proofs of a run by knob."""
    return {proof.knob: proof for proof in toggles.applied()}


def answered(
    training: TrainingOptions = UNTRAINED, batch_size: int = 16, **knobs: object
) -> tuple[list[float], Toggles]:
    """Answer 40 functions with a classifier whose data stage has these knobs."""
    data = DataOptions(tokenizer="rust", batch_size=batch_size, **knobs)
    toggles = Toggles(Options(data=data, training=training), SIZE, "cpu")
    _, _, answers = run_stages(toggles, functions(32), TEXTS)
    return list(answers), toggles


@pytest.fixture(scope="module")
def plain() -> list[float]:
    """Give the answers of plain batches, untrained."""
    return answered()[0]


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=24, max_size=60), seed=st.integers(0, 2**32 - 1)
)
def test_steps_by_length_have_the_examples_of_steps(lengths: list[int], seed: int) -> None:
    """Each optimizer step keeps its examples, and its micro-batches descend in length."""
    steps = list(ShuffledBatches(len(lengths), 12, 12, seed))
    by_length = SortedSteps(ShuffledBatches(len(lengths), 12, 3, seed), lengths)
    parts = list(by_length)
    assert len(parts) == len(by_length)
    for number, step in enumerate(steps):
        mine = list(chain.from_iterable(parts[4 * number : 4 * number + 4]))
        assert sorted(mine) == sorted(step)
        assert [lengths[i] for i in mine] == sorted((lengths[i] for i in step), reverse=True)


@settings(deadline=None, max_examples=50)
@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=30), size=st.integers(1, 8))
def test_answers_by_length_return_to_the_examples_order(lengths: list[int], size: int) -> None:
    """What an example is answered stands where the example stands, whatever batch it was in."""
    order = LengthOrder(lengths, size)
    read = list(chain.from_iterable(order))
    assert order.restored([f"answer to {i}" for i in read]) == [
        f"answer to {i}" for i in range(len(lengths))
    ]
    assert {len(batch) for batch in list(order)[:-1]} <= {size}


@pytest.mark.parametrize(
    "knobs", [{"batching": "bucketed"}, {"batching": "packed"}, {"padding": "fixed"}]
)
def test_another_batching_gives_the_same_answers(knobs: dict[str, str], plain: list[float]) -> None:
    """Neighbours and padding change no example, and the proof reads the shapes that ran."""
    answers, toggles = answered(**knobs)
    assert answers == pytest.approx(plain, abs=SAME)
    found = proofs(toggles)
    assert {name: found[name].got for name in knobs} == knobs
    assert all(found[name].holds for name in ("batching", "padding", "batch_size"))


def test_bucketing_and_packing_save_padding() -> None:
    """The share of padding among the computed tokens is evidence."""
    shares = {}
    for way in ("plain", "bucketed", "packed"):
        found = proofs(answered(batching=way)[1])["batching"]
        shares[way] = found.evidence["padding_inference"]
    assert shares["plain"] > 1.5 * shares["bucketed"]
    assert shares["plain"] > 1.5 * shares["packed"]


def weights(net: nn.Module) -> torch.Tensor:
    """Return all weights in a row."""
    return torch.cat([weight.detach().flatten() for weight in net.parameters()])


@pytest.mark.parametrize("model", ["classifier", "decoder"])
@pytest.mark.parametrize("way", ["bucketed", "packed"])
def test_training_in_other_batches_is_the_same_training(
    way: str, model: str, llama: Checkpoint
) -> None:
    """One step of SGD moves every weight as plain batches do, up to rounding."""
    training = TrainingOptions(optimizer="sgd", accumulation_steps=4)
    start, size, rows = START, replace(SIZE, max_tokens=128), functions(16)
    if model == "decoder":
        start, size, rows = llama, LONGER, pairs(16)
    moved = []
    before = weights(start.load())
    for batching_way in ("plain", way):
        data = DataOptions(tokenizer="rust", batch_size=16, batching=batching_way)
        toggles = Toggles(Options(data=data, training=training), size, "cpu")
        net, _, _ = run_stages(toggles, rows, rows[:2], start=start)
        moved.append(weights(net) - before)
        proof = proofs(toggles)["batching"]
        assert (proof.got, proof.holds) == (batching_way, True)
        assert proofs(toggles)["batch_size"].holds
    assert float((moved[0] - moved[1]).norm()) <= SAME * float(moved[0].norm())
    assert float(moved[0].norm()) > 0


def test_steps_of_one_batch_leave_nothing_to_sort() -> None:
    """Bucketing acts in training through micro-batches alone, and says so if nothing acts."""
    data = DataOptions(tokenizer="rust", batch_size=40, batching="bucketed")
    toggles = Toggles(Options(data=data, training=UNTRAINED), SIZE, "cpu")
    run_stages(toggles, TEXTS, TEXTS)
    proof = proofs(toggles)["batching"]
    assert (proof.got, proof.note) == ("plain", "bucketed makes no other batch than plain here")


def test_a_decoder_answers_unpacked(llama: Checkpoint) -> None:
    """Rows that are generated from are not packed: without training the knob does nothing."""
    data = DataOptions(tokenizer="rust", batch_size=4, batching="packed")
    toggles = Toggles(Options(data=data, training=UNTRAINED), small_decoders.SIZE, "cpu")
    run_stages(toggles, pairs(4), pairs(4), start=llama)
    assert proofs(toggles)["batching"].got == "plain"


def test_padding_to_one_width_contradicts_saving_padding() -> None:
    """The sentence names both knobs, before anything runs."""
    options = DataOptions(padding="fixed", batching="packed")
    with pytest.raises(UsageError, match=r"data.padding: fixed .* data.batching: packed"):
        batching.check(options, 1)


@pytest.mark.parametrize(
    ("asked", "got"), [(None, None), (32, 32), (64, 64), (200, None), (256, None)]
)
def test_a_cut_that_nothing_reaches_has_no_effect(asked: int | None, got: int | None) -> None:
    """The proof holds the live tokenizer's cut against the longest input."""
    toggles = Toggles(
        Options(data=DataOptions(tokenizer="rust", max_length=asked), training=UNTRAINED),
        SIZE,
        "cpu",
    )
    with toggles.quiet():
        toggles.reset(0)
        toggles.data(functions(32), TEXTS, START, 0)
    proof = toggles.record.batches.tokenizer_proofs[1]
    assert (proof.asked, proof.got, proof.holds) == (asked, got, asked == got)


def test_a_decoders_fixed_width_pads_prompts_on_the_left(llama: Checkpoint) -> None:
    """Texts are generated as from narrower batches."""
    texts = []
    for padding in ("longest", "fixed"):
        data = DataOptions(tokenizer="rust", batch_size=4, padding=padding)
        toggles = Toggles(Options(data=data, training=UNTRAINED), LONGER, "cpu")
        texts.append(run_stages(toggles, pairs(4), pairs(8), start=llama)[2])
        assert proofs(toggles)["padding"].got == padding
    assert texts[0] == texts[1]
