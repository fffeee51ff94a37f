"""Operations are counted without computing, and are those that a real run would be counted."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stages import families, small_decoders
from stages.small_runs import CPU, SHORT, START, functions, run_stages
from torch.utils.flop_counter import FlopCounterMode

from greenbench.options import (
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    TrainingOptions,
)
from greenbench.stages import flops
from greenbench.stages.objectives.interface import AnsweredBatch
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("as_new")


@pytest.fixture(scope="module")
def classifier() -> Any:
    """Give an encoder with a global and a local layer.

    Its attention is eager, as torch does not count the CPU's fused one.
    """
    net = families.drawn("modernbert", num_hidden_layers=2, max_position_embeddings=1024)
    net.set_attn_implementation("eager")
    return net


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Give a decoder of two layers with eager attention."""
    net = small_decoders.saved(tmp_path_factory.mktemp("decoder"), num_hidden_layers=2).load()
    net.set_attn_implementation("eager")
    return net


def ids(rows: int, tokens: int) -> torch.Tensor:
    """Return a batch of token numbers."""
    return torch.arange(rows * tokens).reshape(rows, tokens) % 50 + 5


@pytest.mark.parametrize(("rows", "tokens"), [(1, 5), (3, 40), (2, 150)])
def test_a_real_forward_pass_is_counted_the_same(classifier: Any, rows: int, tokens: int) -> None:
    """Any number and length of texts is counted as a real pass; sliding windows save nothing."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        classifier(input_ids=ids(rows, tokens), attention_mask=torch.ones(rows, tokens))
    assert (
        flops.of_inference(classifier, classifier.config, [AnsweredBatch(rows, tokens)])
        == counter.get_total_flops()
    )


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
    """Generation is a pass over the prompt, then a step with the cache for each further token."""
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
    assert (
        flops.of_inference(decoder, decoder.config, [AnsweredBatch(3, 12, written)])
        == counter.get_total_flops()
    )


def test_a_sliding_window_leaves_the_cache_and_costs_no_more(tmp_path: Path) -> None:
    """Prompts are read whole, and tokens written attend to the window alone in those layers."""
    sliding = {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}
    sliding["num_hidden_layers"] = 2
    net: Any = small_decoders.saved(tmp_path, "qwen2", **sliding).load()
    net.set_attn_implementation("eager")
    assert net.config.layer_types == ["full_attention", "sliding_attention"]
    told = {
        "max_new_tokens": 9,
        "do_sample": False,
        "pad_token_id": 0,
        "eos_token_id": small_decoders.NEVER,
    }
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net.generate(ids(3, 4), attention_mask=torch.ones(3, 4), **told)
    assert (
        flops.of_inference(net, net.config, [AnsweredBatch(3, 4, 9)]) == counter.get_total_flops()
    )


EXAMPLES = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SHAPE = st.tuples(st.integers(1, 40), st.integers(1, 600))


@EXAMPLES
@given(shape=SHAPE, use=st.sampled_from(["training", "inference"]), decodes=st.booleans())
def test_every_shape_follows_the_polynomial(
    classifier: Any, decoder: Any, shape: Any, use: str, decodes: Any
) -> None:
    """Whatever rows and tokens, a count of that very shape says the same."""
    net = decoder if decodes else classifier
    kind = flops._ModelKind(type(net), net.config)
    assert flops._pass(kind, use, *shape) == flops._count(kind.skeleton(), use, *shape)


@EXAMPLES
@given(shapes=st.lists(SHAPE, max_size=6), parts=st.integers(1, 5))
def test_what_is_accumulated_costs_what_it_costs_together(
    classifier: Any, shapes: Any, parts: int
) -> None:
    """Micro-batches of the same padded length add up to the large batch, in any order."""
    together = flops.of_training(
        classifier, classifier.config, [(rows * parts, tokens) for rows, tokens in shapes]
    )
    assert flops.of_training(classifier, classifier.config, [*reversed(shapes)] * parts) == together


def test_a_second_count_is_looked_up_and_the_same(
    classifier: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process counts once, which draws no random numbers; a second count says the same."""
    flops._text_cost.cache_clear()
    state = torch.get_rng_state()
    once = flops.of_training(classifier, classifier.config, [(2, 9)])
    assert torch.equal(torch.get_rng_state(), state)
    flops._text_cost.cache_clear()
    assert flops.of_training(classifier, classifier.config, [(2, 9)]) == once
    monkeypatch.setattr(flops, "_count", None)
    assert flops.of_training(classifier, copy.deepcopy(classifier.config), [(2, 9)]) == once


