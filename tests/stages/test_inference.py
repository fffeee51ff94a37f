"""The inference stage: one probability per example, and the attention that computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_runs import START, batched, classify, functions

from greenbench.stages import inference

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog


def test_each_example_gets_its_own_probability_in_order(
    baseline: tuple[nn.Module, TrainingLog],
) -> None:
    """An example has the same probability alone and in any batch, whatever its neighbours."""
    some = functions(20, seed=3)
    together, alone, backwards = (
        classify(baseline[0], batched(some, test, batch_size=size))
        for test, size in ((some, 8), (some, 1), (some[::-1], 20))
    )
    assert len(together) == 20
    assert all(0 <= p <= 1 for p in together)
    assert len(set(together)) > 10
    assert together == pytest.approx(alone, abs=1e-5)
    assert together == pytest.approx(backwards[::-1], abs=1e-5)


def test_probability_is_that_of_class_one(
    baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """The first batch is recomputed from the logits; the model is out of training mode."""
    net, batch = baseline[0].train(), next(iter(batches.test))
    found = classify(net, batches)
    assert not net.training
    with torch.no_grad():
        logits = net(**batch).logits
    odds = (logits[:, 1] - logits[:, 0]).sigmoid()
    assert found[:8] == pytest.approx(odds.tolist(), abs=1e-6)


def test_fine_tuned_baseline_does_better_than_chance(
    baseline: tuple[nn.Module, TrainingLog], scored: Batches
) -> None:
    """The probabilities rank vulnerable functions higher, after training more so than before."""
    from sklearn.metrics import roc_auc_score

    labels = [label for _, label in scored.test.dataset]
    untrained, trained = (
        roc_auc_score(labels, classify(net, scored)) for net in (START.load(), baseline[0])
    )
    assert trained > 0.6
    assert trained > untrained


@pytest.mark.parametrize(("implementation", "calls"), [("sdpa", 6), ("eager", 0)])
def test_attention_in_use_is_seen_not_believed(
    implementation: str, calls: int, trained: nn.Module, batches: Batches
) -> None:
    """The first pass calls torch's fused attention once a layer, or not at all; no hook stays."""
    trained.set_attn_implementation(implementation)
    seen = inference.AttentionProbe(trained)
    assert seen.evidence == {"attention": implementation, "fused_attention_calls": None}
    classify(trained, batches)
    assert seen.evidence == {"attention": implementation, "fused_attention_calls": calls}
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in trained.modules())


def test_a_pass_that_fails_leaves_no_watch_behind(trained: nn.Module) -> None:
    """Torch's functions are nobody's afterwards."""
    seen = inference.AttentionProbe(trained)
    with pytest.raises(IndexError):
        trained(input_ids=torch.tensor([[10**6]]))
    assert torch.overrides._get_current_function_mode_stack() == []
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in trained.modules())
    assert seen.evidence["fused_attention_calls"] == 0


@pytest.mark.parametrize("kind", ["encoder", "llama", "qwen2"])
def test_fused_attention_computes_what_eager_attention_computes(
    kind: str, trained: nn.Module, request: pytest.FixtureRequest
) -> None:
    """Logits agree within FP32's rounding, padding on either side included."""
    net: Any = trained if kind == "encoder" else request.getfixturevalue(kind).load()
    ids = torch.arange(3, 43).reshape(2, 20)
    mask = torch.ones_like(ids)
    mask[0, :5] = 0
    found = []
    for implementation in ("sdpa", "eager"):
        net.set_attn_implementation(implementation)
        with torch.inference_mode():
            found.append(net.eval()(input_ids=ids, attention_mask=mask).logits)
    sdpa, eager = (logits[mask.bool()] if kind != "encoder" else logits for logits in found)
    torch.testing.assert_close(sdpa, eager, rtol=1e-4, atol=1e-4)
