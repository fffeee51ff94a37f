"""docs/study: each of the published study's variants changes what its name says, and no more."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import torch

from greenbench.errors import GreenbenchError
from greenbench.experiment.cells import cells_of
from greenbench.experiment.knobs import changes
from greenbench.experiment.matrix import load
from greenbench.experiment.profiles import profile
from greenbench.stages import engines

STUDY = Path(__file__).resolve().parents[2] / "docs" / "study"
LAYERS = 22
"""Of ModernBERT-base, which the study trained."""
FP16 = {"training.precision": "fp16", "inference.precision": "fp16"}
CHECKPOINTING = {"training.gradient_checkpointing": True}
LENGTH = {"data.max_length": 512}
VLLM = {"inference.engine": ["vllm", "torch"]}
PARTS: dict[str, dict[str, object]] = {
    "accumulation": {"training.accumulation_steps": 2},
    "attention": {},  # the baseline has what the study turns on
    "baseline": {},
    "checkpointing": CHECKPOINTING,
    "fp16": FP16,
    "gradient_checkpointing": CHECKPOINTING,
    "inference_engine": VLLM,
    "lora": {"architecture.adapter": "lora"},
    "optimizer": {"training.optimizer": "adamw_8bit"},
    "pin_memory": {"data.pin_memory": True},
    "power_limit_100w": {"system.gpu_power_w": 100.0},
    "quantization": {"architecture.adapter": "qlora", "architecture.weight_format": "nf4"},
    "sequence_length": LENGTH,
    "tokenizer": {"data.tokenizer": "rust"},
    "torch_compile": {"inference.engine": "compile"},
}
"""A word of a folder's name to the knobs that it stands for."""
ALONE: dict[str, dict[str, object]] = {
    "attention": {"architecture.attention": "eager"},  # turned round
    "inference_engine": {"inference.engine": ["vllm", "onnx"]},
    "optimal": {
        **FP16,
        **CHECKPOINTING,
        **LENGTH,
        **VLLM,
        "data.tokenizer": "rust",
        "data.pin_memory": True,
        "architecture.prune_layers": round(20 / LAYERS, 2),
        "architecture.adapter": "lora",
        "training.optimizer": "adamw_8bit",
    },
    "sequence_length": {"data.max_length": [512, 64]},
}
"""Folders whose name says more, or something else, than its words in other names."""

MATRIX = load(STUDY / "experiment.md", STUDY / "variants")


def expected(folder: str) -> dict[str, object]:
    """Return the knobs that the name of a variant's folder promises."""
    rest = folder.partition("_")[2]
    if rest in ALONE:
        return ALONE[rest]
    knobs: dict[str, object] = {}
    pruned = re.match(r"prune_(\d+)_(top|bottom)(_|$)", rest)
    if pruned:
        knobs["architecture.prune_layers"] = round(int(pruned[1]) / LAYERS, 2)
        if pruned[2] == "bottom":
            knobs["architecture.prune_choice"] = "bottom"
        rest = rest[pruned.end() :]
    while rest:
        (part,) = [part for part in PARTS if rest == part or rest.startswith(f"{part}_")]
        knobs |= PARTS[part]
        rest = rest.removeprefix(part).removeprefix("_")
    return knobs


@pytest.mark.parametrize("variant", MATRIX.variants, ids=lambda variant: variant.name)
def test_a_variant_differs_from_the_baseline_by_what_its_name_says(variant) -> None:
    """Nothing else is turned on beside it, as some of the study's own configurations do."""
    found = {change.knob: change.here for change in changes(variant)}
    assert found == expected(variant.name)


def test_every_variant_of_the_study_is_there_or_said_to_be_missing() -> None:
    """They keep the study's numbers, from V0 to V30."""
    numbers = [int(variant.name.partition("_")[0][1:]) for variant in MATRIX.variants]
    readme = (STUDY / "README.md").read_text("utf-8")
    missing = {int(number) for number in re.findall(r"^- V(\d+) is missing", readme, re.MULTILINE)}
    assert numbers == sorted(set(range(31)) - missing)


def test_an_engine_that_is_absent_is_refused_with_what_would_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """V9 resolves on every machine; of its engines one is to be installed, one is for texts."""
    monkeypatch.setattr(engines, "find_spec", lambda _package: None)
    (variant,) = [one for one in MATRIX.variants if one.name == "V9_inference_engine"]
    sentences = []
    for cell in cells_of("T2", [variant], profile("tiny"), seed=0, rounds=1):
        with pytest.raises(GreenbenchError) as caught:
            engines.check(cell.options, torch.device("cpu"), generates=False)
        sentences.append(str(caught.value))
    vllm, onnx = sentences
    assert "or onnx would work" in vllm
    assert "pip install 'greenbench[onnx]' would install it" in onnx


def test_a_variant_s_script_runs_it_in_the_study_s_matrix(tmp_path: Path) -> None:
    """The script passes the matrix on, beside its own arguments, and finds the suite."""
    stub = tmp_path / "python"
    stub.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stub.chmod(0o755)
    script = STUDY / "variants" / "V4_tokenizer" / "run.sh"
    environment = {"PYTHON": str(stub), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [script, "-x"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    arguments = done.stdout.splitlines()
    assert arguments[2] == str(STUDY.parents[1] / "bench")
    chosen = ["-k", "V4_tokenizer", "-x", "--green-matrix", str(STUDY / "experiment.md")]
    assert arguments[-5:] == chosen
