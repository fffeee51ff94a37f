"""Mixed precision: what autocast computes in, what is read back of it, and where it cannot pay."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_decoders import SIZE, pairs, questions, written
from stages.small_runs import CPU, START
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.options import (
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    TrainingOptions,
)
from greenbench.stages import architecture, precision
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")


def computed(net: nn.Module, name: str) -> tuple[set[torch.dtype], torch.Tensor]:
    """Return the dtypes of the linear layers' outputs in a pass under autocast, and the logits."""
    found: set[torch.dtype] = set()
    hooks = [
        m.register_forward_hook(lambda _module, _inputs, output: found.add(output.dtype))
        for m in net.modules()
        if isinstance(m, nn.Linear)
    ]
    with precision.autocast(name, CPU), torch.inference_mode():
        logits = net(torch.tensor([[1, 5, 6, 7]])).logits.float()
    for hook in hooks:
        hook.remove()
    return found, logits


def test_autocast_computes_every_linear_layer_in_bf16(llama: Checkpoint) -> None:
    """Products are bf16 within the context and FP32 outside; the weights are always FP32."""
    net = llama.load().eval()
    whole, mixed, after = (computed(net, name) for name in ("fp32", "bf16", "fp32"))
    assert (whole[0], mixed[0], after[0]) == ({torch.float32}, {torch.bfloat16}, {torch.float32})
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert 0 < float((mixed[1] - whole[1]).abs().max()) < 0.2 * float(whole[1].abs().max())
    assert torch.equal(after[1], whole[1])


INT8 = ArchitectureOptions(weight_format="int8")


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_every_pass_tells_what_it_computes_in(llama: Checkpoint, name: str) -> None:
    """A single pass in another precision is counted, at both ends of the model; no hook is left."""
    net = llama.load().eval()
    watched = precision.PrecisionProbe(net)
    assert watched.seen.usual is None
    other = "fp32" if name == "bf16" else "bf16"
    with watched:
        for computing in (other, name, name):
            computed(net, computing)
    assert (watched.seen.usual, dict(watched.seen.counts)) == (name, {other: 2, name: 4})
    assert precision.note(name, watched.seen) == (
        f"requested {name}, a linear layer computed in {other} in 2 of 6 readings"
    )
    assert not any(m._forward_hooks for m in net.modules())


