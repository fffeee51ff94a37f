"""A run whose knob is patched to do nothing comes out as NO-EFFECT, knob by knob."""

from __future__ import annotations

import contextlib
import copy
import itertools
import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages import small_decoders
from stages.small_runs import SHORT, functions, run_stages
from transformers import ModernBertForSequenceClassification

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
    knobs,
)
from greenbench.run.effects import NO_EFFECT, Outputs, effect_of
from greenbench.stages import (
    adapters,
    architecture,
    batching,
    data,
    early_stopping,
    encoders,
    freezing,
    isolation,
    layers,
    loading,
    onnx_engine,
    optimizers,
    precision,
    training,
)
from greenbench.stages.early_exit import RowExits
from greenbench.stages.objectives import objective
from greenbench.stages.system import System
from greenbench.stages.toggles import Toggles
from greenbench.stages.tokenizers.python_bpe import PythonBPE
from greenbench.stats.classification_answers import Outcomes, record
from greenbench.types import Applied, Cell, Energy, Judged, Round, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches
    from greenbench.types import TaskSize

pytestmark = pytest.mark.usefixtures("as_new")


UNEQUAL = {"data.batching", "data.padding"}
"""Knobs that act on inputs of unequal lengths: those of the other runs are all cut to one."""


def run(
    options: Options, before_proofs: Callable[[], None] = lambda: None, size: TaskSize = SHORT
) -> tuple[Applied, ...]:
    """Run the five stages of a cell in miniature and return its proofs."""
    toggles, system = Toggles(options, size, "cpu"), System(options.system, ())
    system.reserve()
    rows = functions(32), functions(40, seed=1), functions(8, seed=2)
    run_stages(toggles, *rows, system=system)
    before_proofs()
    return (*toggles.applied(), *system.proofs({}))


def verdict(options: Options, size: TaskSize = SHORT) -> str:
    """Return what a cell of one such round is called."""
    whole = Window(stage="whole", seconds=1.0, energy=Energy())
    proofs = run(options, size=size)
    return effect_of([Round(seed=0, whole=whole, windows=(), applied=proofs)], options)[0]


def size_for(knob: str) -> TaskSize:
    """Return a size in which ``knob`` can act."""
    return replace(SHORT, max_tokens=128) if knob in UNEQUAL else SHORT


def no_tokenizer(patch: pytest.MonkeyPatch) -> None:
    """Whatever is asked, the baseline's tokenizer encodes."""
    encoder = encoders.encoder
    patch.setattr(
        encoders, "encoder", lambda _kind, file, longest: encoder("python", file, longest)
    )


def no_batch_size(patch: pytest.MonkeyPatch) -> None:
    """Batches have 32 examples, whatever is asked."""
    batches = data.ShuffledBatches
    patch.setattr(
        data,
        "ShuffledBatches",
        lambda count, _effective, _micro, seed: batches(count, 32, 32, seed),
    )


def no_batch_size_at_inference(patch: pytest.MonkeyPatch) -> None:
    """Tell the data stage of the baseline's size, whatever is asked."""
    prepare = data.prepare

    def ignorant(
        train: Any, test: Any, tokenizer: Any, goal: Any, _options: Any, **others: Any
    ) -> Any:
        return prepare(
            train,
            test,
            tokenizer,
            goal,
            DataOptions(tokenizer="rust"),
            **{**others, "micro": 32, "answered": None},
        )

    patch.setattr(data, "prepare", ignorant)


def no_batching(patch: pytest.MonkeyPatch) -> None:
    """Batches are plain and as wide as their longest row, whatever is asked."""
    for name in ("training_collation", "inference_collation"):
        collation = getattr(batching, name)
        patch.setattr(
            batching, name, lambda goal, _asked, widest, c=collation: c(goal, DataOptions(), widest)
        )


def no_cut(patch: pytest.MonkeyPatch) -> None:
    """Cut inputs where the profile cuts them, whatever is asked."""
    encoder = encoders.encoder
    patch.setattr(
        encoders, "encoder", lambda kind, file, _longest: encoder(kind, file, SHORT.max_tokens)
    )


