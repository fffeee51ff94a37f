"""The architecture stage: what is held in INT8, what stays in FP32, and what a machine cannot do."""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_decoders import SIZE, pairs, questions, saved, written
from stages.small_runs import CPU, classify
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.stages import architecture

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.stages.data import Batches
    from greenbench.stages.training import Seen
    from greenbench.tasks.checkpoints import Checkpoint


def test_linear_layers_become_those_of_bitsandbytes(trained: nn.Module) -> None:
    """Every linear layer but the classifier is bitsandbytes' own class, its weights are INT8, and none is forgotten."""
    import bitsandbytes as bnb

    before = {name for name, m in trained.named_modules() if isinstance(m, nn.Linear)}
    converted = architecture.convert(trained, "int8", CPU)
    after = {name: m for name, m in converted.named_modules() if isinstance(m, nn.Linear)}
    assert set(after) == before
    assert {name for name, m in after.items() if not isinstance(m, bnb.nn.Linear8bitLt)} == {"classifier"}
    assert {m.weight.dtype for name, m in after.items() if name != "classifier"} == {torch.int8}


@pytest.mark.parametrize("kind", ["llama", "qwen2", "tied"])
def test_a_decoder_keeps_its_head_and_still_writes(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Every linear layer but ``lm_head`` is INT8, seven a layer; head and embeddings are what they were, tied or not."""
    checkpoint: Checkpoint = saved(tmp_path, tie_word_embeddings=True) if kind == "tied" else request.getfixturevalue(kind)
    whole, batches = checkpoint.load(), questions(checkpoint, pairs(6))
    converted = architecture.convert(checkpoint.load(), "int8", CPU)
    linears = {name: type(m).__name__ for name, m in converted.named_modules() if isinstance(m, nn.Linear)}
    assert linears.pop("lm_head") == "Linear"
    assert (len(linears), set(linears.values())) == (4 * 7, {"Linear8bitLt"})
    for name in ("lm_head", "model.embed_tokens"):
        assert torch.equal(converted.get_submodule(name).weight, whole.get_submodule(name).weight)
    assert (converted.lm_head.weight is converted.model.embed_tokens.weight) == (kind == "tied")
    rows = written(converted, batches)
    assert [len(row) for row in rows] == [SIZE.max_new_tokens] * 6
    assert sum(a[0] == b[0] for a, b in zip(rows, written(whole, batches), strict=True)) >= 3
    assert architecture.proof(converted, "int8", CPU).holds


def test_int8_takes_a_quarter_of_the_bytes(trained: nn.Module) -> None:
    """The bytes are those of the live weights, before and after."""
    before = architecture.held_formats(trained)
    after = architecture.held_formats(architecture.convert(trained, "int8", CPU))
    assert set(before) == {"fp32"}
    assert after == {"int8": before["fp32"] / 4}


def test_all_but_the_linear_weights_stay_to_the_bit(trained: nn.Module, baseline: tuple[nn.Module, Seen]) -> None:
    """Classifier, embeddings and norms are in FP32 and bit-identical to what was trained."""
    kept = dict(architecture.convert(trained, "int8", CPU).named_parameters())
    original = dict(baseline[0].named_parameters())
    same = {name for name, p in kept.items() if p.dtype == torch.float32}
    assert {"classifier.weight", "classifier.bias"} <= same
    assert {type(trained.get_submodule(name.rpartition(".")[0])).__name__ for name in kept if name not in same} == {
        "Linear8bitLt"
    }
    assert all(torch.equal(kept[name], original[name]) for name in same)


@pytest.mark.parametrize("name", architecture.KEPT)
def test_heads_are_known_by_the_last_part_of_their_name(name: str) -> None:
    """A head stays FP32 wherever it hangs, the layer beside it does not; both keep their bias."""
    model = nn.Sequential(OrderedDict(body=nn.Linear(16, 16), top=nn.Sequential(OrderedDict([(name, nn.Linear(16, 8))]))))
    head, biases = model.top.get_submodule(name), [p.clone() for n, p in model.named_parameters() if n.endswith("bias")]
    weight = head.weight.clone()
    architecture.convert(model, "int8", CPU)
    assert (type(head), type(model.body).__name__) == (nn.Linear, "Linear8bitLt")
    assert torch.equal(head.weight, weight)
    assert all(torch.equal(p, b) for p, b in zip((model.body.bias, head.bias), biases, strict=True))


def test_int8_predicts_almost_what_fp32_predicts(
    trained: nn.Module, baseline: tuple[nn.Module, Seen], batches: Batches
) -> None:
    """Rounding to 8 bits moves probabilities a little, not at all nowhere, and not much anywhere."""
    whole = torch.tensor(classify(baseline[0], batches))
    rounded = torch.tensor(classify(architecture.convert(trained, "int8", CPU), batches))
    moved = (whole - rounded).abs()
    assert 0 < float(moved.max()) < 0.05


def test_conversion_is_proved_by_the_live_weights(trained: nn.Module) -> None:
    """The proof reads INT8 before and after use, and ``auto`` on a CPU asks for the same."""
    converted = architecture.convert(trained, "auto", CPU)
    for asked in ("int8", "auto"):
        proof = architecture.proof(converted, asked, CPU)
        assert (proof.asked, proof.got, proof.holds) == (asked, "int8", True)
        assert f"int8 {sum(architecture.held_formats(converted).values())} bytes" in proof.how


def test_baseline_is_proved_to_be_fp32(baseline: tuple[nn.Module, Seen]) -> None:
    """Nothing converts the baseline."""
    proof = architecture.proof(baseline[0], "fp32", CPU)
    assert (proof.got, proof.holds) == ("fp32", True)


def test_conversion_that_does_nothing_is_told(trained: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the weights stay FP32 although INT8 was asked for, the proof does not hold."""
    monkeypatch.setitem(architecture.CONVERSIONS, "int8", lambda model, _device: model)
    proof = architecture.proof(architecture.convert(trained, "int8", CPU), "int8", CPU)
    assert (proof.got, proof.note) == ("fp32", "the linear layers' weights are held as fp32")


def test_conversion_that_forgets_a_layer_is_told(trained: nn.Module) -> None:
    """One FP32 layer among INT8 ones is enough for the proof not to hold."""
    forgotten = nn.Linear(64, 64)
    converted = architecture.convert(trained, "int8", CPU)
    converted.base_model.layers[3].attn.Wo = forgotten
    proof = architecture.proof(converted, "int8", CPU)
    assert (proof.got, proof.holds) == ("fp32+int8", False)


@pytest.mark.parametrize(("fp8", "installed", "chosen"), [(True, True, "fp8"), (True, False, "int8"), (False, True, "int8")])
def test_auto_takes_fp8_where_chip_and_package_have_it(
    *, fp8: bool, installed: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``auto`` is FP8 where it works and INT8 elsewhere; a named format stands for itself."""
    monkeypatch.setattr(architecture, "has_fp8", lambda _device: fp8)
    monkeypatch.setattr(architecture, "_installed", lambda _package: installed)
    assert architecture.resolve("auto", CPU) == chosen
    assert [architecture.resolve(name, CPU) for name in ("fp32", "int8", "fp8")] == ["fp32", "int8", "fp8"]


def test_auto_on_a_cpu_is_int8() -> None:
    """A CPU has no FP8 units, and it can do INT8 and FP32."""
    assert architecture.resolve("auto", CPU) == "int8"
    for weight_format in ("fp32", "int8", "auto"):
        architecture.check(weight_format, CPU)


def test_fp8_on_a_cpu_is_refused() -> None:
    """The sentence names the knob, the device and what would work."""
    with pytest.raises(UnavailableError, match=r"weight_format: fp8 .* capability 8.9 .* runs on cpu; int8 or auto would work"):
        architecture.check("fp8", CPU)


@pytest.mark.parametrize("weight_format", ["int8", "auto"])
def test_missing_bitsandbytes_is_named(weight_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, INT8 is refused before anything runs, with what to do; FP32 needs it not."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UnavailableError, match=r"needs the package bitsandbytes; install it, or set .*weight_format: fp32"):
        architecture.check(weight_format, CPU)
    architecture.check("fp32", CPU)


def test_missing_torchao_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a chip with FP8 the missing package is what stands in the way."""
    monkeypatch.setattr(architecture, "has_fp8", lambda _device: True)
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(UnavailableError, match=r"needs the package torchao \(extra fp8\); .* int8"):
        architecture.check("fp8", CPU)
