"""Early exit: rows leave when the head is sure, with the answer that it gave then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_decoders import SIZE as WRITTEN_SIZE
from stages.small_decoders import pairs
from stages.small_runs import SHORT, START, classify, functions, run_stages
from torch.utils.flop_counter import FlopCounterMode

from greenbench.errors import UsageError
from greenbench.options import DataOptions, InferenceOptions, Options, TrainingOptions
from greenbench.stages import exit_log, layers
from greenbench.stages.early_exit import RowExits, asked_layers
from greenbench.stages.layers import Depth
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches

UNTRAINED = TrainingOptions(finetune=False)


def answered(
    net: nn.Module, batches: Batches, confidence: float, where: str | None = None
) -> tuple[list[float], RowExits]:
    """Return the probabilities of a model whose rows may leave early, and what it noted."""
    options = InferenceOptions(exit_confidence=confidence, exit_layers=where)
    leaving = RowExits(net, layers.depth_of(net), options)
    with leaving:
        answers = classify(net, batches)
    return answers, leaving


@torch.no_grad()
def expected(net: Any, batches: Batches, confidence: float, asked: tuple[int, ...]) -> list[float]:
    """Return what the head says after the first layer at which it is sure, from hidden states."""
    found = []
    for batch in batches.test:
        mask = batch["attention_mask"].unsqueeze(-1)
        states = net.eval().model(**batch, output_hidden_states=True).hidden_states
        said = []
        for state in states[1:-1]:  # the last one has been through the final normalisation
            pooled = (net.model.final_norm(state) * mask).sum(1) / mask.sum(1)
            said.append(net.classifier(net.head(pooled)).softmax(-1))
        said.append(net(**batch).logits.softmax(-1))
        for row in range(len(mask)):
            sure = [n for n in asked if float(said[n][row].max()) >= confidence]
            found.append(float(said[sure[0] if sure else -1][row, 1]))
    return found


@pytest.mark.parametrize(("confidence", "where"), [(0.55, "1,3"), (0.6, None), (0.51, "0")])
def test_a_row_leaves_with_what_the_head_says_of_it(
    confidence: float, where: str | None, trained: nn.Module, batches: Batches
) -> None:
    """Probabilities are those of the first layer at which the head is sure, in their order."""
    answers, leaving = answered(trained, batches, confidence, where)
    asked = asked_layers(where, layers.depth_of(trained))
    assert answers == pytest.approx(expected(trained, batches, confidence, asked), abs=1e-5)
    computed = leaving.log.computed
    assert 16 > computed[5] == 16 - sum(leaving.log.left.values())
    assert sorted(computed.values(), reverse=True) == list(computed.values())
    options = InferenceOptions(exit_confidence=confidence, exit_layers=where)
    sure, places = exit_log.proofs(leaving.log, options)
    assert sure.holds
    assert sure.got >= confidence
    assert (places.got, places.holds) == (where, True)


def test_a_confidence_that_no_row_reaches_changes_nothing(
    trained: nn.Module, batches: Batches
) -> None:
    """All rows go through all layers, the answers stay, and the knob reads as the baseline's."""
    answers, leaving = answered(trained, batches, 1.0)
    assert answers == pytest.approx(classify(trained, batches), abs=1e-6)
    sure, _ = exit_log.proofs(leaving.log, InferenceOptions(exit_confidence=1.0))
    assert sure.got is None
    assert sure.note == "no row left before the last layer: the head was never so sure"


def test_nothing_is_computed_once_all_rows_have_left(trained: nn.Module, batches: Batches) -> None:
    """Layers behind the last exit see no row, and the model is as before afterwards."""
    before = classify(trained, batches)
    _, leaving = answered(trained, batches, 0.500001, "0")
    assert leaving.log.computed == {0: 16, **dict.fromkeys(range(1, 6), 0)}
    assert not any("forward" in vars(m) for m in trained.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in trained.modules())
    assert classify(trained, batches) == before


@pytest.mark.usefixtures("as_new")
def test_operations_are_those_of_the_rows_that_were_left(trained: Any) -> None:
    """What torch counts is what the work says, questions to the head included."""
    inference = InferenceOptions(exit_confidence=0.6, exit_layers="1,3")
    options = Options(data=DataOptions(tokenizer="rust"), training=UNTRAINED, inference=inference)
    toggles = Toggles(options, SHORT, "cpu")
    toggles.reset(0)
    batches = toggles.data(functions(32), functions(40, seed=1), START, 0)
    trained.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter:
        toggles.inference(trained, batches)
    left = next(a for a in toggles.applied() if a.knob == "exit_confidence").evidence["left_after"]
    assert 0 < sum(left.values()) < 40
    assert toggles.work(trained, batches)["flops_inference"] == counter.get_total_flops()


@pytest.mark.usefixtures("as_new")
def test_a_model_that_writes_has_no_class_to_be_sure_of(llama: Checkpoint) -> None:
    """The knob does nothing there, and says why."""
    inference = InferenceOptions(exit_confidence=0.9)
    options = Options(data=DataOptions(tokenizer="rust"), training=UNTRAINED, inference=inference)
    toggles = Toggles(options, WRITTEN_SIZE, "cpu")
    run_stages(toggles, pairs(32), pairs(2), start=llama)
    proof = next(a for a in toggles.applied() if a.knob == "exit_confidence")
    assert (proof.got, proof.note) == (None, "the model writes texts: it has no classes")


def test_layers_are_the_upper_half_or_those_that_are_named() -> None:
    """The last layer is none of them, left-out layers neither; others are refused by name."""
    whole, short = Depth(kinds=("full",) * 6), Depth(kinds=("full",) * 6, gone=(4,))
    assert (asked_layers(None, whole), asked_layers(None, short)) == ((2, 3, 4), (2, 3))
    assert asked_layers("3,1", whole) == (1, 3)
    sentence = r"exit_layers: 4 was requested, and the layers that run .* are 0, 1, 2, 3$"
    with pytest.raises(UsageError, match=sentence):
        asked_layers("4", short)