@pytest.mark.parametrize("name", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_quantised_layers_are_not_probed(llama: Checkpoint, kind: str, name: str) -> None:
    """They answer in the dtype of their input; the head, which stays plain, is probed instead."""
    net = architecture.convert((START if kind == "encoder" else llama).load(), INT8, CPU).eval()
    with precision.PrecisionProbe(net) as watched:
        computed(net, name)
    assert dict(watched.seen.counts) == {name: 1}


def test_a_model_without_plain_linear_layers_was_not_seen() -> None:
    """Nothing is claimed of it."""
    seen = precision.PrecisionProbe(nn.Sequential(nn.LayerNorm(4))).seen
    assert seen.usual is None
    assert precision.note("fp32", seen) == (
        "requested fp32, a linear layer computed in no known precision"
    )


def proofs(checkpoint: Checkpoint, options: Options) -> dict[str, Applied]:
    """Train and answer in small, and return the proofs of precision by stage."""
    toggles = Toggles(options, replace(SIZE, max_new_tokens=4), "cpu")
    with toggles.quiet():
        toggles.reset(0)
        batches = toggles.data(pairs(4), pairs(4), checkpoint, 0)
        net = toggles.training(toggles.architecture(checkpoint), batches)
        toggles.inference(net, batches)
    return {a.stage: a for a in toggles.applied() if a.knob == "precision"}


@pytest.mark.parametrize(
    ("trained", "asked_of"),
    [("fp32", "bf16"), ("bf16", "fp32"), ("bf16", "bf16"), ("fp32", "fp32")],
)
def test_training_and_inference_have_each_their_own(
    llama: Checkpoint, trained: str, asked_of: str
) -> None:
    """Neither stage's precision reaches into the other, and both are proved."""
    options = Options(
        data=DataOptions(tokenizer="rust", batch_size=4),
        training=TrainingOptions(precision=trained),
        inference=InferenceOptions(precision=asked_of),
    )
    found = proofs(llama, options)
    assert {stage: (a.asked, a.got, a.holds) for stage, a in found.items()} == {
        "training": (trained, trained, True),
        "inference": (asked_of, asked_of, True),
    }


def test_precision_that_did_not_act_at_inference_is_reported(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where autocast stays off although bf16 was asked for, the proof says what was read back."""
    monkeypatch.setattr(precision, "autocast", lambda _name, _device: contextlib.nullcontext())
    options = Options(
        data=DataOptions(tokenizer="rust", batch_size=4),
        inference=InferenceOptions(precision="bf16"),
    )
    found = proofs(llama, options)
    assert not found["inference"].holds
    assert found["inference"].note == "requested bf16, a linear layer computed in fp32"


def test_bf16_goes_together_with_quantised_weights(llama: Checkpoint) -> None:
    """Under autocast a decoder with INT8 weights writes as many tokens as any other."""
    net, batches = architecture.convert(llama.load(), INT8, CPU), questions(llama, pairs(4))
    with precision.autocast("bf16", CPU):
        rows = written(net, batches)
    assert [len(row) for row in rows] == [SIZE.max_new_tokens] * 4


@pytest.mark.parametrize("stage", ["training", "inference"])
def test_fp16_on_a_cpu_is_refused(stage: str) -> None:
    """The message names the knob, the device and what would work; a GPU passes."""
    with pytest.raises(
        UnavailableError, match=rf"{stage}.precision: fp16 .* runs on cpu; bf16 or fp32 would work"
    ):
        precision.check(stage, "fp16", CPU)
    for name in ("fp32", "bf16"):
        precision.check(stage, name, CPU)
    precision.check(stage, "fp16", torch.device("cuda:0"))


@pytest.mark.parametrize(
    ("name", "machine", "has_bf16", "doubted"),
    [
        ("bf16", "x86_64", False, True),
        ("bf16", "x86_64", True, False),
        ("fp32", "x86_64", False, False),
        ("bf16", "aarch64", False, False),
    ],
)
def test_emulated_bf16_gives_a_warning(
    *, name: str, machine: str, has_bf16: bool, doubted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only an x86 CPU without bf16 units gets the warning, no GPU and no other processor."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert precision.doubts(name, CPU) == ((precision.EMULATED,) if doubted else ())
    assert precision.doubts(name, torch.device("cuda:0")) == ()


def test_a_warning_about_inference_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both stages emulate, one sentence says so; and one is enough for it."""
    monkeypatch.setattr(precision, "_emulates_bf16", lambda: True)
    mixed, plain = InferenceOptions(precision="bf16"), InferenceOptions()
    for training, inference, times in (
        ("bf16", mixed, 1),
        ("fp32", mixed, 1),
        ("bf16", plain, 1),
        ("fp32", plain, 0),
    ):
        options = Options(training=TrainingOptions(precision=training), inference=inference)
        assert Toggles(options, SIZE, "cpu").doubts().count(precision.EMULATED) == times


@pytest.mark.parametrize(
    ("device", "units", "expected"),
    [
        ("cpu", True, "bf16"),
        ("cpu", False, "fp32"),
        ("cuda", (9, 0), "bf16"),
        ("cuda", (7, 5), "fp16"),
        ("cuda", (6, 1), "fp32"),
    ],
)
def test_auto_is_the_fastest_type_that_the_chip_has(
    device: str, units: object, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never picks a type that would be emulated; a named one stays as it is."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: units)
    assert precision.resolve("auto", torch.device(device)) == expected
    assert precision.resolve("fp32", torch.device(device)) == "fp32"
