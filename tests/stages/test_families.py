"""Every knob finds the layers of every family by structure, or refuses with the reason."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages import families
from stages.families import DECODERS, ENCODERS, ODD, Zoo
from stages.small_decoders import SIZE as WRITING
from stages.small_decoders import pairs
from stages.small_runs import SHORT, functions, run_stages

from greenbench.data.models.linear_layers import make_plain
from greenbench.errors import GreenbenchError
from greenbench.options import (
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    TrainingOptions,
)
from greenbench.stages import (
    architecture,
    exit_head,
    freezing,
    layers,
    model_checks,
    onnx_engine,
    packing,
    packing_check,
    pruning,
    weights,
)
from greenbench.stages.stack import stack_of
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from greenbench.types import Applied

BOTH = [*ENCODERS, *DECODERS]
ALL = [*BOTH, *ODD]
ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
QUICK = ("gpt2",)
"""Family whose whole cell is run in any case; those of the others are slow."""
DEEP = ("deberta-v2", "roberta", "modernbert", "gemma3_text", "smollm3")
"""Families whose layers are most unlike each other."""
KEPT = [0, 2, 3]
"""Layers that stay where one is left out."""


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Give checkpoints of all families."""
    return Zoo(tmp_path_factory.mktemp("zoo"))


def batch(count: int = 3, tokens: int = 12) -> dict[str, torch.Tensor]:
    """Return rows of several lengths, padded on the right with what no family pads with."""
    ids = torch.arange(count * tokens).reshape(count, tokens) % 200 + 5
    mask = torch.ones_like(ids)
    mask[0, 7:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@torch.no_grad()
def logits(net: Any) -> torch.Tensor:
    """Return the answers to ``batch``; of a model that writes those behind the first row's text."""
    answer: torch.Tensor = net(**batch()).logits
    return answer[:, :7]


def stages_of(zoo: Zoo, kind: str, options: Options) -> tuple[Any, Toggles, Any]:
    """Run a cell of the family: a step or two of training, and a few answers."""
    size = WRITING if families.writes(kind) else SHORT
    toggles = Toggles(options, replace(size, epochs=1), "cpu")
    some: Any = pairs if families.writes(kind) else functions
    start = zoo.checkpoint(kind)
    net, batches, answers = run_stages(toggles, some(16), some(4), some(4), start=start)
    assert len(answers) == 4
    return net, toggles, batches


def broken(proofs: tuple[Applied, ...]) -> list[str]:
    """Return the knobs that were not obeyed, with the reason."""
    return [f"{p.stage}.{p.knob}: {p.note}" for p in proofs if not p.holds]


def slow_but(kinds: tuple[str, ...], some: list[str]) -> list[Any]:
    """Return ``some`` families, those that are not among ``kinds`` marked as slow."""
    marks = {True: (), False: (pytest.mark.slow,)}
    return [pytest.param(kind, marks=marks[kind in kinds]) for kind in some]


@pytest.mark.usefixtures("as_new")
@pytest.mark.parametrize("kind", slow_but(QUICK, ALL))
def test_the_baseline_runs_and_is_read_back(kind: str, zoo: Zoo) -> None:
    """Every knob reads as the baseline's, work is counted, and only a tokenizer is warned of."""
    net, toggles, batches = stages_of(zoo, kind, Options(data=DataOptions(batch_size=8)))
    assert broken(toggles.applied()) == []
    counted = toggles.work(net, batches)
    assert counted["flops_training"] > counted["flops_inference"] > 0
    told = [text for text in toggles.doubts() if "baseline has the Rust" in text]
    attention = next(p for p in toggles.applied() if p.knob == "attention")
    eager = kind in {"deberta-v2", "mamba"}
    assert (attention.got, attention.before) == (("eager", "eager") if eager else ("sdpa", None))
    assert bool(told) == (kind in (*families.WORD_PIECES, *families.SENTENCE_PIECES))


@pytest.mark.usefixtures("as_new")
@pytest.mark.slow
@pytest.mark.parametrize("kind", DEEP)
def test_layers_are_pruned_frozen_recomputed_adapted_and_skipped(kind: str, zoo: Zoo) -> None:
    """All of it in one cell, each read back from the live layers."""
    options = Options(
        data=DataOptions(batch_size=8, tokenizer="rust", batching="bucketed"),
        architecture=ArchitectureOptions(prune_layers=0.25, adapter="lora", lora_rank=2),
        training=TrainingOptions(
            frozen_layers=0.34, gradient_checkpointing=True, accumulation_steps=2
        ),
        inference=InferenceOptions(skip_layers=0.34, layer_choice="influence", healing=0.5),
    )
    net, toggles, batches = stages_of(zoo, kind, options)
    assert len(stack_of(net).layers) == net.config.num_hidden_layers == 2
    proofs = {f"{p.stage}.{p.knob}": p for p in toggles.applied()}
    assert broken(tuple(proofs.values())) == []
    assert proofs["architecture.prune_layers"].got == 0.25
    assert proofs["inference.skip_layers"].got == pytest.approx(1 / 3, abs=0.001)
    assert toggles.work(net, batches)["flops_inference"] > 0


@pytest.mark.parametrize("kind", BOTH)
def test_a_shortened_model_is_one_that_was_built_short(kind: str, zoo: Zoo) -> None:
    """Configuration, numbers of layers, kinds of attention and answers are those of such a one."""
    net = zoo.net(kind)
    stack = stack_of(net)
    for number, layer in enumerate(stack.layers):
        for weight in layer.parameters():
            weight.data += 0.01 * number
    expected = net.state_dict()
    layers.leave_out(net, [1])
    changed = {"num_hidden_layers": len(KEPT)}
    for name in ("layer_types", "no_rope_layers"):
        value = getattr(families.drawn(kind).config, name, None)
        if value:
            changed[name] = [value[number] for number in KEPT]
    short = families.drawn(kind, **changed)
    make_plain(short)
    beginning = re.escape(stack.path)
    state = {}
    for name, weight in expected.items():
        found = re.match(rf"{beginning}\.(\d+)\.", name)
        if found is None:
            state[name] = weight
        elif int(found[1]) in KEPT:
            place = KEPT.index(int(found[1]))
            state[re.sub(rf"^{beginning}\.\d+\.", f"{stack.path}.{place}.", name)] = weight
    short.load_state_dict(state)
    assert torch.equal(logits(net), logits(short.eval()))
    differing = {"_name_or_path", "architectures", "dtype", "transformers_version"}
    ours, theirs = net.config.to_dict(), short.config.to_dict()
    assert {k for k in ours if ours[k] != theirs.get(k)} <= differing
    numbers = [getattr(m, "layer_idx", None) for m in net.modules()]
    assert numbers == [getattr(m, "layer_idx", None) for m in short.modules()]


@pytest.mark.parametrize("kind", DECODERS)
def test_a_shortened_decoder_writes_the_same_with_any_cache(kind: str, zoo: Zoo) -> None:
    """A static cache gives the ids of a dynamic one, and both those of none, beyond a window."""
    net = zoo.net(kind)
    layers.leave_out(net, [1])
    inputs, written = batch(), {}
    inputs["attention_mask"] = inputs["attention_mask"].flip(1)
    for cache in ("dynamic", "static", None):
        kept = {"use_cache": False} if cache is None else {"cache_implementation": cache}
        if cache == "dynamic":
            kept = {}
        written[cache] = net.generate(
            **inputs, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0, **kept
        ).tolist()
    assert written["dynamic"] == written["static"] == written[None]


@pytest.mark.parametrize(
    ("kind", "weight_format"),
    [*itertools.product(BOTH, ["bf16", "int8"]), ("gpt2", "nf4"), ("roberta", "nf4")],
)
def test_linear_layers_are_converted_and_the_head_is_not(
    kind: str, weight_format: str, zoo: Zoo
) -> None:
    """Each layer of the stack has all its matrices in the format; answers stay close."""
    net = zoo.net(kind)
    options = ArchitectureOptions(weight_format=weight_format)
    before = logits(net)
    converted = architecture.convert(net, options, CPU)
    sizes = weights.held_formats(converted)
    inside = [module for module in sizes if module.startswith(stack_of(net).path)]
    assert len(inside) >= 4
    assert {name for size in sizes.values() for name in size} == {weight_format}
    head = weights.head_of(converted)
    assert head in {"classifier", "lm_head", "embed_out"}
    assert {p.dtype for p in net.get_submodule(head).parameters()} == {torch.float32}
    if weight_format != "nf4":
        after = logits(converted)
        assert float((after - before).abs().max()) < 0.2 * float(before.abs().max())


NOT_PACKED = {
    "deberta-v2": "fails on packed rows",
    "albert": "gives packed texts other answers than padded ones",
    "mamba": "fails on packed rows",
}


@torch.no_grad()
def alone(net: Any) -> torch.Tensor:
    """Return the answers to texts of ``batch`` one by one, or those to each one's last token."""
    inputs, answers = batch(), []
    for ids, length in zip(inputs["input_ids"], inputs["attention_mask"].sum(1), strict=True):
        answer = net(input_ids=ids[None, :length]).logits[0]
        answers.append(answer if answer.ndim == 1 else answer[-1])
    return torch.stack(answers)


@torch.no_grad()
def packed(net: Any) -> torch.Tensor:
    """Return the same of packed rows."""
    inputs = batch()
    made = packing.pack(inputs, 0)
    answer = packing.run(net, made).logits
    if answer.ndim == 2:
        return answer
    ends = made[packing.STARTS] + inputs["attention_mask"].sum(1) - 1
    return answer.flatten(0, 1)[ends]


@pytest.mark.parametrize("kind", ALL)
def test_packed_rows_get_the_answers_of_padded_ones_or_are_refused(kind: str, zoo: Zoo) -> None:
    """Each text gets the answer that it gets alone, or one sentence says what would work."""
    net = zoo.net(kind)
    if kind not in NOT_PACKED:
        packing_check.refuse_other_answers(net, 0)
        torch.testing.assert_close(packed(net), alone(net), rtol=1e-3, atol=1e-4)
        return
    with pytest.raises(
        GreenbenchError, match=f"batching: packed: .*{NOT_PACKED[kind]}.*; set plain"
    ):
        packing_check.refuse_other_answers(net, 0)


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_head_can_be_asked_between_layers(kind: str, zoo: Zoo) -> None:
    """What it says of the last layer's output is the model's own answer."""
    net, given = zoo.net(kind), []
    exit_head.refuse_others(net)
    ids = batch()["input_ids"]
    hook = stack_of(net).layers[-1].register_forward_hook(lambda *call: given.append(call[-1]))
    with torch.no_grad():
        expected = net(input_ids=ids).logits
        asked = exit_head.ExitHead(net).logits(ids, None, given[0])
    hook.remove()
    torch.testing.assert_close(asked, expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("weight_format", ["fp32", "int8"])
def test_onnx_runtime_answers_for_a_shortened_encoder(
    kind: str, weight_format: str, zoo: Zoo
) -> None:
    """Layers, matrices and formats are read from its profile, whatever the layers are called."""
    net = zoo.net(kind)
    layers.leave_out(net, [1])
    depth, expected = layers.depth_of(net), logits(net)
    engine = onnx_engine.converted(net, in_int8=weight_format == "int8")
    engine.watch(depth)
    answered = engine(**batch()).logits
    close = 0.3 if weight_format == "int8" else 1e-5
    assert float((answered - expected).abs().max()) < close * float(expected.abs().max())
    assert dict(depth.passes.counts) == {0b111: 1}
    trained = {}
    for name, module in weights.convertible(net).items():
        trained[f"{name}.weight"] = module.weight.detach()
    options = ArchitectureOptions(weight_format=weight_format)
    assert broken(engine.weight_proofs(options, trained)) == []


def test_a_model_with_a_convolution_between_its_layers_is_not_asked() -> None:
    """The head of DeBERTa-v2-xlarge would read what it never saw."""
    net = families.drawn("deberta-v2", conv_kernel_size=3)
    with pytest.raises(GreenbenchError, match=r"exit_confidence: DebertaV2\w+ makes more of its"):
        exit_head.refuse_others(net)


@pytest.mark.parametrize(
    ("kind", "options", "why"),
    [
        ("albert", ArchitectureOptions(prune_layers=0.5), "architecture.prune_layers: the layers"),
        (
            "albert",
            InferenceOptions(skip_layers=0.5),
            "inference.skip_layers: the layers of Albert",
        ),
        ("albert", TrainingOptions(frozen_layers=1.0), "training.frozen_layers: the layers of"),
        ("albert", InferenceOptions(exit_confidence=0.9), "inference.exit_confidence: the layers"),
        ("mamba", ArchitectureOptions(attention="eager"), "attention: eager was requested, and"),
        ("mamba", InferenceOptions(cache="static"), "cache: static was requested, and transf"),
    ],
)
def test_what_a_family_cannot_do_is_refused_by_name(
    kind: str, options: Any, why: str, zoo: Zoo
) -> None:
    """Shared layers cannot be chosen from, and what does not attend has no attention."""
    stage = type(options).__name__.removesuffix("Options").lower()
    with pytest.raises(GreenbenchError, match=why):
        obeyed(zoo.net(kind), Options(**{stage: options}))


def obeyed(net: Any, options: Options) -> None:
    """Do with ``net`` what the knobs for layers ask, as a cell's stages do."""
    model_checks.refuse(net, options, 0)
    for request in (pruning.request(options.architecture), layers.skipping(options.inference)):
        layers.picked(net, request, (), CPU)
    freezing.freeze(net, options.training.frozen_layers)


@pytest.mark.parametrize("kind", BOTH)
def test_nothing_below_a_frozen_layer_gets_a_gradient(kind: str, zoo: Zoo) -> None:
    """All weights but those of the layers above, and of what stands behind them, are frozen."""
    net = zoo.net(kind)
    freezing.freeze(net, 0.5)
    net(**batch()).logits.sum().backward()
    stack = stack_of(net)
    with_gradient = [
        number
        for number, layer in enumerate(stack.layers)
        if any(weight.grad is not None for weight in layer.parameters())
    ]
    assert with_gradient == [2, 3]
    assert net.get_input_embeddings().weight.grad is None


def test_a_model_without_a_single_stack_is_refused() -> None:
    """Two stacks of one length could each be meant."""
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(d_model=16, d_ff=16, num_layers=2, num_heads=2, d_kv=8, vocab_size=50)
    net = T5ForConditionalGeneration(config)
    with pytest.raises(GreenbenchError, match="2 longest lists of equal layers are found in it"):
        stack_of(net)


@pytest.mark.slow
def test_an_older_checkpoint_of_bert_gets_a_table_at_once(tmp_path: Path) -> None:
    """V0 and layer skipping, by the command line, from a folder that has no tokenizer.json."""
    model = families.older_bert(tmp_path / "bert")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "bench"]
    command += ["-k", "T2 and (V0 or V3)", f"--green-model=M2={model}", "--green-rounds=1"]
    command += ["--green-size=T2=train:64,valid:32,test:64,epochs:1", "--green-control=off"]
    done = subprocess.run(
        [*command, f"--green-results={tmp_path / 'results'}"],
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    (skipping,) = (tmp_path / "results").glob("V3_inference_*.json")
    (cell,) = json.loads(skipping.read_text())["cells"]
    assert cell["status"] == "ok"
    proofs = {proof["knob"]: proof for proof in cell["applied"]}
    assert proofs["skip_layers"]["got"] > 0
    assert proofs["tokenizer"]["got"] == "rust"
    assert "the baseline has the Rust one" in proofs["tokenizer"]["how"]


def test_the_documentation_has_a_line_for_each_family_as_tested_here() -> None:
    """docs/models.md promises what the tests above show."""
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    table = [line for line in page.splitlines() if line.startswith("| `") and "fused" in line]
    table += [line for line in page.splitlines() if line.startswith("| `") and "eager |" in line]
    assert sorted(table) == sorted(map(line_of, ALL))


def line_of(kind: str) -> str:
    """Return the line of a family in the documentation."""
    shared, attends = kind == "albert", kind != "mamba"
    exits, cache = ("-", "yes" if attends else "no") if families.writes(kind) else ("yes", "-")
    cells = [
        f"`{kind}`",
        "no" if shared else "yes",
        "yes",
        "yes",
        "no" if kind in NOT_PACKED else "yes",
        "no" if shared else exits,
        cache,
        "fused" if attends and kind != "deberta-v2" else "eager",
        "Rust" if kind in (*families.WORD_PIECES, *families.SENTENCE_PIECES) else "Python",
    ]
    return f"| {' | '.join(cells)} |"
