"""The architecture stage: what is INT8, what stays FP32, and what a machine cannot do."""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_decoders import SIZE, pairs, questions, saved, written
from stages.small_runs import CPU, classify
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.options import ArchitectureOptions
from greenbench.stages import architecture, layers, weights

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.stages.training_log import TrainingLog
    from greenbench.types import Applied


INT8, AUTO, FP8, FP32 = (
    ArchitectureOptions(weight_format=f) for f in ("int8", "auto", "fp8", "fp32")
)
TORCHAO = ArchitectureOptions(weight_format="int8", quantizer="torchao")


def proof(
    model: nn.Module, options: ArchitectureOptions, rows: dict[str, torch.Tensor] | None = None
) -> Applied:
    """Return the proof of the weights' format."""
    return architecture.proofs(model, options, CPU, rows or {})[0]


def test_linear_layers_become_those_of_bitsandbytes(trained: nn.Module) -> None:
    """Every linear layer but the classifier is of bitsandbytes' class and holds INT8 weights."""
    import bitsandbytes as bnb

    before = {name for name, m in trained.named_modules() if isinstance(m, nn.Linear)}
    converted = architecture.convert(trained, INT8, CPU)
    after = {name: m for name, m in converted.named_modules() if isinstance(m, nn.Linear)}
    assert set(after) == before
    assert {name for name, m in after.items() if not isinstance(m, bnb.nn.Linear8bitLt)} == {
        "classifier"
    }
    assert {m.weight.dtype for name, m in after.items() if name != "classifier"} == {torch.int8}