def no_workers(patch: pytest.MonkeyPatch) -> None:
    """Batches are made by the process itself, in ordinary memory, whatever is asked."""
    loader = loading.DataLoader

    def plain(rows: Any, **others: Any) -> Any:
        nothing = {"num_workers": 0, "multiprocessing_context": None, "pin_memory": False}
        return loader(rows, **{**others, **nothing})

    patch.setattr(loading, "DataLoader", plain)


def no_accumulation(patch: pytest.MonkeyPatch) -> None:
    """Make a step of one batch, whatever is asked."""
    finetune = training.finetune
    patch.setattr(data, "micro_batch", lambda size, _steps: size)
    patch.setattr(
        training,
        "finetune",
        lambda net, batches, options, *others: finetune(
            net, batches, replace(options, accumulation_steps=1), *others
        ),
    )


def no_other_optimizer(patch: pytest.MonkeyPatch) -> None:
    """AdamW steps, whatever is asked."""
    build = optimizers.build
    patch.setattr(optimizers, "build", lambda model, _name, size: build(model, "adamw", size))


def no_attention(patch: pytest.MonkeyPatch) -> None:
    """Keep the model's own attention, whatever is asked."""
    patch.setattr(ModernBertForSequenceClassification, "set_attn_implementation", lambda *_: None)


def no_conversion(patch: pytest.MonkeyPatch) -> None:
    """Weights stay as they are."""
    for key in architecture.CONVERSIONS:
        patch.setitem(architecture.CONVERSIONS, key, lambda model, *_: model)


def no_checkpointing(patch: pytest.MonkeyPatch) -> None:
    """Let the model say that it computes layers again, and keep what they computed."""
    enable = training._checkpoint

    def pretend(model: Any) -> None:
        enable(model)
        for layer in model.base_model.layers:
            layer._gradient_checkpointing_func = lambda compute, *given: compute(*given)

    patch.setattr(training, "_checkpoint", pretend)


def no_healing(patch: pytest.MonkeyPatch) -> None:
    """Neither are layers left out nor is anything trained again."""
    patch.setattr(layers, "leave_out", lambda _model, _gone: None)
    patch.setattr(Toggles, "heals", property(lambda _: False))


def no_exit(patch: pytest.MonkeyPatch) -> None:
    """Every row goes on, however sure the head is."""
    patch.setattr(RowExits, "_without_sure_rows", lambda _self, _number, hidden: hidden)


def no_early_stop(patch: pytest.MonkeyPatch) -> None:
    """Training goes on to its end, and nothing is scored."""
    patch.setattr(early_stopping, "ends", lambda *_: False)


STOPPED = TrainingOptions(target_score=0.01, score_every=1)


def no_adapters(patch: pytest.MonkeyPatch) -> None:
    """Add nothing to the layers, whose own weights are trained then."""
    patch.setattr(adapters, "inject", lambda *_: None)