def test_where_no_polynomial_holds_each_shape_is_counted(
    decoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a decoder's steps, which are read from it, cannot be told."""
    flops._text_cost.cache_clear()
    monkeypatch.setattr(
        flops, "_count", lambda _skeleton, _use, rows, tokens: 1000 + rows * tokens**3
    )
    try:
        assert (
            flops.of_training(decoder, decoder.config, [(2, 5), (1, 7), (2, 5)])
            == 3 * 1000 + 2 * 250 + 343
        )
        assert flops.of_inference(decoder, decoder.config, [AnsweredBatch(1, 4, 1)]) == 1064
        with pytest.raises(ValueError, match="follow no polynomial"):
            flops.of_inference(decoder, decoder.config, [AnsweredBatch(1, 4, 2)])
    finally:
        flops._text_cost.cache_clear()
        flops._counted_pass.cache_clear()


def counted_round(
    options: Options, size: Any, start: Any, train: Any, test: Any
) -> tuple[dict[str, int | None], int, int]:
    """Run a round with eager attention; return its work, and torch's counts of both stages."""
    toggles = Toggles(options, size, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(train, test, start, 0, valid=train[:4])
        net: Any = toggles.architecture(start)
        net.set_attn_implementation("eager")
        with FlopCounterMode(display=False) as training:
            toggles.training(net, batches)
        if toggles.shortens:
            with FlopCounterMode(display=False) as picking:
                toggles.shortening(net, batches)
            assert toggles.work(net, batches)["flops_architecture"] == picking.get_total_flops() > 0
        with FlopCounterMode(display=False) as inference:
            toggles.inference(net, batches)
    return toggles.work(net, batches), training.get_total_flops(), inference.get_total_flops()


def test_a_whole_round_of_a_classifier_is_counted_the_same() -> None:
    """Padded micro-batches of all epochs count with all layers; so does picking layers."""
    options = Options(
        data=DataOptions(tokenizer="rust", batch_size=4),
        training=TrainingOptions(accumulation_steps=2),
        inference=InferenceOptions(skip_layers=0.34),
    )
    found, trained, answered = counted_round(
        options, replace(SHORT, epochs=2), START, functions(4), functions(3, seed=1)
    )
    assert (found["flops_training"], found["flops_inference"]) == (trained, answered)
    assert min(trained, answered) > 0


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_whole_round_of_a_decoder_is_counted_the_same(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Prompts padded on the left, answers of the length that the longest of their batch has."""
    options = Options(
        data=DataOptions(tokenizer="rust", batch_size=4),
        training=TrainingOptions(accumulation_steps=2),
    )
    train, test = small_decoders.pairs(4), small_decoders.pairs(2, 40)
    two_epochs = replace(small_decoders.SIZE, epochs=2, max_new_tokens=6)
    found, trained, answered = counted_round(
        options, two_epochs, request.getfixturevalue(kind), train, test
    )
    assert (found["flops_training"], found["flops_inference"]) == (trained, answered)


def test_an_answer_that_ends_early_costs_the_steps_it_took(llama: Any) -> None:
    """The end token is a step like any other, and there is none behind it."""
    net, one = llama.load(), small_decoders.pairs(1)
    net.set_attn_implementation("eager")
    free = small_decoders.written(net, small_decoders.questions(llama, one))[0]
    batches = small_decoders.questions(llama, one, eos=free[3])
    with FlopCounterMode(display=False) as counter:
        batches.objective.answer(net, batches.test, CPU)
    written = batches.objective.answered[0].written
    assert written == free.index(free[3]) + 1 < len(free)
    assert (
        flops.of_inference(net, net.config, batches.objective.answered) == counter.get_total_flops()
    )


RUST = DataOptions(tokenizer="rust")


def work(**options: Any) -> dict[str, int | None]:
    """Run the stages in miniature and return the work counted."""
    toggles = Toggles(Options(data=RUST, **options), SHORT, "cpu")
    net, batches, first = run_stages(
        toggles, functions(32), functions(8, seed=1), functions(8, seed=2)
    )
    shapes = batches.objective.answered
    assert toggles.inference(net, batches) == first
    assert batches.objective.answered == shapes  # of one pass
    return toggles.work(net, batches)


def test_skipping_layers_saves_inference_and_no_training() -> None:
    """Layers are left out once, however often inference is repeated, and training had them all."""
    whole, skipped = work(), work(inference=InferenceOptions(skip_layers=0.34))
    assert whole["flops_training"] == skipped["flops_training"]
    assert skipped["flops_inference"] is not None
    assert 0.6 < skipped["flops_inference"] / whole["flops_inference"] < 0.75


def test_accumulating_is_as_much_training_as_one_batch() -> None:
    """Texts of one length: 4 micro-batches of 8 are 1 of 32."""
    same = functions(1) * 32
    found = [
        counted_round(
            Options(data=RUST, training=TrainingOptions(accumulation_steps=n)),
            SHORT,
            START,
            same,
            same[:2],
        )[0]
        for n in (1, 4)
    ]
    assert found[0]["flops_training"] == found[1]["flops_training"]


def test_a_format_changes_no_operation() -> None:
    """INT8 weights multiply as often as FP32 ones."""
    off = TrainingOptions(finetune=False)
    plain = work(training=off)
    assert (
        work(training=off, architecture=ArchitectureOptions(weight_format="int8"))[
            "flops_inference"
        ]
        == (plain["flops_inference"])
    )
    assert plain["flops_training"] == 0


def test_a_model_that_cannot_be_counted_costs_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """None, and a doubt that says why."""

    def fail(*_: Any) -> int:
        raise NotImplementedError("meta tensors\nand a long trace")

    monkeypatch.setattr(flops, "of_inference", fail)
    untrained = Options(data=RUST, training=TrainingOptions(finetune=False))
    toggles = Toggles(untrained, SHORT, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(functions(32), functions(8, seed=1), START, 0)
        net = toggles.architecture(START)
        toggles.inference(net, batches)
    found = toggles.work(net, batches)
    assert (found["flops_training"], found["flops_inference"]) == (0, None)
    assert (
        toggles.doubts()[-1]
        == "the model's operations could not be counted: NotImplementedError: meta tensors"
    )
    toggles.reset(1)
    assert not toggles.doubts()


def test_a_decoder_in_a_round_has_its_operations(tmp_path: Path) -> None:
    """What was generated is in them."""
    start = small_decoders.saved(tmp_path)
    toggles = Toggles(Options(training=TrainingOptions(finetune=False)), small_decoders.SIZE, "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(small_decoders.pairs(32), small_decoders.pairs(4, 40), start, 0)
        net = toggles.architecture(start)
        assert toggles.inference(net, batches) == toggles.inference(net, batches)
    assert [b.rows for b in batches.objective.answered] == [4]
    assert batches.objective.answered[0].written >= 1
    assert toggles.work(net, batches)["flops_inference"] > 0
