"""ONNX Runtime as an engine: the model's answers, and proofs from the live session."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_runs import CPU, SHORT, classify, functions, run_stages

from greenbench.errors import UnavailableError, UsageError
from greenbench.options import ArchitectureOptions, InferenceOptions, Options, TrainingOptions
from greenbench.stages import engines, layers, onnx_engine
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.data import Batches
    from greenbench.stages.onnx_engine import OnnxEngine
    from greenbench.stages.training_log import TrainingLog
    from greenbench.types import Applied

ONNX = InferenceOptions(engine="onnx")
FP32, INT8 = ArchitectureOptions(), ArchitectureOptions(weight_format="int8")


@pytest.fixture(scope="module")
def sessions(baseline: tuple[nn.Module, TrainingLog]) -> dict[str, OnnxEngine]:
    """Give the trained baseline as two engines."""
    pytest.importorskip("onnxruntime")
    whole = onnx_engine.converted(copy.deepcopy(baseline[0]), in_int8=False)
    return {"fp32": whole, "int8": onnx_engine.converted(baseline[0], in_int8=True)}


def test_onnx_answers_what_torch_answers(
    sessions: dict[str, OnnxEngine], baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """FP32 logits are torch's within 1e-4, in batches of any length; INT8 moves them a little."""
    with torch.inference_mode():
        for batch in batches.test:
            logits = baseline[0].eval()(**batch).logits
            torch.testing.assert_close(sessions["fp32"](**batch).logits, logits, atol=1e-4, rtol=0)
    whole = torch.tensor(classify(baseline[0], batches))
    rounded = torch.tensor(classify(sessions["int8"], batches))
    assert 1e-5 < float((whole - rounded).abs().max()) < 0.1


@pytest.mark.parametrize(("held", "options"), [("fp32", FP32), ("int8", INT8)])
def test_the_session_proves_what_it_computed(
    held: str,
    options: ArchitectureOptions,
    sessions: dict[str, OnnxEngine],
    baseline: tuple[nn.Module, TrainingLog],
    batches: Batches,
) -> None:
    """Formats, layers, threads and kinds of nodes come from the session's own profile."""
    engine, depth = sessions[held], layers.depth_of(baseline[0])
    engine.watch(depth)
    before = engine.passes
    classify(engine, batches)
    assert engine.passes - before == depth.passes.total == 2
    assert depth.missing == ()
    proved = engine.weight_proofs(options, baseline[1].rows)[0]
    assert (proved.got, proved.note) == (held, "")
    steps = proved.evidence["steps_from_trained"]
    assert steps == 0 if held == "fp32" else 0.3 < steps < 0.75
    assert engine.precisions.usual == "fp32"
    assert engine.precisions.total == 25 * engine.passes
    assert engine.evidence["threads"] == torch.get_num_threads()
    assert engine.evidence["inputs"]["input_ids"] == "tensor(int64)"
    nodes = engine.evidence["nodes"]
    assert (nodes.get("DynamicQuantizeMatMul", 0) > 0) == (held == "int8")


def test_other_weights_and_formats_are_reported(
    sessions: dict[str, OnnxEngine], baseline: tuple[nn.Module, TrainingLog], batches: Batches
) -> None:
    """Neither FP32 nodes nor other matrices pass for the trained ones in INT8."""
    for engine in sessions.values():
        classify(engine, batches)
    assert "in fp32" in sessions["fp32"].weight_proofs(INT8, baseline[1].rows)[0].note
    other = {name: -rows for name, rows in baseline[1].rows.items()}
    assert "steps away" in sessions["int8"].weight_proofs(INT8, other)[0].note


def proofs(options: Options) -> dict[str, Applied]:
    """Run a cell in miniature without training and return its proofs."""
    toggles = Toggles(options, SHORT, "cpu")
    toggles.check()
    run_stages(toggles, functions(32), functions(40, seed=1), functions(8, seed=2))
    return {proof.knob: proof for proof in toggles.applied()}


@pytest.mark.slow
@pytest.mark.usefixtures("as_new")
def test_a_cell_with_an_engine_is_proved_as_a_whole() -> None:
    """Left-out layers, INT8 and the engine are read together; torch answers no batch."""
    pytest.importorskip("onnxruntime")
    inference = InferenceOptions(engine="onnx", layer_choice="1,3")
    untrained = TrainingOptions(finetune=False)
    found = proofs(Options(architecture=INT8, inference=inference, training=untrained))
    assert {knob: proof.note for knob, proof in found.items() if proof.note} == {}
    assert (found["engine"].got, found["weight_format"].got) == ("onnx", "int8")
    assert found["layer_choice"].got == "1,3"


def test_batches_that_torch_answers_are_reported(
    sessions: dict[str, OnnxEngine], batches: Batches
) -> None:
    """The engine must answer all of them; without any pass nothing is proved."""
    engine = sessions["fp32"]
    classify(engine, batches)
    assert engines.proof("onnx", engine, engine.passes).holds
    some = engines.proof("onnx", engine, engine.passes + 1)
    assert (some.got, some.holds) == ("onnx", False)
    assert engines.proof("onnx", None, 3).got == "torch"
    assert engines.proof("torch", None, 0).got is None


@pytest.mark.parametrize(
    ("engine", "generates", "message"),
    [
        ("onnx", True, r"onnx runs models that do not write alone, .* torch would work"),
        ("vllm", False, r"vllm runs models that write texts alone, and"),
    ],
)
def test_engines_of_other_tasks_are_refused(engine: str, message: str, *, generates: bool) -> None:
    """The sentence names the task that the engine is for."""
    with pytest.raises(UsageError, match=message):
        engines.check(Options(inference=InferenceOptions(engine=engine)), CPU, generates=generates)


def test_missing_packages_and_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would install an engine stands in the sentence, and where it does not run."""
    options = Options(inference=ONNX)
    monkeypatch.setattr(engines, "find_spec", lambda _name: None)
    with pytest.raises(
        UnavailableError, match=r"package onnx, .* pip install 'greenbench\[onnx\]'"
    ):
        engines.check(options, CPU, generates=False)
    with pytest.raises(UnavailableError, match=r"package vllm, .* pip install vllm"):
        engines.check(Options(inference=InferenceOptions(engine="vllm")), CPU, generates=True)
    monkeypatch.setattr(engines, "find_spec", lambda _name: object())
    with pytest.raises(UnavailableError, match=r"onnx runs on the CPU, .* runs on cuda"):
        engines.check(options, torch.device("cuda"), generates=False)
