"""The inference stage: which layers are left out, what the rest computes, and one probability per example."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stages.small_decoders import PAD, SIZE, pairs, questions, written
from stages.small_runs import START, batched, classify, functions

from greenbench.errors import UsageError
from greenbench.stages import inference
from greenbench.stages.inference import LOCAL, LayerCount, layers_to_skip, skip_layers

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.stages.training import Seen
    from greenbench.tasks.checkpoints import Checkpoint

GLOBAL = "full_attention"
STACKS = st.lists(st.sampled_from([LOCAL, GLOBAL]), min_size=1, max_size=30)
FRACTIONS = st.floats(0, 1, exclude_max=True)


def droppable(layer_types: list[str]) -> list[int]:
    """Return the layers that may be left out, by the rule as the README tells it."""
    if LOCAL in layer_types:
        return [i for i, kind in enumerate(layer_types) if i and kind == LOCAL]
    return [*range(1, len(layer_types) - 1)]


@given(layer_types=STACKS, fraction=FRACTIONS)
def test_layers_left_out_are_the_topmost_that_may_go(layer_types: list[str], fraction: float) -> None:
    """As many as asked, in order, each once: local ones, or where there are none any but the first and last; else an error."""
    count, may_go = round(fraction * len(layer_types)), droppable(layer_types)
    if count > len(may_go):
        with pytest.raises(UsageError, match=rf"layers are {count}, and {len(may_go)} may be left out"):
            layers_to_skip(layer_types, fraction)
        return
    gone = layers_to_skip(layer_types, fraction)
    assert len(gone) == count
    assert list(gone) == sorted(set(gone))
    assert set(gone) <= set(may_go)
    assert not gone or set(gone) == {i for i in may_go if i >= gone[0]}


def test_nothing_is_left_out_unless_asked() -> None:
    """A fraction of 0 leaves the stack whole; ModernBERT-base loses four of its 22 layers at 0.17."""
    assert layers_to_skip([GLOBAL, LOCAL, LOCAL], 0.0) == ()
    assert layers_to_skip(([GLOBAL, LOCAL, LOCAL] * 8)[:22], 0.17) == (16, 17, 19, 20)


def test_a_decoder_loses_its_deepest_layers_and_keeps_first_and_last() -> None:
    """Where all layers are global, those just below the last go; all between first and last may, and no more."""
    assert layers_to_skip([GLOBAL] * 30, 0.17) == (24, 25, 26, 27, 28)
    assert layers_to_skip([GLOBAL] * 4, 0.5) == (1, 2)
    with pytest.raises(UsageError, match=r"0.75 of 4 layers are 3, and 2 may be left out: .* or the last where all are global"):
        layers_to_skip([GLOBAL] * 4, 0.75)


def test_too_many_layers_are_refused_with_the_number_that_may_go(trained: nn.Module) -> None:
    """The sentence counts, and says that the first and the global layers stay."""
    with pytest.raises(UsageError, match=r"skip_layers: 0.9 of 6 layers are 5, and 4 may be left out: the first"):
        skip_layers(trained, 0.9)


def built_without(whole: Any, gone: tuple[int, ...]) -> nn.Module:
    """Build a model that never had the layers ``gone``, and give it the other weights of ``whole``."""
    config = copy.deepcopy(whole.config)
    kept = [i for i in range(config.num_hidden_layers) if i not in gone]
    config.num_hidden_layers = len(kept)
    if getattr(whole.config, "layer_types", None):
        config.layer_types = [whole.config.layer_types[i] for i in kept]
    fresh = type(whole)(config).eval()
    place = {str(old): str(new) for new, old in enumerate(kept)}
    named = {k: re.match(r"(model\.layers\.)(\d+)(.*)", k) for k in whole.state_dict()}
    renumbered = {k: f"{m[1]}{place[m[2]]}{m[3]}" if m else k for k, m in named.items() if not m or m[2] in place}
    fresh.load_state_dict({new: whole.state_dict()[old] for old, new in renumbered.items()})
    return fresh


@pytest.mark.parametrize("fraction", [0.17, 0.34, 0.5, 0.67])
def test_shortened_model_is_the_one_built_without_those_layers(
    fraction: float, trained: nn.Module, baseline: tuple[nn.Module, Seen], batches: Batches
) -> None:
    """A model with layers left out gives the logits of one built shorter from the same weights, and other ones than before."""
    whole, batch = baseline[0].eval(), next(iter(batches.test))
    gone = layers_to_skip(whole.config.layer_types, fraction)
    with torch.inference_mode():
        before, expected = whole(**batch).logits, built_without(whole, gone)(**batch).logits
        found = skip_layers(trained.eval(), fraction)(**batch).logits
    assert len(gone) == round(fraction * 6) > 0
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert float((found - before).abs().max()) > 1e-3


@pytest.mark.parametrize("fraction", [0.17, 0.34, 0.5, 0.67])
def test_layers_that_stay_keep_their_kind_of_attention(fraction: float, trained: nn.Module) -> None:
    """The kept layers are the same objects with the same attention, and the configuration follows them."""
    stack: Any = trained.base_model
    layers, kinds = list(stack.layers), list(stack.config.layer_types)
    kept = [i for i in range(6) if i not in layers_to_skip(kinds, fraction)]
    skip_layers(trained, fraction)
    assert [id(layer) for layer in stack.layers] == [id(layers[i]) for i in kept]
    assert [layer.attention_type for layer in stack.layers] == [kinds[i] for i in kept] == stack.config.layer_types
    assert kinds.count(GLOBAL) == stack.config.layer_types.count(GLOBAL)
    assert stack.config.num_hidden_layers == len(kept)


@pytest.mark.parametrize(("fraction", "ran"), [(0.0, 6), (0.17, 5), (0.5, 3)])
def test_layers_that_ran_are_counted_in_one_forward_pass(
    fraction: float, ran: int, trained: nn.Module, batches: Batches
) -> None:
    """The count is of one pass however many follow, is what the proof asks for, and leaves no hook behind."""
    skip_layers(trained, fraction)
    count = LayerCount(trained)
    assert len(classify(trained, batches)) == 64  # two batches
    assert count.ran == ran
    proof = inference.proof(6, count.ran, fraction)
    assert (proof.asked, proof.got, proof.holds) == (fraction, round(1 - ran / 6, 3), True)
    assert not any(m._forward_hooks for m in trained.modules())


def test_layers_that_ran_although_they_were_to_be_left_out_are_told() -> None:
    """The proof gives both numbers."""
    proof = inference.proof(6, 6, 0.17)
    assert (proof.got, proof.note) == (0.0, "6 layers ran, 5 were to run")


def test_each_example_gets_its_own_probability_in_order(baseline: tuple[nn.Module, Seen]) -> None:
    """Batched or alone, forwards or backwards, an example has the same probability: neighbours and padding do not count."""
    some = functions(20, seed=3)
    together, alone, backwards = (
        classify(baseline[0], batched(some, test, batch_size=size)) for test, size in ((some, 8), (some, 1), (some[::-1], 20))
    )
    assert len(together) == 20
    assert all(0 <= p <= 1 for p in together)
    assert len(set(together)) > 10
    assert together == pytest.approx(alone, abs=1e-5)
    assert together == pytest.approx(backwards[::-1], abs=1e-5)


def test_probability_is_that_of_class_one(baseline: tuple[nn.Module, Seen], batches: Batches) -> None:
    """The first batch by hand, from the logits, with the model out of training mode and no gradient kept."""
    net, batch = baseline[0].train(), next(iter(batches.test))
    found = classify(net, batches)
    assert not net.training
    with torch.no_grad():
        logits = net(**batch).logits
    odds = (logits[:, 1] - logits[:, 0]).sigmoid()
    assert found[:32] == pytest.approx(odds.tolist(), abs=1e-6)


def test_fine_tuned_baseline_does_better_than_chance(baseline: tuple[nn.Module, Seen], batches: Batches) -> None:
    """The probabilities rank vulnerable functions higher, after training more so than before."""
    from sklearn.metrics import roc_auc_score

    labels = [label for _, label in batches.test.dataset]
    untrained, trained = (roc_auc_score(labels, classify(net, batches)) for net in (START.load(), baseline[0]))
    assert trained > 0.6
    assert trained > untrained


def test_a_fraction_that_rounds_to_no_layer_is_no_effect() -> None:
    """The knob asked for something and nothing was left out: the proof says so."""
    assert "nothing was left out" in inference.proof(6, 6, 0.05).note
    assert inference.proof(6, 6, 0.0).holds


@pytest.fixture(params=["llama", "qwen2"])
def decoder(request: pytest.FixtureRequest) -> Checkpoint:
    """Give a decoder of each architecture, with four layers."""
    return request.getfixturevalue(request.param)


def without_cache(net: Any, batches: Batches) -> list[list[int]]:
    """Return the ids that the model writes when it reads everything anew for each token."""
    found: list[list[int]] = []
    for batch in batches.test:
        ids = net.generate(**batch, use_cache=False, do_sample=False, max_new_tokens=SIZE.max_new_tokens, pad_token_id=PAD)
        found += ids[:, batch["input_ids"].shape[1] :].tolist()
    return found


@pytest.mark.parametrize(("fraction", "left"), [(0.25, 3), (0.5, 2)])
def test_shortened_decoder_writes_what_one_built_without_those_layers_writes(
    fraction: float, left: int, decoder: Checkpoint
) -> None:
    """Token by token, with a key/value cache and without one; and not what the whole decoder writes."""
    batches, whole, short = questions(decoder, pairs(8)), decoder.load().eval(), skip_layers(decoder.load().eval(), fraction)
    gone = layers_to_skip([GLOBAL] * 4, fraction)
    fresh = built_without(whole, gone)
    fresh.generation_config = whole.generation_config
    found = written(short, batches)
    assert len(short.base_model.layers) == left
    assert found == written(fresh, batches)
    assert found == without_cache(short, batches)
    assert found != written(whole, batches)


@pytest.mark.parametrize(("fraction", "left"), [(0.0, 4), (0.25, 3), (0.5, 2)])
def test_the_cache_has_no_gaps(fraction: float, left: int, decoder: Checkpoint) -> None:
    """Each layer that stays writes its own part of the cache, one after another; the configuration counts them."""
    net: Any = skip_layers(decoder.load().eval(), fraction)
    with torch.inference_mode():
        cache = net(torch.tensor([[5, 6, 7]]), use_cache=True).past_key_values
    assert net.config.num_hidden_layers == len(cache.layers) == left
    assert [layer.keys.shape[-2] for layer in cache.layers] == [3] * left


def test_layers_of_a_generating_model_are_counted_in_one_pass(decoder: Checkpoint) -> None:
    """However many tokens are written, the count is of the first pass alone."""
    net = skip_layers(decoder.load(), 0.25)
    count = LayerCount(net)
    written(net, questions(decoder, pairs(4), batch_size=2))
    assert (count.ran, inference.proof(4, count.ran, 0.25).holds) == (3, True)
