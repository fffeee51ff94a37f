"""A suite over tasks that files describe, in a folder of its own: V0 and one variant."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from greenbench.data.synthetic import tickets

if TYPE_CHECKING:
    from pathlib import Path

EXPERIMENT = """# Experiment

## Tasks and data sets

| Task | Description | Data set | Split notes |
|---|---|---|---|
{tasks}

## Models

| Model | Base model | Tasks | Notes |
|---|---|---|---|
| M1 | tiny | {names} | none |

## Variants

| Variant | Folder | Data | Architecture | Training | System | Inference |
|---|---|---|---|---|---|---|
| Baseline | `V0_baseline` | all defaults | FP32 | AdamW | default | all layers |
| Other | `V1_other` | {claim} |

## Directory checklist

| Folder | run.sh | README.md | config.yaml |
|---|---|---|---|
"""
CONFTEST = """
from pathlib import Path
from greenbench.plugin import use_matrix
HERE = Path(__file__).parent
def pytest_configure(config):
    use_matrix(config, HERE / "experiment.md", HERE / "variants")
"""
BENCH = """
import pytest
@pytest.mark.greenbench(task="{name}")
def test_{lower}(pipeline, measure):
    measure(pipeline)
"""
COLUMNS = {
    "text-classification": "{text: text, label: label}",
    "regression": "{text: text, value: value}",
    "token-classification": "{tokens: tokens, tags: tags}",
    "causal-lm": "{prompt: prompt, answer: answer}",
}
MODELS = {"causal-lm": "llama_tiny"}


def description(kind: str, source: str, more: str = "") -> str:
    """Return the text of a task's file."""
    model = MODELS.get(kind, "modernbert_tiny")
    return (
        f"kind: {kind}\nmodel: {model}\ndata:\n  source: {source}\n"
        f"  columns: {COLUMNS[kind]}\n{more}"
    )


def write(
    folder: Path,
    kinds: dict[str, str],
    *,
    rows: int = 400,
    config: str = "inference: {batch_size: 16}\n",
    claim: str = "- | - | - | - | other batches",
    more: str = "",
) -> None:
    """Write the suite; ``kinds`` are those of its tasks, by name."""
    lines = [f"| {name} | {kind} | tickets | random |" for name, kind in kinds.items()]
    names = ", ".join(kinds)
    text = EXPERIMENT.format(tasks="\n".join(lines), names=names, claim=claim)
    (folder / "experiment.md").write_text(text)
    (folder / "conftest.py").write_text(CONFTEST)
    for sub in ("tasks", "data", "bench", "variants/V0_baseline", "variants/V1_other"):
        (folder / sub).mkdir(parents=True)
    for variant in ("V0_baseline", "V1_other"):
        (folder / "variants" / variant / "README.md").write_text("It is a test's.\n")
        script = folder / "variants" / variant / "run.sh"
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    (folder / "variants/V1_other/config.yaml").write_text(config)
    for name, kind in kinds.items():
        table(folder / "data" / f"{name}.csv", kind, rows)
        (folder / "tasks" / f"{name}.yaml").write_text(description(kind, f"data/{name}.csv", more))
        bench = BENCH.format(name=name, lower=name.lower())
        (folder / "bench" / f"test_{name.lower()}.py").write_text(bench)


def table(path: Path, kind: str, rows: int) -> None:
    """Write a csv file of made-up tickets."""
    found = tickets.rows(kind, rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
