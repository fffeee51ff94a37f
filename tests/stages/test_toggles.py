"""The switches: every knob that is turned leaves a proof, and a warm-up leaves nothing."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
import torch
from stages import small_decoders
from stages.small_decoders import pairs
from stages.small_runs import SHORT, SIZE, START, functions, run_stages

from greenbench.errors import UnavailableError, UsageError
from greenbench.machine.control import requests
from greenbench.options import (
    STAGES,
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    SystemOptions,
    TrainingOptions,
    differences,
)
from greenbench.stages import encoders
from greenbench.stages.objectives import objective
from greenbench.stages.objectives.translation import Translation
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.system import System
from greenbench.stages.toggles import Toggles, resolve_device

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new", "nothing_to_set")


@pytest.fixture
def nothing_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a machine whose kernel shows neither power caps nor clocks."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))


ADAPTERS = {
    f"architecture.{knob}" for knob in ("adapter", "lora_rank", "lora_alpha", "lora_targets")
}
"""Knobs that need a package of an extra: ``test_adapters`` turns them beside others."""
CHANGED = Options(
    data=DataOptions(
        tokenizer="rust", batch_size=16, batching="bucketed", max_length=96, workers=1
    ),
    architecture=ArchitectureOptions(
        weight_format="int8",
        quantizer="bitsandbytes",
        prune_layers=0.34,
        prune_choice="bottom",
        int8_threshold=0.0,
        attention="eager",
    ),
    training=TrainingOptions(
        optimizer="sgd",
        precision="bf16",
        accumulation_steps=2,
        gradient_checkpointing=True,
        frozen_layers=0.25,
        target_score=0.001,
        score_every=1,
    ),
    system=SystemOptions(
        gpu_power_fraction=0.7,
        gpu_power_w=300.0,
        gpu_clock_fraction=0.8,
        gpu_memory_clock_fraction=0.9,
        cpu_power_fraction=0.5,
        cpu_clock_fraction=0.5,
        cpu_governor="powersave",
        cpu_threads=1,
        cpu_affinity=",".join(map(str, sorted(os.sched_getaffinity(0)))),
        processes=1,
    ),
    inference=InferenceOptions(
        skip_layers=0.34,
        layer_choice="bottom",
        precision="bf16",
        healing=1.0,
        batch_size=4,
        exit_confidence=0.5001,
        exit_layers="1",
        cache="static",
    ),
)


WITHOUT_WORKERS = replace(CHANGED, data=replace(CHANGED.data, workers=0))
"""The same, whose batches no further process makes."""


def run(options: Options) -> tuple[Toggles, tuple[Applied, ...], dict[str, int | None]]:
    """Run the five stages in miniature and return the switches, all proofs and the work counted."""
    toggles, system = Toggles(options, SHORT, "cpu"), System(options.system, ())
    with system:
        net, batches, answers = run_stages(
            toggles, functions(32), functions(8, seed=1), functions(8, seed=2)
        )
    assert len(answers) == 8
    return toggles, (*toggles.applied(), *system.proofs({})), toggles.work(net, batches)


def test_every_knob_leaves_a_proof() -> None:
    """Every knob that is turned has one proof of its value.

    All hold but the machine's and those of a model that writes.
    """
    _, applied, _ = run(CHANGED)
    asked = {
        (stage, f.name): getattr(getattr(CHANGED, stage), f.name)
        for stage in STAGES
        for f in fields(getattr(CHANGED, stage))
    }
    # A machine has to have a NUMA node to choose: ``test_numa_binding`` simulates some.
    # Hooks that prove other knobs would break compiled graphs: ``test_compiled_training``.
    unchanged = {"training.finetune", "training.compile", "system.numa_node", "inference.engine"}
    unchanged |= {"data.padding", "data.pin_memory", "inference.draft", *ADAPTERS}
    assert {d.knob for d in differences(CHANGED)} == {".".join(k) for k in asked} - unchanged
    assert {(a.stage, a.knob): a.asked for a in applied} == asked
    assert len(applied) == len(asked)
    assert {a.knob for a in applied if not a.holds} == {*requests.KNOBS, "cache"}


def test_baseline_leaves_a_proof_of_every_knob_that_holds() -> None:
    """V0 is proved like any other variant, and the work is counted."""
    toggles, applied, work = run(Options())
    asked = {
        (stage, f.name): getattr(getattr(Options(), stage), f.name)
        for stage in STAGES
        for f in fields(getattr(CHANGED, stage))
    }
    assert {(a.stage, a.knob): a.asked for a in applied} == asked
    assert all(a.holds for a in applied)
    assert (toggles.finetunes, toggles.converts) == (True, False)
    assert (work["samples_trained"], work["samples_scored"], work["optimizer_steps"]) == (32, 8, 1)


def test_several_devices_without_training_are_a_warning() -> None:
    """Only training uses them all."""
    toggles = Toggles(Options(training=TrainingOptions(finetune=False)), SIZE, Ranks("cpu:2"))
    assert "nothing was trained: of cpu:2 only the first worked" in toggles.doubts()


def test_picking_layers_by_their_influence_is_work_too() -> None:
    """Passes that pick layers are counted as architecture's work; named layers need none."""
    fast = Options(data=DataOptions(tokenizer="rust"), training=TrainingOptions(finetune=False))
    _, applied, picked = run(replace(fast, inference=InferenceOptions(skip_layers=0.17)))
    which = next(a for a in applied if a.knob == "layer_choice")
    assert (which.asked, which.holds, len(which.evidence["block_influence"])) == (
        "influence",
        True,
        6,
    )
    _, _, named = run(replace(fast, inference=InferenceOptions(layer_choice=which.got)))
    _, _, whole = run(fast)
    assert (
        picked["flops_architecture"]
        > 0
        == named["flops_architecture"]
        == whole["flops_architecture"]
    )
    assert named["flops_inference"] == picked["flops_inference"] < whole["flops_inference"]


