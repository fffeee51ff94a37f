"""Layers that are left out: which ones, what the rest computes, and how it is proved."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stages.small_decoders import PAD, SIZE, learnt, pairs, questions, written
from stages.small_runs import CPU, classify

from greenbench.errors import UnavailableError, UsageError
from greenbench.options import InferenceOptions
from greenbench.stages import layer_rules, layers
from greenbench.stages.layer_rules import GLOBAL, LOCAL, chosen
from greenbench.stages.layers import leave_out

if TYPE_CHECKING:
    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog

STACKS = st.lists(st.sampled_from([LOCAL, GLOBAL]), min_size=1, max_size=30)
FRACTIONS = st.floats(0, 1, exclude_max=True)


def unasked() -> list[float]:
    """Stand for block influence where nobody may ask for it."""
    raise AssertionError("nobody needs block influence here")


def by(choice: str, kinds: list[str], fraction: float) -> tuple[int, ...]:
    """Return the layers that a rule picks by their places."""
    return chosen(choice, kinds, fraction, unasked)


def may_go(choice: str, kinds: list[str]) -> list[int]:
    """Return the layers that a rule may leave out, those that stay longest first."""
    total = len(kinds)
    if choice == "deepest" and {LOCAL, GLOBAL} <= set(kinds):
        return [i for i, kind in enumerate(kinds) if i and kind == LOCAL]
    return {
        "deepest": [*range(1, total - 1)],
        "top": [*range(1, total)],
        "bottom": [*range(total - 1)][::-1],
        "alternate": [*range(total - 2, -1, -2)][::-1],
    }[choice]


@given(choice=st.sampled_from(sorted(layer_rules.RULES)), kinds=STACKS, fraction=FRACTIONS)
def test_a_rule_picks_as_many_as_asked_from_those_that_may_go(
    choice: str, kinds: list[str], fraction: float
) -> None:
    """In order, each once; more than may go are an error that counts."""
    count, candidates = round(fraction * len(kinds)), may_go(choice, kinds)
    if count > len(candidates):
        with pytest.raises(
            UsageError,
            match=rf"{count} of {len(kinds)} layers .* and only {len(candidates)} may be",
        ):
            by(choice, kinds, fraction)
        return
    assert by(choice, kinds, fraction) == tuple(sorted(candidates[len(candidates) - count :]))


def test_each_rule_on_six_layers() -> None:
    """By hand: half of a stack of six."""
    stack = [GLOBAL] * 6
    assert {rule: by(rule, stack, 0.5) for rule in layer_rules.RULES} == {
        "deepest": (2, 3, 4),
        "top": (3, 4, 5),
        "bottom": (0, 1, 2),
        "alternate": (0, 2, 4),
    }


def test_nothing_is_left_out_unless_asked() -> None:
    """A fraction of 0 leaves the stack whole, whatever the rule, without block influence."""
    assert {
        chosen(rule, [GLOBAL, LOCAL, LOCAL], 0.0, unasked)
        for rule in (*layer_rules.RULES, "influence")
    } == {()}


def test_deepest_spares_what_carries_a_model() -> None:
    """ModernBERT-base loses four local layers at 0.17; a decoder those below its last."""
    assert by("deepest", ([GLOBAL, LOCAL, LOCAL] * 8)[:22], 0.17) == (16, 17, 19, 20)
    assert by("deepest", [GLOBAL] * 30, 0.17) == (24, 25, 26, 27, 28)


@given(weights=st.lists(st.floats(0, 2), min_size=1, max_size=30), fraction=FRACTIONS)
def test_influence_leaves_out_the_layers_with_the_least(
    weights: list[float], fraction: float
) -> None:
    """None that goes has more of it than one that stays, and one always stays."""
    total, count = len(weights), round(fraction * len(weights))
    if count >= total:
        with pytest.raises(UsageError, match="one stays"):
            chosen("influence", [GLOBAL] * total, fraction, lambda: weights)
        return
    gone = chosen("influence", [GLOBAL] * total, fraction, lambda: weights)
    assert len(gone) == count
    assert max([weights[i] for i in gone], default=0) <= min(
        weights[i] for i in range(total) if i not in gone
    )


def test_layers_can_be_named() -> None:
    """By their numbers, in any order; a fraction does not count then."""
    assert by("4,1,4", [GLOBAL] * 6, 0.0) == (1, 4)
    for wrong in ("6", "0,1,2,3,4,5"):
        with pytest.raises(
            UsageError,
            match=rf"layer_choice: {wrong} was requested, and the model's layers are 0 to 5",
        ):
            by(wrong, [GLOBAL] * 6, 0.0)


def calibration(batches: Batches) -> list[Any]:
    """Return two batches of 8 functions."""
    return list(batches.test)


def test_block_influence_is_what_hidden_states_say(
    baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """It is what the hidden states of transformers give token by token, padding left out."""
    net: Any = copy.deepcopy(baseline[0]).eval()
    hooks = [len(m._forward_hooks) for m in net.modules()]
    found = layer_rules.block_influence(net, calibration(batches), CPU)
    assert [len(m._forward_hooks) for m in net.modules()] == hooks
    turned, tokens = torch.zeros(6), 0
    for batch in calibration(batches):
        with torch.inference_mode():
            states = net(
                **{k: v for k, v in batch.items() if k != "labels"}, output_hidden_states=True
            ).hidden_states
        mask = batch["attention_mask"].bool()
        tokens += int(mask.sum())
        for i in range(5):  # of the last layer, transformers returns what the final norm made
            turned[i] += float(
                (1 - torch.cosine_similarity(states[i], states[i + 1], dim=-1))[mask].sum()
            )
    assert found[:5] == pytest.approx((turned[:5] / tokens).tolist(), rel=1e-3)


def test_a_layer_that_does_nothing_has_no_influence(trained: nn.Module, batches: Batches) -> None:
    """A layer whose outputs are silenced returns its input."""
    layer = trained.base_model.layers[2]
    with torch.no_grad():
        layer.attn.Wo.weight.zero_()
        layer.mlp.Wo.weight.zero_()
    found = layer_rules.block_influence(trained, calibration(batches), CPU)
    assert found[2] == pytest.approx(0, abs=1e-6)
    assert min(v for i, v in enumerate(found) if i != 2) > -1e-6


def built_without(whole: Any, gone: tuple[int, ...]) -> nn.Module:
    """Build a model without the layers ``gone`` and give it the other weights of ``whole``."""
    config = copy.deepcopy(whole.config)
    kept = [i for i in range(config.num_hidden_layers) if i not in gone]
    config.num_hidden_layers = len(kept)
    if getattr(whole.config, "layer_types", None):
        config.layer_types = [whole.config.layer_types[i] for i in kept]
    fresh = type(whole)(config).eval()
    if 0 in gone and hasattr(
        fresh.base_model.layers[0], "attn_norm"
    ):  # ModernBERT's first layer has none: one moved up keeps it
        fresh.base_model.layers[0].attn_norm = copy.deepcopy(
            whole.base_model.layers[kept[0]].attn_norm
        )
    place = {str(old): str(new) for new, old in enumerate(kept)}
    named = {k: re.match(r"(model\.layers\.)(\d+)(.*)", k) for k in whole.state_dict()}
    renumbered = {
        k: f"{m[1]}{place[m[2]]}{m[3]}" if m else k
        for k, m in named.items()
        if not m or m[2] in place
    }
    fresh.load_state_dict({new: whole.state_dict()[old] for old, new in renumbered.items()})
    return fresh


GONE = [(4,), (4, 5), (0,), (0, 3), (1, 2, 3), (0, 1, 2, 3, 4)]


@pytest.mark.parametrize("gone", GONE)
def test_shortened_model_is_the_one_built_without_those_layers(
    gone: tuple[int, ...],
    trained: nn.Module,
    baseline: tuple[nn.Module, TrainingLog],
    batches: Batches,
) -> None:
    """A model with layers left out gives the logits of one built shorter from the same weights.

    They differ from the logits of the whole model.
    """
    whole, batch = baseline[0].eval(), next(iter(batches.test))
    leave_out(trained.eval(), gone)
    with torch.inference_mode():
        before, expected = whole(**batch).logits, built_without(whole, gone)(**batch).logits
        found = trained(**batch).logits
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert float((found - before).abs().max()) > 1e-3


@pytest.mark.parametrize("gone", GONE)
def test_layers_that_stay_keep_their_kind_of_attention(
    gone: tuple[int, ...], trained: nn.Module
) -> None:
    """The kept layers are the same objects with the same attention; the config agrees."""
    stack: Any = trained.base_model
    every, kinds = list(stack.layers), list(stack.config.layer_types)
    kept = [i for i in range(6) if i not in gone]
    leave_out(trained, gone)
    assert [id(layer) for layer in stack.layers] == [id(every[i]) for i in kept]
    assert (
        [layer.attention_type for layer in stack.layers]
        == [kinds[i] for i in kept]
        == stack.config.layer_types
    )
    assert stack.config.num_hidden_layers == len(kept)


def proofs(
    options: InferenceOptions, net: nn.Module, batches: Batches
) -> tuple[Any, Any, layers.Depth]:
    """Shorten as asked, answer, and return both proofs."""
    depth = layers.shorten(net, options, calibration(batches), CPU)
    with layers.LayerWatch(net, depth):
        assert len(classify(net, batches)) == 16
    assert not any(m._forward_hooks for m in net.modules())
    return (*layers.proofs(depth, options), depth)


@pytest.mark.parametrize(
    ("asked", "share", "gone"),
    [
        (InferenceOptions(), 0.0, None),
        (InferenceOptions(skip_layers=0.17, layer_choice="deepest"), 0.167, "5"),
        (InferenceOptions(skip_layers=0.5, layer_choice="bottom"), 0.5, "0,1,2"),
        (InferenceOptions(layer_choice="1,3"), 0.333, "1,3"),
    ],
)
def test_layers_that_ran_prove_the_knobs(
    asked: InferenceOptions, share: float, gone: str | None, trained: nn.Module, batches: Batches
) -> None:
    """Hooks on every layer note which ones ran in both passes; no hook stays."""
    fraction, which, depth = proofs(asked, trained, batches)
    assert (fraction.asked, fraction.got, fraction.holds) == (asked.skip_layers, share, True)
    assert (which.asked, which.got, which.holds) == (asked.layer_choice, gone, True)
    assert depth.ran == [i for i in range(6) if str(i) not in (gone or "")]
    assert fraction.evidence == {"layers": 6, "ran": depth.ran, "passes": 2}


def test_influence_is_measured_on_the_trained_model_and_kept_with_the_proof(
    trained: nn.Module, batches: Batches
) -> None:
    """The values, the layers they pick, and the shapes they were measured on."""
    _, which, depth = proofs(
        InferenceOptions(skip_layers=0.34, layer_choice="influence"), trained, batches
    )
    least = sorted(sorted(range(6), key=lambda i: depth.influence[i])[:2])
    assert which.got == ",".join(map(str, least))
    assert which.evidence["block_influence"] == list(depth.influence)
    assert [rows for rows, _ in depth.calibration] == [8, 8]


def test_a_model_that_answers_nothing_finite_has_no_influence(
    trained: nn.Module, batches: Batches
) -> None:
    """Layers picked by NaN would be any layers."""
    with torch.no_grad():
        trained.base_model.layers[3].mlp.Wo.weight.fill_(float("nan"))
    with pytest.raises(
        UnavailableError,
        match="block influence is not a number: the hidden states of the trained model",
    ):
        layer_rules.block_influence(trained, calibration(batches), CPU)


def test_influence_that_picks_nothing_is_reported(
    trained: nn.Module, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same number for every layer is no choice."""
    monkeypatch.setattr(layer_rules, "block_influence", lambda *_: [0.5] * 6)
    fraction, which, _ = proofs(InferenceOptions(skip_layers=0.34), trained, batches)
    assert (
        fraction.note == which.note == "block influence is the same for all layers: it picked none"
    )


