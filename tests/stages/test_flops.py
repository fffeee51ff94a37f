"""Operations are counted without computing, and are those that a real run would be counted."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages import small_decoders
from stages.small_runs import SIZE, START, functions
from torch.utils.flop_counter import FlopCounterMode

from greenbench.options import ArchitectureOptions, InferenceOptions, Options, TrainingOptions
from greenbench.stages import flops
from greenbench.stages.flops import Batch
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("as_new")


@pytest.fixture(scope="module")
def classifier() -> Any:
    """Give the tiny encoder; eager attention, as torch's counter does not know the CPU's fused one."""
    net = START.load()
    net.set_attn_implementation("eager")
    return net


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a small decoder with eager attention."""
    net = small_decoders.saved(tmp_path_factory.mktemp("decoder")).load()
    net.set_attn_implementation("eager")
    return net


def ids(rows: int, tokens: int) -> torch.Tensor:
    """Return a batch of token numbers."""
    return torch.arange(rows * tokens).reshape(rows, tokens) % 50 + 5


@pytest.mark.parametrize(("rows", "tokens"), [(1, 5), (3, 40), (2, 150)])
def test_a_real_forward_pass_is_counted_the_same(classifier: Any, rows: int, tokens: int) -> None:
    """Any number of texts of any length, though only three lengths of one text were tried; sliding windows save nothing."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        classifier(input_ids=ids(rows, tokens), attention_mask=torch.ones(rows, tokens))
    assert flops.of_inference(classifier, classifier.config, [Batch(rows, tokens)]) == counter.get_total_flops()


def test_a_real_training_step_is_counted_the_same(classifier: Any) -> None:
    """Forward and backward."""
    net = copy.deepcopy(classifier).train()
    with FlopCounterMode(display=False) as counter:
        net(input_ids=ids(4, 30), labels=torch.tensor([0, 1, 0, 1])).loss.backward()
    assert flops.of_training(net, net.config, [(4, 30)]) == counter.get_total_flops()


def test_a_decoder_s_training_step_is_counted_the_same(decoder: Any) -> None:
    """Its loss is over every token of the vocabulary."""
    net = copy.deepcopy(decoder).train()
    with FlopCounterMode(display=False) as counter:
        net(input_ids=ids(2, 20), labels=ids(2, 20)).loss.backward()
    assert flops.of_training(net, net.config, [(2, 20)]) == counter.get_total_flops()


@pytest.mark.parametrize("written", [1, 2, 9])
def test_real_generation_is_counted_the_same(decoder: Any, written: int) -> None:
    """A pass over the prompt, then a step for each further token with the cache that the earlier ones left."""
    prompts = ids(3, 12)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        out = decoder.generate(
            prompts,
            attention_mask=torch.ones_like(prompts),
            max_new_tokens=written,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=small_decoders.NEVER,
        )
    assert out.shape[1] == 12 + written
    assert flops.of_inference(decoder, decoder.config, [Batch(3, 12, written)]) == counter.get_total_flops()


def work(**options: Any) -> dict[str, int | None]:
    """Run the stages in miniature and return the work counted."""
    toggles = Toggles(Options(**options), SIZE, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(functions(32), functions(8, seed=1), START, 0)
        net = toggles.architecture(START)
        net = toggles.training(net, batches) if toggles.finetunes else net
        net = toggles.conversion(net) if toggles.converts else net
        first = toggles.inference(net, batches)
        assert toggles.inference(net, batches) == first
    return toggles.work(net, batches)


def test_skipping_layers_saves_inference_and_no_training() -> None:
    """Layers are left out once, however often inference is repeated, and training had them all."""
    whole, skipped = work(), work(inference=InferenceOptions(skip_layers=0.34))
    assert whole["flops_training"] == skipped["flops_training"]
    assert skipped["flops_inference"] is not None
    assert 0.6 < skipped["flops_inference"] / whole["flops_inference"] < 0.75


def test_a_format_changes_no_operation() -> None:
    """INT8 weights multiply as often as FP32 ones."""
    off = TrainingOptions(finetune=False)
    plain = work(training=off)
    assert (
        work(training=off, architecture=ArchitectureOptions(weight_format="int8"))["flops_inference"]
        == (plain["flops_inference"])
    )
    assert plain["flops_training"] == 0


def test_a_model_that_cannot_be_counted_costs_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """None, and a doubt that says why."""

    def fail(*_: Any) -> int:
        raise NotImplementedError("meta tensors")

    monkeypatch.setattr(flops, "of_inference", fail)
    toggles = Toggles(Options(training=TrainingOptions(finetune=False)), SIZE, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(functions(32), functions(8, seed=1), START, 0)
        net = toggles.architecture(START)
        toggles.inference(net, batches)
    assert toggles.work(net, batches)["flops_inference"] is None
    assert "operations could not be counted: NotImplementedError: meta tensors" in toggles.doubts()[-1]


def test_a_decoder_in_a_round_has_its_operations(tmp_path: Path) -> None:
    """What was generated is in them."""
    start = small_decoders.saved(tmp_path)
    toggles = Toggles(Options(training=TrainingOptions(finetune=False)), small_decoders.SIZE, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(small_decoders.pairs(32), small_decoders.pairs(4, 40), start, 0)
        net = toggles.architecture(start)
        toggles.inference(net, batches)
    assert [b.rows for b in batches.objective.answered] == [4]
    assert batches.objective.answered[0].written >= 1
    assert toggles.work(net, batches)["flops_inference"] > 0
