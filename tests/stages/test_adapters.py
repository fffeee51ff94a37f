"""Low-rank adapters: what is trained, what is merged, and how it is proved."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_runs import CPU, SHORT, START, batched, functions, run_stages

from greenbench.errors import UnavailableError, UsageError
from greenbench.options import ArchitectureOptions, DataOptions, Options, TrainingOptions
from greenbench.stages import adapters, flops, training
from greenbench.stages.toggles import Toggles
from greenbench.stages.trained_parts import TrainedParts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

LACKS_PEFT = importlib.util.find_spec("peft") is None  # imported by the test that first uses it
pytestmark = [
    pytest.mark.usefixtures("as_new"),
    pytest.mark.skipif(LACKS_PEFT, reason="the extra lora is not installed"),
]

LORA = ArchitectureOptions(adapter="lora", lora_rank=4, lora_targets="Wqkv,Wo")
KNOBS = ("adapter", "lora_rank", "lora_alpha", "lora_targets")


def run(
    options: Options,
) -> tuple[dict[str, Applied], nn.Module, Callable[[], dict[str, int | None]]]:
    """Run the stages in miniature; return the proofs, the model, and what counts the work."""
    stages = Toggles(options, SHORT, "cpu")
    rows = functions(32), functions(8, seed=1), functions(8, seed=2)
    net, batches, _ = run_stages(stages, *rows)
    proofs = {f"{proof.stage}.{proof.knob}": proof for proof in stages.applied()}
    return proofs, net, lambda: stages.work(net, batches)


def asked(architecture: ArchitectureOptions, **others: Any) -> Options:
    """Return options of two steps of sixteen functions."""
    data = DataOptions(tokenizer="rust", batch_size=16)
    return Options(data=data, architecture=architecture, **others)


def test_adapters_are_trained_and_the_plain_model_answers() -> None:
    """Embeddings and norms keep their numbers; matrices with an adapter move, and so does the head.

    The layers below those that are frozen have adapters that are not trained.
    """
    proofs, net, adapted_work = run(asked(LORA))
    read = {knob: proofs[f"architecture.{knob}"] for knob in KNOBS}
    assert [proof.got for proof in read.values()] == ["lora", 4, 16.0, "Wo,Wqkv"]
    assert all(proof.holds for proof in proofs.values())
    assert read["adapter"].evidence == {"adapted_layers": 18, "adapters_changed": 18}
    start = START.load()
    moved = set()
    for (name, before), after in zip(start.named_parameters(), net.parameters(), strict=True):
        if not torch.equal(before, after):
            moved.add(name)
    expected = {name for name, _ in net.named_parameters() if not name.startswith("model.")}
    expected |= {f"{name}.weight" for name in adapters.target_names(start, "Wqkv,Wo")}
    assert moved == expected
    _, _, whole_work = run(asked(ArchitectureOptions()))
    work, whole = adapted_work(), whole_work()
    assert work["parameters"] == whole["parameters"]
    assert work["flops_inference"] == whole["flops_inference"]
    assert 0.5 < work["flops_training"] / whole["flops_training"] < 1


def adapted(kind: str) -> Any:
    """Return a model whose adapters are not zero, in training mode off."""
    torch.manual_seed(0)
    net = START.load()
    adapters.inject(net, replace(LORA, adapter=kind), CPU)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if ".lora_B." in name or name.startswith("classifier"):
                weight.normal_(std=0.1)
    return net.eval()


@pytest.mark.parametrize(("kind", "tolerance"), [("lora", 1e-5), ("qlora", 0.02)])
def test_merged_adapters_answer_what_unmerged_ones_do(kind: str, tolerance: float) -> None:
    """NF4 multiplies in bf16 before it is merged, so that its logits differ by that rounding."""
    net = adapted(kind)
    batch = next(iter(batched(functions(32), functions(8), size=SHORT).test))
    with torch.inference_mode():
        before = net(**batch).logits
        plain = START.load().eval()(**batch).logits
    adapters.merge(net)
    assert adapters.read(net).kind == "none"
    with torch.inference_mode():
        after = net(**batch).logits
    assert float((before - after).abs().max()) < tolerance * max(1.0, float(before.abs().max()))
    assert float((before - plain).abs().max()) > 0.1


def test_weights_in_nf4_are_trained_by_their_adapters_alone() -> None:
    """QLoRA is proved by the live base weights, and inference holds FP32 again."""
    proofs, net, _ = run(asked(ArchitectureOptions(adapter="qlora")))
    proof = proofs["architecture.adapter"]
    assert (proof.got, proof.note) == ("qlora", "")
    assert proofs["architecture.weight_format"].got == "fp32"
    assert (proofs["training.precision"].got, proofs["training.precision"].note) == ("fp32", "")
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_adapters_stand_beside_other_knobs() -> None:
    """Layers are taken out, frozen, checkpointed; weights are converted: all proofs hold."""
    options = asked(
        ArchitectureOptions(adapter="lora", prune_layers=0.34, weight_format="int8"),
        training=TrainingOptions(frozen_layers=0.5, gradient_checkpointing=True),
    )
    proofs, _, _ = run(options)
    assert [knob for knob, proof in proofs.items() if not proof.holds] == []
    assert proofs["architecture.adapter"].evidence["adapted_layers"] == 16
    assert proofs["architecture.adapter"].evidence["adapters_changed"] == 8


def test_adapters_that_are_still_there_at_inference_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model that answers is to be the plain one."""
    monkeypatch.setattr(training, "merge_adapters", lambda _net, _log: None)
    proofs, _, _ = run(asked(LORA))
    note = "18 layers still had an adapter at inference"
    assert proofs["architecture.adapter"].note == note