def translated(
    checkpoint: Checkpoint, options: Options
) -> tuple[tuple[Applied, ...], dict[str, int | None], list[str]]:
    """Run the stages of a translation in miniature; return proofs, work and answers."""
    toggles, system = Toggles(options, small_decoders.SIZE, "cpu"), System(options.system, ())
    with system:
        net, batches, answers = run_stages(
            toggles, pairs(32), pairs(6, 40), pairs(4, 60), start=checkpoint
        )
    return (*toggles.applied(), *system.proofs({})), toggles.work(net, batches), list(answers)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_every_knob_of_a_translation_leaves_a_proof(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder is proved like a classifier: each knob once.

    All hold but the machine's, and those of a classifier.
    """
    scores = iter([0.0, 1.0])
    monkeypatch.setattr(Translation, "validation_score", lambda *_: next(scores))
    applied, work, answers = translated(request.getfixturevalue(kind), WITHOUT_WORKERS)
    asked = {
        (stage, f.name): getattr(getattr(WITHOUT_WORKERS, stage), f.name)
        for stage in STAGES
        for f in fields(getattr(WITHOUT_WORKERS, stage))
    }
    assert {(a.stage, a.knob): a.asked for a in applied} == asked
    assert len(applied) == len(asked)
    of_classifiers = {"exit_confidence", "exit_layers"}
    assert {a.knob for a in applied if not a.holds} == {*requests.KNOBS, *of_classifiers}
    assert [type(text) for text in answers] == [str] * 6
    assert (work["samples_trained"], work["samples_scored"], work["optimizer_steps"]) == (64, 6, 4)


def test_work_of_a_translation_counts_what_is_read_and_written(llama: Checkpoint) -> None:
    """Prompts and targets are trained on, prompts are read, and written tokens count apart."""
    applied, work, answers = translated(llama, Options())
    tokenizer = encoders.encoder("rust", llama.tokenizer_file, small_decoders.SIZE.max_tokens)
    goal = objective(tokenizer, llama, small_decoders.SIZE)
    assert all(a.holds for a in applied)
    assert work["tokens_training"] == goal.training_rows(pairs(32)).tokens
    assert work["tokens_inference"] == goal.inference_rows(pairs(6, 40)).tokens
    assert (
        len(answers) < work["tokens_generated"] <= len(answers) * small_decoders.SIZE.max_new_tokens
    )


def test_warm_up_of_a_translation_is_short_and_leaves_no_trace(llama: Checkpoint) -> None:
    """The miniature writes a few tokens and changes neither proofs nor random numbers."""
    toggles = Toggles(Options(), replace(small_decoders.SIZE, max_new_tokens=10**6), "cpu")
    toggles.warm_up(pairs(32), llama)
    assert not any(a.got for a in toggles.applied())
    drawn = torch.rand(1)
    toggles.reset(0)
    assert torch.rand(1) == drawn


def test_a_classifier_writes_no_tokens() -> None:
    """What is counted of a translation is 0 elsewhere."""
    _, _, work = run(Options(data=DataOptions(tokenizer="rust")))
    assert work["tokens_generated"] == 0


def test_a_variant_without_training_proves_that_and_counts_no_work_of_it() -> None:
    """The stage does not run, its other knobs asked for nothing, and nothing is trained."""
    untrained = replace(WITHOUT_WORKERS, training=TrainingOptions(finetune=False))
    toggles, applied, work = run(untrained)
    assert not toggles.finetunes
    training = {a.knob: (a.got, a.holds) for a in applied if a.stage == "training"}
    assert training.pop("finetune") == (False, True)
    assert set(training.values()) == {(None, True)}
    assert (work["samples_trained"], work["tokens_training"], work["optimizer_steps"]) == (0, 0, 0)
    assert work["tokens_inference"] > 0


def test_a_reset_forgets_the_last_round() -> None:
    """Each round has its own proofs."""
    toggles = Toggles(Options(data=DataOptions(tokenizer="rust")), SHORT, "cpu")
    run_stages(toggles, functions(32), functions(8, seed=1))
    toggles.reset(1)
    assert not any(a.got for a in toggles.applied())


@pytest.mark.parametrize("options", [Options(), WITHOUT_WORKERS], ids=["baseline", "changed"])
def test_warm_up_leaves_no_trace(options: Options) -> None:
    """The miniature adds nothing to the cell's proofs, and the process is as new after it."""
    toggles = Toggles(options, SIZE, "cpu")
    before = toggles.applied()
    toggles.warm_up(functions(32), START)
    assert toggles.applied() == before
    assert not any(a.got for a in before)
    drawn = torch.rand(1)
    toggles.reset(0)
    assert torch.rand(1) == drawn


def test_options_that_contradict_each_other_are_refused_before_anything_runs() -> None:
    """Micro-batches divide the batch, or the cell does not start."""
    with pytest.raises(
        UsageError, match=r"accumulation_steps: 5 does not divide data.batch_size 32"
    ):
        Toggles(Options(training=TrainingOptions(accumulation_steps=5)), SIZE, "cpu")


@pytest.mark.parametrize(
    ("options", "knob"),
    [
        (Options(training=TrainingOptions(precision="fp16")), "training.precision: fp16"),
        (Options(inference=InferenceOptions(precision="fp16")), "inference.precision: fp16"),
        (
            Options(architecture=ArchitectureOptions(weight_format="fp8")),
            "architecture.weight_format: fp8",
        ),
    ],
)
def test_check_refuses_what_the_device_cannot_do(options: Options, knob: str) -> None:
    """Training and architecture are asked before the first cell; what a CPU can do passes."""
    with pytest.raises(UnavailableError, match=knob):
        Toggles(options, SIZE, "cpu").check()
    Toggles(CHANGED, SIZE, "cpu").check()


def cuda(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have torch see ``count`` CUDA devices."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """``auto`` and ``cuda`` are the first card; without one, ``auto`` is the CPU."""
    cuda(monkeypatch, 2)
    found = [str(resolve_device(name)) for name in ("auto", "cuda", "cuda:1", "cpu")]
    assert found == ["cuda:0", "cuda:0", "cuda:1", "cpu"]
    cuda(monkeypatch, 0)
    assert [str(resolve_device(name)) for name in ("auto", "cpu")] == ["cpu", "cpu"]


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [("cuda", 0, "sees no CUDA device; use auto or cpu"), ("cuda:2", 2, "sees 2 CUDA")],
)
def test_a_device_that_is_not_there_is_unavailable(
    name: str, count: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the option, what was asked and what there is."""
    cuda(monkeypatch, count)
    with pytest.raises(UnavailableError, match=f"--green-device: {name} was requested .*{said}"):
        resolve_device(name)