def test_layers_that_ran_although_they_were_to_be_left_out_are_reported(
    trained: nn.Module, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both proofs say which were to go, and which did."""
    monkeypatch.setattr(layers, "leave_out", lambda _model, _gone: None)
    fraction, which, _ = proofs(
        InferenceOptions(skip_layers=0.17, layer_choice="top"), trained, batches
    )
    assert (fraction.got, which.got) == (0.0, None)
    assert fraction.note == which.note == "layers left out: none; requested: 5"


def test_other_layers_than_requested_are_reported(
    trained: nn.Module, batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as asked are not enough."""
    leave = layers.leave_out
    monkeypatch.setattr(layers, "leave_out", lambda model, _gone: leave(model, (1,)))
    fraction, which, _ = proofs(
        InferenceOptions(skip_layers=0.17, layer_choice="top"), trained, batches
    )
    assert fraction.got == 0.167
    assert which.note == "layers left out: 1; requested: 5"


def test_a_fraction_that_rounds_to_no_layer_is_reported(
    trained: nn.Module, batches: Batches
) -> None:
    """The knob asked for something and nothing was left out: the proof says so."""
    fraction, _, _ = proofs(InferenceOptions(skip_layers=0.05), trained, batches)
    assert "nothing was left out" in fraction.note


def test_without_validation_data_there_is_no_influence() -> None:
    """Influence without validation examples is refused; rules that need none get none."""
    asked = InferenceOptions(skip_layers=0.17, layer_choice="influence")
    top = InferenceOptions(skip_layers=0.17, layer_choice="top")
    with pytest.raises(
        UsageError, match="influence is measured on validation examples, and the data have none"
    ):
        layers.calibration(layers.skipping(asked), ())
    assert layers.calibration(layers.skipping(top), ()) == ()
    assert layers.calibration(layers.skipping(InferenceOptions()), ()) == ()
    assert len(layers.calibration(layers.skipping(asked), range(1000))) == layers.CALIBRATION


@pytest.fixture(params=["llama", "qwen2"])
def decoder(request: pytest.FixtureRequest) -> Checkpoint:
    """Give a decoder of each architecture, with four layers."""
    return request.getfixturevalue(request.param)


def without_cache(net: Any, batches: Batches) -> list[list[int]]:
    """Return the ids that the model writes when it reads everything anew for each token."""
    found: list[list[int]] = []
    for batch in batches.test:
        ids = net.generate(
            **batch,
            use_cache=False,
            do_sample=False,
            max_new_tokens=SIZE.max_new_tokens,
            pad_token_id=PAD,
        )
        found += ids[:, batch["input_ids"].shape[1] :].tolist()
    return found


@pytest.mark.parametrize("gone", [(2,), (0, 3)])
def test_shortened_decoder_writes_what_one_built_without_those_layers_writes(
    gone: tuple[int, ...], decoder: Checkpoint
) -> None:
    """It writes the same with a key/value cache and without, and not what the whole one does."""
    batches, whole, short = (
        questions(decoder, pairs(4), batch_size=4),
        decoder.load().eval(),
        decoder.load().eval(),
    )
    leave_out(short, gone)
    fresh = built_without(whole, gone)
    fresh.generation_config = whole.generation_config
    found = written(short, batches)
    assert len(short.base_model.layers) == 4 - len(gone)
    assert found == written(fresh, batches)
    assert found == without_cache(short, batches)
    assert found != written(whole, batches)


@pytest.mark.parametrize("gone", [(), (2,), (0, 3)])
def test_the_cache_has_no_gaps(gone: tuple[int, ...], decoder: Checkpoint) -> None:
    """Each layer that stays writes its own part of the cache; the config counts them."""
    net: Any = decoder.load().eval()
    leave_out(net, gone)
    with torch.inference_mode():
        cache = net(torch.tensor([[5, 6, 7]]), use_cache=True).past_key_values
    assert net.config.num_hidden_layers == len(cache.layers) == 4 - len(gone)
    assert [layer.keys.shape[-2] for layer in cache.layers] == [3] * (4 - len(gone))


def test_layers_of_a_generating_model_are_counted_in_every_pass(decoder: Checkpoint) -> None:
    """The proof is of each token's pass alike; block influence is of prompts and targets."""
    net, asked = decoder.load(), InferenceOptions(skip_layers=0.25, layer_choice="influence")
    batches = questions(decoder, pairs(4), batch_size=2)
    depth = layers.shorten(
        net, asked, [next(iter(learnt(decoder, pairs(32), micro=32).train))], CPU
    )
    with layers.LayerWatch(net, depth):
        written(net, batches)
    assert len(depth.ran) == 3
    assert list(depth.passes.counts.values()) == [2 * SIZE.max_new_tokens]
    assert all(p.holds for p in layers.proofs(depth, asked))
    assert all(value > 0 for value in depth.influence)


def test_without_a_pass_nothing_is_claimed(trained: nn.Module) -> None:
    """A model that did not answer has left out no layer, and both proofs say so."""
    depth = layers.depth_of(trained)
    found = layers.proofs(depth, InferenceOptions())
    assert [(p.got, p.note) for p in found] == [(None, "no forward pass was seen")] * 2


def test_layers_left_out_outside_the_module_list_are_seen(
    trained: nn.Module, batches: Batches
) -> None:
    """A layer that is taken out after the watch began, and one that is not the model's own."""
    depth = layers.depth_of(trained)
    stack: Any = trained.base_model
    with layers.LayerWatch(trained, depth):
        stack.layers[3] = copy.deepcopy(stack.layers[3])
        for hook in list(stack.layers[3]._forward_hooks):
            del stack.layers[3]._forward_hooks[hook]
        classify(trained, batches)
    fraction, _ = layers.proofs(depth, InferenceOptions())
    assert fraction.note == "layers left out: 3; requested: none"