@pytest.mark.parametrize("kind", ["llama", "qwen2", "tied"])
def test_a_decoder_keeps_its_head_and_still_writes(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Every linear layer but ``lm_head`` is INT8, seven a layer.

    Head and embeddings are unchanged, tied or not.
    """
    checkpoint: Checkpoint = (
        saved(tmp_path, tie_word_embeddings=True)
        if kind == "tied"
        else request.getfixturevalue(kind)
    )
    whole, batches = checkpoint.load(), questions(checkpoint, pairs(6))
    converted = architecture.convert(checkpoint.load(), INT8, CPU)
    linears = {
        name: type(m).__name__ for name, m in converted.named_modules() if isinstance(m, nn.Linear)
    }
    assert linears.pop("lm_head") == "Linear"
    assert (len(linears), set(linears.values())) == (4 * 7, {"Linear8bitLt"})
    for name in ("lm_head", "model.embed_tokens"):
        assert torch.equal(converted.get_submodule(name).weight, whole.get_submodule(name).weight)
    assert (converted.lm_head.weight is converted.model.embed_tokens.weight) == (kind == "tied")
    rows = written(converted, batches)
    assert [len(row) for row in rows] == [SIZE.max_new_tokens] * 6
    assert sum(a[0] == b[0] for a, b in zip(rows, written(whole, batches), strict=True)) >= 3
    assert proof(converted, INT8).holds


def test_int8_takes_a_quarter_of_the_bytes(trained: nn.Module) -> None:
    """The bytes are those of the live weights, before and after."""
    before = weights.held_formats(trained)
    after = weights.held_formats(architecture.convert(trained, INT8, CPU))
    assert "model.layers.*.attn.Wqkv" in before
    assert after == {name: {"int8": held["fp32"] / 4} for name, held in before.items()}


def test_all_but_the_linear_weights_stay_to_the_bit(
    trained: nn.Module, baseline: tuple[nn.Module, TrainingLog]
) -> None:
    """Classifier, embeddings and norms are in FP32 and bit-identical to what was trained."""
    kept = dict(architecture.convert(trained, INT8, CPU).named_parameters())
    original = dict(baseline[0].named_parameters())
    same = {name for name, p in kept.items() if p.dtype == torch.float32}
    assert {"classifier.weight", "classifier.bias"} <= same
    assert {
        type(trained.get_submodule(name.rpartition(".")[0])).__name__
        for name in kept
        if name not in same
    } == {"Linear8bitLt"}
    assert all(torch.equal(kept[name], original[name]) for name in same)


def test_a_head_keeps_fp32_whatever_its_name_and_the_layer_beside_it_does_not() -> None:
    """It is the last part beside the body that has a linear layer; all keep their bias."""
    model = nn.Module()
    model.base_model_prefix = "body"
    model.body, model.dense = nn.Sequential(nn.Linear(16, 16)), nn.Linear(16, 16)
    model.says = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 8))
    model.dropout = nn.Dropout()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    architecture.convert(model, INT8, CPU)
    kinds = {name: type(m).__name__ for name, m in model.named_modules() if hasattr(m, "bias")}
    int8 = ["body.0", "dense"]
    assert kinds == {**dict.fromkeys(int8, "Linear8bitLt"), "says.0": "Linear", "says.1": "Linear"}
    same = [n for n in before if n.endswith("bias") or n.startswith("says.")]
    assert all(torch.equal(model.get_parameter(name), before[name]) for name in same)


def test_int8_predicts_almost_what_fp32_predicts(
    trained: nn.Module, baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """Rounding to 8 bits moves some probabilities, and none by much."""
    whole = torch.tensor(classify(baseline[0], batches))
    rounded = torch.tensor(classify(architecture.convert(trained, INT8, CPU), batches))
    moved = (whole - rounded).abs()
    assert 0 < float(moved.max()) < 0.05


@pytest.mark.parametrize(
    ("options", "library"), [(INT8, "bitsandbytes"), (AUTO, "bitsandbytes"), (TORCHAO, "torchao")]
)
def test_conversion_is_proved_by_the_live_weights(
    options: ArchitectureOptions,
    library: str,
    trained: nn.Module,
    baseline: tuple[nn.Module, TrainingLog],
) -> None:
    """Format and library are read from the weights, bytes by module.

    No weight is further from the trained one than rounding moves it.
    """
    converted = architecture.convert(trained, options, CPU)
    held, by, _ = architecture.proofs(converted, options, CPU, baseline[1].rows)
    assert (held.asked, held.got, held.holds) == (options.weight_format, "int8", True)
    assert (by.asked, by.got, by.holds) == (options.quantizer, library, True)
    assert held.evidence["bytes"] == weights.held_formats(converted)
    assert set(held.evidence["bytes"]["model.layers.*.mlp.Wi"]) == {"int8"}
    assert 0.3 < held.evidence["steps_from_trained"] < weights.ROUNDED


def test_baseline_is_proved_to_be_fp32(baseline: tuple[nn.Module, TrainingLog]) -> None:
    """Nothing converts the baseline: its weights are the trained ones to the bit."""
    held, by, _ = architecture.proofs(baseline[0], FP32, CPU, baseline[1].rows)
    assert (held.got, held.holds, by.got, by.holds) == ("fp32", True, None, True)
    assert held.evidence["steps_from_trained"] == 0


def negated(weight: torch.Tensor) -> torch.Tensor:
    """Return a matrix of the same norm."""
    return -weight.flip(0)


def trained_a_little_less(weight: torch.Tensor) -> torch.Tensor:
    """Return a matrix in which one weight of each row differs by more than rounding."""
    other = weight.clone()
    other[:, 0] += weight.abs().amax(dim=1) * 0.01
    return other


@pytest.mark.parametrize("other", [negated, trained_a_little_less])
@pytest.mark.parametrize("options", [FP32, INT8, TORCHAO], ids=["fp32", "bitsandbytes", "torchao"])
def test_converting_other_weights_than_the_trained_ones_is_reported(
    options: ArchitectureOptions,
    other: Any,
    trained: nn.Module,
    baseline: tuple[nn.Module, TrainingLog],
) -> None:
    """The proof compares weight by weight: neither another sign nor a small change is rounding."""
    with torch.no_grad():
        for linear in weights.convertible(trained).values():
            linear.weight.copy_(other(linear.weight))
    net = trained if options is FP32 else architecture.convert(trained, options, CPU)
    assert proof(net, options, baseline[1].rows).note.startswith(
        "the converted weights are not the trained ones: one is "
    )


@pytest.mark.parametrize("held", ["bf16", "fp16", "nf4"])
def test_smaller_formats_are_proved_by_the_live_weights(
    held: str, trained: nn.Module, baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """Weights of bf16, fp16 and nf4 take fewer bytes and stay within a step of the trained ones.

    Probabilities move, and none by much; a head stays in FP32.
    """
    options = ArchitectureOptions(weight_format=held)
    whole = torch.tensor(classify(baseline[0], batches))
    before = weights.held_formats(trained)["model.layers.*.mlp.Wi"]["fp32"]
    converted = architecture.convert(trained, options, CPU)
    moved = (whole - torch.tensor(classify(converted, batches))).abs()
    assert 0 < float(moved.max()) < (0.3 if held == "nf4" else 0.05)
    proved, by, _ = architecture.proofs(converted, options, CPU, baseline[1].rows)
    assert (proved.got, proved.holds, by.holds) == (held, True, True)
    assert by.got == ("bitsandbytes" if held == "nf4" else None)
    bits = {"bf16": 16, "fp16": 16, "nf4": 4}[held]
    assert proved.evidence["bytes"]["model.layers.*.mlp.Wi"] == {held: before * bits // 32}
    assert type(converted.classifier) is nn.Linear
    with torch.no_grad():
        for linear in weights.convertible(trained).values():
            linear.weight.data.copy_(linear.weight.data.flip(0))
    assert not proof(converted, options, baseline[1].rows).holds


def test_matrices_that_nf4_cannot_divide_are_refused() -> None:
    """The sentence names the layer, its sides and what would work."""
    model = nn.Sequential(OrderedDict(odd=nn.Linear(48, 64)))
    with pytest.raises(UnavailableError, match="multiples of 32, and odd has 64 x 48; int8 or"):
        architecture.convert(model, ArchitectureOptions(weight_format="nf4"), CPU)


def test_threshold_is_read_from_the_live_layers(trained: nn.Module, batches: Batches) -> None:
    """A lower threshold sends more columns to floating point, and 0 none at all."""
    columns = []
    for threshold in (0.0, 6.0, 1.0):
        options = ArchitectureOptions(weight_format="int8", int8_threshold=threshold)
        converted = architecture.convert(copy.deepcopy(trained), options, CPU)
        classify(converted, batches)
        found = architecture.proofs(converted, options, CPU, {})[2]
        assert (found.got, found.holds) == (threshold, True)
        columns.append(found.evidence["columns_above_it"])
    assert columns[0] == 0
    assert columns[1] < columns[2]
    converted.base_model.layers[2].attn.Wo.state.threshold = 3.0
    assert "3.0" in architecture.proofs(converted, options, CPU, {})[2].note


@pytest.mark.parametrize(("held", "library"), [("int8", "torchao"), ("fp32", "auto")])
def test_a_threshold_for_others_than_bitsandbytes_is_refused(held: str, library: str) -> None:
    """The sentence names what was found and what would work."""
    options = ArchitectureOptions(weight_format=held, quantizer=library, int8_threshold=0.0)
    with pytest.raises(UsageError, match=f"int8_threshold: .* found {held}.*; set weight_format"):
        architecture.check(options, CPU)


def test_what_a_cpu_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """FlashAttention is for GPUs, and FP16 for CPUs with kernels of it."""
    with pytest.raises(UnavailableError, match=r"attention: flash needs a CUDA device, .* sdpa"):
        architecture.check(ArchitectureOptions(attention="flash"), CPU)
    with pytest.raises(UnavailableError, match=r"flash needs the package flash_attn, .* set sdpa"):
        architecture.check(ArchitectureOptions(attention="flash"), torch.device("cuda"))
    monkeypatch.setattr(architecture, "has_fp16", lambda: False)
    with pytest.raises(UnavailableError, match=r"does not multiply in fp16, .* bf16, int8 or fp32"):
        architecture.check(ArchitectureOptions(weight_format="fp16"), CPU)


def test_fp8_is_compared_with_its_own_steps() -> None:
    """Weights rounded to FP8 (e4m3) are within half a step of the trained ones."""
    torch.manual_seed(0)
    layer = nn.Linear(64, 16)
    rows = layer.weight.detach().clone()
    layer.weight = nn.Parameter((rows * 100).to(torch.float8_e4m3fn), requires_grad=False)
    monkey = {
        "held": weights.steps_apart(rows * 100, layer),
        "other": weights.steps_apart(rows * 120, layer),
    }
    assert 0.3 < monkey["held"] <= 0.5 + 1e-6
    assert monkey["other"] > weights.ROUNDED


@pytest.mark.parametrize("options", [INT8, TORCHAO], ids=["bitsandbytes", "torchao"])
def test_weights_are_compared_layer_by_layer_where_some_are_left_out(
    options: ArchitectureOptions, trained: nn.Module, baseline: tuple[nn.Module, TrainingLog]
) -> None:
    """Layers get new numbers when others go, and are found again."""
    converted = architecture.convert(trained, options, CPU)
    layers.leave_out(converted, (1, 4))
    named = layers.renumbered(baseline[1].rows, layers.Depth(kinds=("any",) * 6, gone=(1, 4)))
    assert proof(converted, options, named).holds
    assert not proof(converted, options, baseline[1].rows).holds


def test_untrained_weights_are_compared_with_nothing(
    baseline: tuple[nn.Module, TrainingLog],
) -> None:
    """Without training there is nothing to compare with, and nothing is made up."""
    assert proof(baseline[0], FP32).evidence["steps_from_trained"] is None


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_torchao_predicts_almost_what_fp32_predicts(
    kind: str, llama: Checkpoint, trained: nn.Module, batches: Batches
) -> None:
    """INT8 weights of torchao move probabilities by less than 0.05 and few first tokens."""
    if kind == "encoder":
        whole = torch.tensor(classify(copy.deepcopy(trained), batches))
        moved = (
            whole - torch.tensor(classify(architecture.convert(trained, TORCHAO, CPU), batches))
        ).abs()
        assert 0 < float(moved.max()) < 0.05
        return
    asked = questions(llama, pairs(6))
    rows, whole_rows = (
        written(architecture.convert(llama.load(), TORCHAO, CPU), asked),
        written(llama.load(), asked),
    )
    assert sum(a[0] == b[0] for a, b in zip(rows, whole_rows, strict=True)) >= 3


def test_torchao_keeps_heads_embeddings_and_norms(
    trained: nn.Module, baseline: tuple[nn.Module, TrainingLog]
) -> None:
    """Only the linear layers that bitsandbytes would convert hold tensors of torchao.

    Everything else is what was trained, to the bit.
    """
    converted = architecture.convert(trained, TORCHAO, CPU)
    held = {n for n, p in converted.named_parameters() if type(p).__module__.startswith("torchao")}
    assert held == {f"{name}.weight" for name in weights.convertible(baseline[0])}
    original = dict(baseline[0].named_parameters())
    assert all(
        torch.equal(p, original[n]) for n, p in converted.named_parameters() if n not in held
    )


def test_conversion_that_does_nothing_is_reported(
    trained: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the weights stay FP32 although INT8 was asked for, neither proof holds."""
    monkeypatch.setitem(architecture.CONVERSIONS, ("int8", "bitsandbytes"), lambda model, *_: model)
    net = architecture.convert(trained, INT8, CPU)
    held, by, threshold = architecture.proofs(net, INT8, CPU, {})
    assert not threshold.holds
    assert (held.got, held.note) == ("fp32", "the linear layers' weights are held as fp32")
    assert (by.got, by.note) == (None, "requested bitsandbytes, the weights are held by none")


def test_conversion_that_forgets_a_layer_is_reported(trained: nn.Module) -> None:
    """One FP32 layer among INT8 ones is enough for the proof not to hold."""
    forgotten = nn.Linear(64, 64)
    converted = architecture.convert(trained, INT8, CPU)
    converted.base_model.layers[3].attn.Wo = forgotten
    held = proof(converted, INT8)
    assert (held.got, held.holds) == ("fp32+int8", False)


@pytest.mark.parametrize(
    ("fp8", "installed", "chosen"),
    [(True, True, "fp8"), (True, False, "int8"), (False, True, "int8")],
)
def test_auto_takes_fp8_where_chip_and_package_have_it(
    *, fp8: bool, installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``auto`` is FP8 where it works and INT8 elsewhere; a named format stands for itself."""
    monkeypatch.setattr(architecture, "has_fp8", lambda _device: fp8)
    monkeypatch.setattr(architecture, "_installed", lambda _package: installed)
    assert architecture.resolve(AUTO, CPU) == chosen
    assert [architecture.resolve(options, CPU) for options in (FP32, INT8, FP8)] == [
        "fp32",
        "int8",
        "fp8",
    ]
    named = ArchitectureOptions(weight_format="auto", quantizer="bitsandbytes")
    assert architecture.resolve(named, CPU) == "int8"  # which has no FP8, on no chip


def test_auto_on_a_cpu_is_int8() -> None:
    """A CPU has no FP8 units, and it can do INT8 and FP32."""
    assert architecture.resolve(AUTO, CPU) == "int8"
    for options in (FP32, INT8, AUTO, TORCHAO):
        architecture.check(options, CPU)


def test_fp8_on_a_cpu_is_refused() -> None:
    """The sentence names the knob, the device and what would work."""
    with pytest.raises(
        UnavailableError,
        match=r"weight_format: fp8 .* capability 8.9 .* runs on cpu; int8 or auto would work",
    ):
        architecture.check(FP8, CPU)


def test_a_library_that_cannot_convert_so_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bitsandbytes has no FP8: the sentence names who has."""
    monkeypatch.setattr(architecture, "has_fp8", lambda _device: True)
    with pytest.raises(
        UsageError, match=r"quantizer: bitsandbytes does not convert to fp8; torchao would work"
    ):
        architecture.check(ArchitectureOptions(weight_format="fp8", quantizer="bitsandbytes"), CPU)


@pytest.mark.parametrize("options", [INT8, AUTO])
def test_without_bitsandbytes_torchao_converts(
    options: ArchitectureOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``auto`` takes the library that is there; a named one is not replaced."""
    monkeypatch.setattr(architecture, "_installed", lambda package: package == "torchao")
    assert architecture.quantizer(options, CPU) == "torchao"
    architecture.check(options, CPU)
    with pytest.raises(
        UnavailableError,
        match=r"int8 needs the package bitsandbytes; .* or set quantizer: torchao",
    ):
        architecture.check(ArchitectureOptions(weight_format="int8", quantizer="bitsandbytes"), CPU)


@pytest.mark.parametrize("options", [INT8, AUTO])
def test_missing_libraries_are_named(
    options: ArchitectureOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without either package INT8 is refused before anything runs; FP32 needs none."""
    monkeypatch.setattr(architecture, "_installed", lambda _package: False)
    with pytest.raises(
        UnavailableError,
        match=r"int8 needs the package bitsandbytes; .* or set weight_format: fp32",
    ):
        architecture.check(options, CPU)
    architecture.check(FP32, CPU)


def test_a_package_that_is_blocked_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be imported is not installed."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    assert architecture.quantizer(INT8, CPU) == "torchao"


def test_missing_torchao_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a chip with FP8 the missing package is what stands in the way."""
    monkeypatch.setattr(architecture, "has_fp8", lambda _device: True)
    monkeypatch.setattr(architecture, "_installed", lambda _package: False)
    with pytest.raises(UnavailableError, match=r"needs the package torchao; .*\[fp8\].* int8"):
        architecture.check(FP8, CPU)