def test_layers_that_the_model_lacks_are_refused_with_those_it_has() -> None:
    """Names of another architecture do not end in a model whose head alone is trained."""
    with pytest.raises(
        UsageError,
        match=r"lora_targets: q_proj was requested, and the linear layers of \w+ are Wi, Wo, Wqkv",
    ):
        adapters.target_names(START.load(), "Wqkv,q_proj")


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is made before anything runs."""
    monkeypatch.setattr(adapters, "find_spec", lambda _package: None)
    with pytest.raises(UnavailableError, match=r"lora needs the package peft, .*\[lora\]"):
        Toggles(Options(architecture=LORA), SHORT, "cpu").check()


def test_a_decoder_trains_its_adapters_alone(llama: Checkpoint) -> None:
    """Its head, which is pretrained or shared with the embeddings, stays."""
    net = llama.load()
    adapters.inject(net, ArchitectureOptions(adapter="lora", lora_targets="q_proj"), CPU)
    trainable = {name for name, weight in net.named_parameters() if weight.requires_grad}
    assert len(trainable) == 8
    assert all("q_proj.lora_" in name for name in trainable)


@pytest.mark.parametrize("parts", [TrainedParts(frozen_layers=0.5), TrainedParts("lora", 4, "Wo")])
def test_operations_of_a_partial_training_are_those_that_run(parts: TrainedParts) -> None:
    """The count by a skeleton equals torch's count of the real passes."""
    from torch.utils.flop_counter import FlopCounterMode

    net: Any = START.load()
    config = copy.deepcopy(net.config)
    net.set_attn_implementation("eager")
    parts.prepare(net)
    ids = torch.ones((2, 40), dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        net(input_ids=ids, labels=ids[:, 0]).loss.backward()
    assert flops.of_training(net, config, [(2, 40)], parts) == counter.get_total_flops()


def test_a_training_of_adapters_is_kept_as_plain_weights(tmp_path: Path) -> None:
    """A cell that takes it over answers the same, with the same proofs."""
    options, file = asked(LORA), tmp_path / "weights.safetensors"
    rows = functions(32), functions(8, seed=1)
    results = []
    facts: Any = None
    for taken in (False, True):
        stages = Toggles(options, SHORT, "cpu")
        keeper = stages.kept_training()
        with stages.quiet():
            stages.reset(0)
            batches = stages.data(*rows, START, 0)
            net = stages.architecture(START)
            if taken:
                keeper.load((net, batches), keeper.read(file.read_bytes()), facts)
            else:
                net = stages.training(net, batches)
                keeper.snapshot(net)
            answers = stages.inference(net, batches)
        results.append((answers, stages.applied(), stages.work(net, batches)))
        if not taken:
            keeper.write(file)
            facts = keeper.facts()
    assert results[0] == results[1]
