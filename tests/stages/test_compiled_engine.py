"""``torch.compile`` as an engine: the model's answers, and proofs from the captured graphs."""

from __future__ import annotations

import copy
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_runs import CPU, SHORT, batched, classify, fine_tuned, functions

from greenbench.errors import UsageError
from greenbench.options import ArchitectureOptions, InferenceOptions, Options
from greenbench.stages import engines, isolation, layers
from greenbench.stages.compiled_engine import CompiledEngine
from greenbench.stages.round_record import InferenceProbe

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog

COMPILE = Options(inference=InferenceOptions(engine="compile"))
GONE = (1, 2, 3, 4)


def shortened(net: nn.Module) -> tuple[nn.Module, layers.Depth]:
    """Return a copy of two layers, which compiles in less time, and its depth."""
    short = copy.deepcopy(net)
    depth = layers.depth_of(short)
    layers.leave_out(short, GONE)
    depth.gone = GONE
    return short, depth


@pytest.fixture
def learnt() -> tuple[nn.Module, TrainingLog]:
    """Give a model that two steps have trained."""
    return fine_tuned(batched(functions(64), functions(2), size=SHORT))


@pytest.mark.slow
@pytest.mark.usefixtures("as_new")
def test_a_compiled_model_answers_what_the_model_does_and_proves_itself(
    learnt: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """Probabilities agree within 1e-4, also of other lengths; graphs say what ran in each pass.

    One graph, no break and no recompilation.
    """
    net, depth = shortened(learnt[0])
    whole = classify(net, batches)
    _, engine = engines.converted(net, COMPILE, CPU, batches)
    probe = InferenceProbe(net, depth, engine)
    with probe:
        assert classify(engine, batches) == pytest.approx(whole, abs=1e-4)
        assert not any(module._forward_hooks for module in net.modules())
    assert engines.proof("compile", engine, depth.passes.total).holds
    assert (depth.passes.total, depth.missing) == (2, GONE)
    assert dict(probe.precisions.counts) == {"fp32": 2 * (2 * 4 + 2)}
    assert probe.attention == {"attention": "sdpa", "fused_attention_calls": 2}
    found = engine.evidence
    counts = (found["graphs"], found["graph_breaks"], found["recompiled_at_inference"])
    assert counts == (1, 0, 0)
    assert found["compile_seconds"] > 0
    rows = layers.renumbered(learnt[1].rows, depth)
    assert engine.weight_proofs(ArchitectureOptions(), rows)[0].holds


def test_a_compiler_that_does_nothing_is_reported(
    baseline: tuple[nn.Module, TrainingLog],
    batches: Batches,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Passes in which no captured graph is called are torch's own."""
    monkeypatch.setattr(torch, "compile", lambda call, **_: call)
    net, depth = shortened(baseline[0])
    _, engine = engines.converted(net, COMPILE, CPU, batches)
    assert isinstance(engine, CompiledEngine)
    with InferenceProbe(net, depth, engine):
        classify(engine, batches)
    proof = engines.proof("compile", engine, depth.passes.total)
    assert (proof.got, proof.holds) == ("torch", False)
    assert depth.missing == tuple(range(6))


def test_a_reset_forgets_what_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler is reset if it was ever used, and not loaded for that."""
    resets: list[None] = []
    monkeypatch.setattr(torch.compiler, "reset", lambda: resets.append(None))
    monkeypatch.delitem(sys.modules, "torch._inductor.compile_fx", raising=False)
    isolation.reset(0)
    assert resets == []
    monkeypatch.setitem(sys.modules, "torch._inductor.compile_fx", torch)
    isolation.reset(0)
    assert resets == [None]


def test_models_that_write_are_not_compiled() -> None:
    """The sentence names what would work."""
    with pytest.raises(UsageError, match=r"compile runs models that do not write alone, .* torch"):
        engines.check(COMPILE, CPU, generates=True)