LORA = {
    "adapter": ArchitectureOptions(adapter="lora"),
    "lora_rank": ArchitectureOptions(adapter="lora", lora_rank=4),
    "lora_alpha": ArchitectureOptions(adapter="lora", lora_alpha=8.0),
    "lora_targets": ArchitectureOptions(adapter="lora", lora_targets="Wqkv"),
}
RUST = DataOptions(tokenizer="rust")
UNTRAINED = TrainingOptions(finetune=False)
SABOTAGE: dict[str, tuple[Options, Callable[[pytest.MonkeyPatch], None]]] = {
    "data.tokenizer": (Options(data=RUST), no_tokenizer),
    "data.batch_size": (Options(data=DataOptions(batch_size=16)), no_batch_size),
    "data.batching": (Options(data=DataOptions(batching="packed")), no_batching),
    "data.padding": (Options(data=DataOptions(padding="fixed")), no_batching),
    "data.max_length": (Options(data=DataOptions(max_length=32)), no_cut),
    "data.workers": (Options(data=DataOptions(workers=1)), no_workers),
    "data.pin_memory": (Options(data=DataOptions(pin_memory=True)), no_workers),
    "architecture.weight_format": (
        Options(architecture=ArchitectureOptions(weight_format="int8")),
        no_conversion,
    ),
    "architecture.quantizer": (
        Options(architecture=ArchitectureOptions(weight_format="int8", quantizer="torchao")),
        no_conversion,
    ),
    **{
        f"architecture.{knob}": (Options(architecture=options), no_adapters)
        for knob, options in LORA.items()
    },
    "architecture.prune_layers": (
        Options(architecture=ArchitectureOptions(prune_layers=0.34)),
        lambda patch: patch.setattr(layers, "leave_out", lambda _model, _gone: None),
    ),
    "architecture.prune_choice": (
        Options(architecture=ArchitectureOptions(prune_choice="1,3")),
        lambda patch: patch.setattr(layers, "leave_out", lambda _model, _gone: None),
    ),
    "architecture.int8_threshold": (
        Options(architecture=ArchitectureOptions(weight_format="int8", int8_threshold=0.0)),
        no_conversion,
    ),
    "architecture.attention": (
        Options(architecture=ArchitectureOptions(attention="eager")),
        no_attention,
    ),
    "training.finetune": (
        Options(training=TrainingOptions(finetune=False)),
        lambda patch: patch.setattr(Toggles, "finetunes", property(lambda _: True)),
    ),
    "training.optimizer": (Options(training=TrainingOptions(optimizer="sgd")), no_other_optimizer),
    "training.precision": (
        Options(training=TrainingOptions(precision="bf16")),
        lambda patch: patch.setitem(training.MIXED_PRECISION, "bf16", "no"),
    ),
    "training.accumulation_steps": (
        Options(training=TrainingOptions(accumulation_steps=4)),
        no_accumulation,
    ),
    "training.compile": (
        Options(training=TrainingOptions(compile=True)),
        lambda patch: patch.setattr(torch, "compile", lambda function, **_: function),
    ),
    "training.gradient_checkpointing": (
        Options(training=TrainingOptions(gradient_checkpointing=True)),
        no_checkpointing,
    ),
    "training.frozen_layers": (
        Options(training=TrainingOptions(frozen_layers=0.5)),
        lambda patch: patch.setattr(freezing, "freeze", lambda _model, _fraction: None),
    ),
    "training.target_score": (Options(training=STOPPED), no_early_stop),
    "training.score_every": (Options(training=STOPPED), no_early_stop),
    "system.cpu_threads": (
        Options(system=SystemOptions(cpu_threads=isolation.THREADS + 1)),
        lambda patch: patch.setattr(torch, "set_num_threads", lambda _count: None),
    ),
    "system.cpu_affinity": (
        Options(system=SystemOptions(cpu_affinity="0")),
        lambda patch: patch.setattr(os, "sched_setaffinity", lambda _thread, _processors: None),
    ),
    "system.processes": (
        Options(system=SystemOptions(processes=2)),
        lambda _patch: None,  # what ``run`` does: one process trains, whatever is asked
    ),
    "inference.engine": (
        Options(inference=InferenceOptions(engine="onnx")),
        lambda patch: patch.setattr(onnx_engine, "converted", lambda *_, **__: None),
    ),
    "inference.skip_layers": (
        Options(inference=InferenceOptions(skip_layers=0.34)),
        lambda patch: patch.setattr(layers, "leave_out", lambda _model, _gone: None),
    ),
    "inference.layer_choice": (
        Options(inference=InferenceOptions(layer_choice="1,3")),
        lambda patch: patch.setattr(layers, "leave_out", lambda _model, _gone: None),
    ),
    "inference.healing": (
        Options(inference=InferenceOptions(layer_choice="5", healing=1.0)),
        no_healing,
    ),
    "inference.batch_size": (
        Options(inference=InferenceOptions(batch_size=16)),
        no_batch_size_at_inference,
    ),
    "inference.exit_confidence": (
        Options(inference=InferenceOptions(exit_confidence=0.5001)),
        no_exit,
    ),
    "inference.exit_layers": (
        Options(inference=InferenceOptions(exit_confidence=0.5001, exit_layers="1")),
        no_exit,
    ),
    "inference.precision": (
        Options(inference=InferenceOptions(precision="bf16")),
        lambda patch: patch.setattr(
            precision, "autocast", lambda _name, _device: contextlib.nullcontext()
        ),
    ),
}


