"""Checkpointed, frozen and otherwise stepped trainings: what they leave, and how it is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_runs import SHORT, START, functions, run_stages

from greenbench.errors import UnavailableError
from greenbench.options import ArchitectureOptions, DataOptions, Options, TrainingOptions
from greenbench.run.effects import without_effect
from greenbench.stages import optimizers, training
from greenbench.stages.stack import LayerStack
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

SGD = TrainingOptions(optimizer="sgd")


def run(
    options: TrainingOptions, **architecture: Any
) -> tuple[dict[str, Applied], nn.Module, Callable[[], dict[str, int | None]]]:
    """Train two steps in miniature; return proofs by knob, the model, and what counts the work."""
    asked = Options(
        data=DataOptions(tokenizer="rust", batch_size=16),
        architecture=ArchitectureOptions(**architecture),
        training=options,
    )
    stages = Toggles(asked, SHORT, "cpu")
    rows = functions(32), functions(4, seed=1), functions(4, seed=2)
    net, batches, _ = run_stages(stages, *rows)
    proofs = {f"{proof.stage}.{proof.knob}": proof for proof in stages.applied()}
    return proofs, net, lambda: stages.work(net, batches)


def largest_difference(one: nn.Module, other: nn.Module) -> float:
    """Return by how much the weights of two models differ at most."""
    states = one.state_dict(), other.state_dict()
    return max(float((states[0][k] - states[1][k]).abs().max()) for k in states[0])


@pytest.fixture(scope="module")
def plain() -> tuple[nn.Module, dict[str, int | None]]:
    """Train with SGD, whose steps are the gradients; give the model and the work."""
    _, net, work = run(SGD)
    return net, work()


def test_checkpointing_recomputes_every_layer_and_changes_no_gradient(plain: Any) -> None:
    """Two steps of SGD end in the same weights; afterwards the model computes once again."""
    proofs, net, work = run(replace(SGD, gradient_checkpointing=True))
    proof = proofs["training.gradient_checkpointing"]
    assert (proof.got, proof.note, proof.how.partition(",")[2]) == (True, "", " by hooks")
    assert largest_difference(plain[0], net) < 1e-6
    assert not any(getattr(module, "gradient_checkpointing", False) for module in net.modules())
    assert work()["flops_training"] == plain[1]["flops_training"]


def test_frozen_layers_keep_their_weights_and_the_backward_pass_ends_there() -> None:
    """Embeddings and three layers stay; of four layers that pruning leaves, a half is two."""
    proofs, net, _ = run(TrainingOptions(frozen_layers=0.5))
    proof, start = proofs["training.frozen_layers"], START.load()
    assert (proof.got, proof.note, proof.evidence["frozen"]) == (0.5, "", [0, 1, 2])
    same = {
        name
        for (name, one), other in zip(start.named_parameters(), net.parameters(), strict=True)
        if torch.equal(one, other)
    }
    lower = ("model.embeddings.", "model.layers.0.", "model.layers.1.", "model.layers.2.")
    assert same == {name for name, _ in net.named_parameters() if name.startswith(lower)}
    assert proof.evidence["frozen_tensors"] == len(same)
    assert all(weight.requires_grad for weight in net.parameters())
    proofs, _, _ = run(TrainingOptions(frozen_layers=0.5), prune_choice="0,2")
    assert proofs["training.frozen_layers"].evidence["frozen"] == [0, 1]
    assert all(proof.holds for proof in proofs.values())


def test_gradients_that_reach_frozen_layers_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that are frozen above trainable embeddings spare no backward pass."""
    monkeypatch.setattr(LayerStack, "before", lambda _stack: ())
    proofs, _, _ = run(TrainingOptions(frozen_layers=0.5))
    proof = proofs["training.frozen_layers"]
    expected = "layers without gradients: none; requested: 0,1,2"
    assert (proof.got, proof.note) == (0.0, expected)


def test_a_fraction_that_freezes_no_layer_is_reported() -> None:
    """A knob that rounds to nothing says so."""
    proofs, _, _ = run(TrainingOptions(frozen_layers=0.05))
    assert (
        proofs["training.frozen_layers"].note
        == "0.05 of 6 layers rounds to none: nothing was frozen"
    )


def test_the_fused_optimizer_steps_like_the_other() -> None:
    """Its kernel is read from the live object; the weights differ by rounding alone."""
    plain, whole, _ = run(TrainingOptions())
    fused, other, _ = run(TrainingOptions(optimizer="adamw_fused"))
    assert (plain["training.optimizer"].got, fused["training.optimizer"].got) == (
        "adamw",
        "adamw_fused",
    )
    assert set(fused["training.optimizer"].evidence["state_bytes"]) == {"float32"}
    assert largest_difference(whole, other) < 1e-4


def test_an_optimizer_with_states_in_8_bit_is_told_by_them() -> None:
    """The class alone proves nothing: its states would be FP32 for small tensors."""
    weight = torch.nn.Parameter(torch.zeros(3))
    claims = type("AdamW8bit", (torch.optim.AdamW,), {})([weight], lr=1.0)
    weight.sum().backward()
    claims.step()
    assert optimizers.name_of(claims) == "adamw"
    claims.state[weight]["state1"] = torch.zeros(3, dtype=torch.uint8)
    assert optimizers.name_of(claims) == "adamw_8bit"


def test_an_optimizer_without_a_kernel_here_is_refused() -> None:
    """The sentence says what would work."""
    with pytest.raises(
        UnavailableError, match=r"training.optimizer: adamw_8bit needs .*adamw would"
    ):
        training.check(TrainingOptions(optimizer="adamw_8bit"), torch.device("xpu"))


@pytest.mark.parametrize(("units", "got"), [(True, "bf16"), (False, "fp32")])
def test_automatic_precision_is_read_back(
    units: bool,  # noqa: FBT001
    got: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the chip has nothing faster it is the baseline's precision, and has no effect."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units)
    asked = TrainingOptions(precision="auto")
    proofs, _, _ = run(asked)
    proof = proofs["training.precision"]
    assert (proof.asked, proof.got, proof.note) == ("auto", got, "")
    idle = without_effect(tuple(proofs.values()), Options(training=asked))
    assert idle == (() if units else ("training.precision",))