ALONE = {"system.cpu_affinity", "system.processes", "data.pin_memory"}
"""Knobs that need more than one processor, a process or a GPU to have an effect."""


def test_every_knob_is_sabotaged_below() -> None:
    """A new knob joins, or those of the machine, which ``tests/machine/control`` sabotages.

    So does ``test_numa_binding`` with ``system.numa_node``, for which it simulates several nodes.
    """
    every = {f"{stage}.{knob}" for stage in STAGES for knob in knobs(stage)}
    elsewhere = {f"system.{knob}" for knob in (*requests.KNOBS, "numa_node")}
    elsewhere.add("inference.cache")  # of models that write: test_key_value_cache
    elsewhere.add("inference.draft")  # likewise: test_drafting
    assert SABOTAGE.keys() == every - elsewhere


@pytest.mark.parametrize("knob", SABOTAGE)
def test_a_knob_whose_implementation_does_nothing_has_no_effect(
    knob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read back from the live objects gives it away."""
    options, sabotage = SABOTAGE[knob]
    assert knob in {d.knob for d in differences(options)}
    sabotage(monkeypatch)
    assert verdict(options, size_for(knob)) == NO_EFFECT


@pytest.mark.slow
@pytest.mark.parametrize("knob", sorted(SABOTAGE.keys() - ALONE - {"training.compile"}))
def test_a_knob_that_acts_has_an_effect(knob: str) -> None:
    """The same run without the sabotage does not come out so.

    ``test_ranks`` starts processes, and ``test_compiled_training`` compiles a cell of two layers.
    """
    assert verdict(SABOTAGE[knob][0], size_for(knob)) == ""


def test_batch_size_without_training_is_read_at_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is not trained still answers in batches."""
    options = Options(data=DataOptions(batch_size=16), training=TrainingOptions(finetune=False))
    untrained = next(a for a in run(options) if a.knob == "batch_size")
    assert (untrained.got, untrained.holds) == (16, True)
    no_batch_size_at_inference(monkeypatch)
    assert (
        next(a for a in run(options) if a.knob == "batch_size").note == "requested 16, read back 32"
    )


def test_inference_in_other_batches_than_training_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The knob is for both: steps of 16 examples do not make up for answers in batches of 32."""
    prepare = data.prepare

    def half_ignorant(*given: Any, **others: Any) -> Any:
        made = prepare(*given, **others)
        return replace(made, test=prepare(*given[:4], RUST, **others).test)

    monkeypatch.setattr(data, "prepare", half_ignorant)
    proof = next(a for a in run(Options(data=DataOptions(batch_size=16))) if a.knob == "batch_size")
    assert (proof.got, proof.note) == (32, "requested 16, read back 32")


def test_steps_are_counted_at_the_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An accelerator that claims to accumulate, and steps with every micro-batch, is found out."""
    from accelerate.optimizer import AcceleratedOptimizer

    monkeypatch.setattr(AcceleratedOptimizer, "step", lambda self, *_: self.optimizer.step())
    proofs = run(Options(training=TrainingOptions(accumulation_steps=4)))
    found = {(a.stage, a.knob): a.got for a in proofs}
    assert found["training", "accumulation_steps"] == 1
    assert found["data", "batch_size"] == 8


def outputs_of(net: torch.nn.Module, batches: Batches, options: InferenceOptions) -> list[float]:
    """Return the probabilities of a model that is run as ``options`` say."""
    with precision.autocast(options.precision, torch.device("cpu")):
        return batches.objective.answer(net, batches.test, torch.device("cpu"))


def told_apart(baseline: list[float], other: list[float]) -> bool:
    """Whether a session takes the outputs of INT8 weights for others than the baseline's."""
    seen = Outputs()
    cell = Cell(task="T2", variant="V0", options=Options(), profile="tiny", seed=0, rounds=1)
    found = []
    for variant, held, outputs in (("V0", "fp32", baseline), ("V5", "int8", other)):
        answers = Outcomes.of([0] * len(outputs), outputs, threshold=0.5)
        weights = Applied(
            stage="architecture", knob="weight_format", asked=held, got=held, how="test"
        )
        answered = Round(
            seed=0,
            whole=Window(stage="whole", seconds=1.0, energy=Energy()),
            windows=(),
            applied=(weights,),
            outputs_sha256=repr(outputs),
            judged=Judged(outcomes=record(answers)),
        )
        found = seen.identical_outputs(replace(cell, variant=variant), [answered])
    return not found


def test_a_quantiser_that_answers_what_the_baseline_does_is_found_out(
    trained: torch.nn.Module, batches: Batches
) -> None:
    """FP32's outputs in another order, or with 1e-7 added, are echoes; real changes are none."""
    plain = InferenceOptions()
    whole = outputs_of(trained, batches, plain)
    assert not told_apart(whole, [p + 1e-7 for p in whole])
    alone = replace(batches, test=data.in_order(batches.objective, functions(16, seed=1), 1))
    assert not told_apart(whole, outputs_of(trained, alone, plain))
    assert told_apart(whole, outputs_of(trained, batches, InferenceOptions(precision="bf16")))
    short, int8 = copy.deepcopy(trained), ArchitectureOptions(weight_format="int8")
    layers.leave_out(short, (5,))
    assert told_apart(whole, outputs_of(short, batches, plain))
    architecture.convert(trained, int8, torch.device("cpu"))
    assert told_apart(whole, outputs_of(trained, batches, plain))


SMALL_BATCHES = DataOptions(tokenizer="rust", batch_size=8)
"""The 40 test functions take five passes, the 32 of training four steps."""


def proof_of(stage: str, knob: str, options: Options) -> Applied:
    """Run a cell in miniature and return the proof of one knob."""
    return next(a for a in run(options) if (a.stage, a.knob) == (stage, knob))


class Skipper:
    """Stands for ``leave_out`` and leaves layers out in some of the passes only."""

    def __init__(self, *passes: int) -> None:
        """Skip in these, counted from 0."""
        self.passes = passes

    def __call__(self, model: Any, gone: tuple[int, ...]) -> None:
        """Take layers out of the stack at the beginning of a pass, or put them back."""
        stack, whole, count = model.base_model, model.base_model.layers, itertools.count()
        short = torch.nn.ModuleList(layer for i, layer in enumerate(whole) if i not in gone)

        def begin(*_: object) -> None:
            stack.layers = short if next(count) in self.passes else whole

        stack.register_forward_pre_hook(begin)


@pytest.mark.parametrize(
    ("passes", "got", "note"),
    [
        ((0,), 0.0, "layers left out in 4 of 5 passes: none; requested: 4,5"),
        ((0, 1, 2, 3), 0.333, "layers left out in 1 of 5 passes: none; requested: 4,5"),
        ((2, 4), 0.0, "layers left out in 3 of 5 passes: none; requested: 4,5"),
        ((0, 1, 2, 3, 4), 0.333, ""),
    ],
)
def test_layers_that_are_left_out_in_some_passes_only_are_reported(
    passes: tuple[int, ...], got: float, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What most passes did is read back, and every other pass is counted."""
    monkeypatch.setattr(layers, "leave_out", Skipper(*passes))
    inference = InferenceOptions(skip_layers=0.34, layer_choice="top")
    options = Options(data=SMALL_BATCHES, training=UNTRAINED, inference=inference)
    found = {a.knob: a for a in run(options)}
    assert (found["skip_layers"].got, found["skip_layers"].note) == (got, note)
    assert found["layer_choice"].note == note


def compute_first_pass_in_bf16(patch: pytest.MonkeyPatch) -> None:
    """Switch autocast off everywhere but in the first pass of the process."""
    from transformers import ModernBertForSequenceClassification as Encoder

    forward, autocast, count = Encoder.forward, precision.autocast, itertools.count()

    def computed(self: Any, **inputs: Any) -> Any:
        name = "bf16" if next(count) == 0 else "fp32"
        with autocast(name, torch.device("cpu")):
            return forward(self, **inputs)

    patch.setattr(Encoder, "forward", computed)
    patch.setattr(precision, "autocast", lambda _name, _device: contextlib.nullcontext())
    patch.setitem(training.MIXED_PRECISION, "bf16", "no")


@pytest.mark.parametrize(
    ("stage", "options"),
    [
        ("training", Options(data=SMALL_BATCHES, training=TrainingOptions(precision="bf16"))),
        (
            "inference",
            Options(
                data=SMALL_BATCHES,
                training=UNTRAINED,
                inference=InferenceOptions(precision="bf16"),
            ),
        ),
    ],
)
def test_autocast_that_ends_with_the_first_pass_is_reported(
    stage: str, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass in bf16 and FP32 ever after read as FP32, in training and at inference."""
    compute_first_pass_in_bf16(monkeypatch)
    proof = proof_of(stage, "precision", options)
    passes = 4 * SHORT.epochs if stage == "training" else 5
    fp32 = f"fp32 in {2 * passes - 2} of {2 * passes} readings"
    assert proof.got == "fp32"
    assert proof.note.endswith(fp32)


def test_weights_that_are_converted_during_inference_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """INT8 after the last pass is no INT8 before the first."""
    convert = architecture.convert
    waiting: list[Callable[[], Any]] = []
    monkeypatch.setattr(
        architecture,
        "convert",
        lambda net, *given: waiting.append(lambda: convert(net, *given)) or net,
    )
    inference = Toggles.inference

    def late(self: Toggles, *given: Any) -> Any:
        answers = inference(self, *given)
        waiting.pop()()
        return answers

    monkeypatch.setattr(Toggles, "inference", late)
    proof = proof_of("architecture", "weight_format", SABOTAGE["architecture.weight_format"][0])
    assert proof.note == "the linear layers' weights are held as fp32+int8"


def test_accumulation_that_ends_with_the_first_step_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first step of four micro-batches and further ones of one are no steps of four."""
    from accelerate import Accelerator

    grouped = training._grouped

    def uneven(loader: Any, size: int) -> Any:
        first, *others = grouped(loader, size)
        yield first
        for batch in itertools.chain(*others):
            yield [batch]

    monkeypatch.setattr(training, "_grouped", uneven)

    def begin(self: Any) -> None:
        self.step += 1
        self.gradient_state._set_sync_gradients(self.step >= 4)

    monkeypatch.setattr(Accelerator, "_do_sync", begin)
    options = Options(data=SMALL_BATCHES, training=TrainingOptions(accumulation_steps=4))
    proof = proof_of("training", "accumulation_steps", options)
    assert (proof.got, proof.note) == (1, "requested 4, read back 1 in 12 of 13 steps")


def test_training_that_stops_after_the_first_step_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One step changes weights, and is not the training that was asked for."""
    grouped = training._grouped
    monkeypatch.setattr(training, "_grouped", lambda *given: itertools.islice(grouped(*given), 1))
    proof = proof_of("training", "finetune", Options(data=SMALL_BATCHES))
    epochs = SHORT.epochs
    assert (proof.got, proof.note) == (
        True,
        f"{epochs} of {4 * epochs} optimizer steps were made",
    )


def test_batches_of_which_only_the_first_is_large_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The largest batch does not speak for the others."""
    ordered = data._ordered

    def uneven(rows: Any, goal: Any, options: DataOptions, *others: Any) -> Any:
        loader, size = ordered(rows, goal, options, *others), options.batch_size
        indices = [list(range(size)), *([i] for i in range(size, len(rows)))]
        return torch.utils.data.DataLoader(
            loader.dataset, batch_sampler=indices, collate_fn=loader.collate_fn
        )

    monkeypatch.setattr(data, "_ordered", uneven)
    proof = proof_of("data", "batch_size", Options(data=replace(RUST, batch_size=16)))
    assert (proof.got, proof.note) == (1, "requested 16, read back 1 in 23 of 24 batches")


def test_each_rule_leaves_out_its_own_layers() -> None:
    """Each rule leaves out the layers that are written down here."""
    gone = {}
    for choice in ("top", "bottom", "alternate", "deepest"):
        inference = InferenceOptions(skip_layers=0.34, layer_choice=choice)
        proofs = run(Options(data=RUST, training=UNTRAINED, inference=inference))
        gone[choice] = next(a.got for a in proofs if a.knob == "layer_choice")
    assert gone == {"top": "4,5", "bottom": "0,1", "alternate": "2,4", "deepest": "4,5"}


CACHES: dict[str, tuple[Options, Any]] = {
    "python": (Options(training=UNTRAINED), PythonBPE),
    "rust": (Options(data=RUST, training=UNTRAINED), encoders.RustEncoder),
}


@pytest.mark.parametrize("kind", CACHES)
def test_ids_that_come_from_a_cache_are_reported(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run that is served from the first one's ids did not tokenise, and says so."""
    options, owner = CACHES[kind]
    served: dict[tuple[str, ...], list[list[int]]] = {}
    encode = owner.encode_batch

    def cached(self: Any, texts: Any, **others: Any) -> list[list[int]]:
        if tuple(texts) not in served:
            served[tuple(texts)] = encode(self, texts, **others)
        return served[tuple(texts)]

    monkeypatch.setattr(owner, "encode_batch", cached)
    first, second = (next(a for a in run(options) if a.knob == "tokenizer") for _ in range(2))
    assert first.holds
    assert (first.evidence["texts_encoded"], first.evidence["texts_from_cache"]) == (72, 0)
    assert (
        second.note == "the ids of 72 texts came from a cache: their tokenisation was not measured"
    )


def test_a_cached_side_of_a_translation_is_reported(llama: Checkpoint) -> None:
    """Sources and targets are two texts an example, and each must be encoded."""
    encoder = encoders.encoder("rust", llama.tokenizer_file, small_decoders.SIZE.max_tokens)
    goal = objective(encoder, llama, small_decoders.SIZE)
    some = small_decoders.pairs(8)
    whole, missing = data.encoded(encoder, goal.training_rows, some, goal.training_texts)
    assert (len(whole), missing) == (8, 0)
    _, missing = data.encoded(encoder, goal.inference_rows, some, goal.training_texts)
    assert missing > 0


def recording(part: Any, stage: str, read: set[str]) -> Any:
    """Return the options of a stage that note which of them is read."""
    names = set(knobs(stage))

    class Recorder(type(part)):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            if name in names:
                read.add(f"{stage}.{name}")
            return super().__getattribute__(name)

    return Recorder(**{f.name: getattr(part, f.name) for f in fields(part)})


@pytest.mark.parametrize(
    "options",
    [Options(), SABOTAGE["architecture.quantizer"][0], SABOTAGE["inference.skip_layers"][0]],
)
def test_every_knob_is_read_by_a_stage(options: Options) -> None:
    """Every knob is read before the proofs are made, whatever its value.

    The session reads ``system.processes``, to choose the processes that it gives to the stages.
    """
    read: set[str] = set()
    every = {f"{stage}.{knob}" for stage in STAGES for knob in knobs(stage)}
    recorders = Options(
        **{stage: recording(getattr(options, stage), stage, read) for stage in STAGES}
    )
    missed: list[set[str]] = []
    run(recorders, before_proofs=lambda: missed.append(every - read))
    needless = {"system.processes", "architecture.int8_threshold"}  # the latter for LLM.int8()
    needless.add("inference.exit_layers")  # for exit_confidence
    needless |= {f"architecture.lora_{part}" for part in ("rank", "alpha", "targets")}
    if options.architecture.weight_format == "fp32":
        needless.add("architecture.quantizer")
    assert missed[0] <= needless
