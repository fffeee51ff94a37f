"""A suite of a task of plain functions, for tests that run it as a user does.

``write(folder, code)`` writes experiment.md, variants/, tasks/T3.py with ``code`` and a bench test.
The session's pauses are short, and torch cannot be imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXPERIMENT = """
# Experiment

## Tasks and data sets

| Task | Description | Data set | Split notes |
|---|---|---|---|
| T3 | own functions | own | own |

## Models

| Model | Base model | Tasks | Notes |
|---|---|---|---|

## Variants

| Variant | Folder | Data | Architecture | Training | System | Inference |
|---|---|---|---|---|---|---|
{rows}

## Directory checklist

| Folder | run.sh | README.md | config.yaml |
|---|---|---|---|

## Changelog

| Date | Change |
|---|---|
| 2026-11-30 | made |
"""
CONFTEST = """
import sys
from pathlib import Path

HERE = Path(__file__).parent

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "datasets"}:
            raise ImportError(f"{name} is not to be imported here")


sys.meta_path.insert(0, NoTorch())

from greenbench.plugin import use_matrix
from greenbench.run import instruments

instruments.IDLE_S = 0.05


def pytest_configure(config):
    use_matrix(config, HERE / "experiment.md", HERE / "variants")
"""
BENCH = """
import pytest


@pytest.mark.greenbench(task="T3")
def test_own(pipeline, measure):
    measure(pipeline)
"""
NEAREST = """
from dataclasses import dataclass

import numpy as np

import greenbench

PRIMARY = "accuracy"
HIGHER_IS_BETTER = True


@dataclass(frozen=True)
class Options:
    steps: int = greenbench.knob(
        8, least=1, proof=lambda model: model[1], meaning="Passes over the training rows."
    )
    rate: float = 0.5


def load(seed, sizes):
    random = np.random.default_rng(seed)
    splits = []
    for size in sizes:
        labels = random.integers(0, 3, size or 90)
        splits.append((random.normal(labels, 0.4), labels))
    return splits


def train(options, data, seed):
    points, labels = data.train
    centres = np.random.default_rng(seed).normal(size=3)
    for _ in range(options.steps):
        for label in range(3):
            centres[label] += options.rate * (points[labels == label].mean() - centres[label])
    return centres, options.steps


def predict(model, rows, options):
    return abs(rows[0][:, None] - model[0]).argmin(axis=1)


def score(rows, predictions):
    return {"accuracy": predictions == rows[1]}
"""
VARIANTS = {
    "V0_baseline": "",
    "V1_half": "training:\n  steps: 4\n",
    "V2_rate": "training:\n  rate: 0.4\n",
}


def write(folder: Path, code: str = NEAREST, variants: Mapping[str, str] = VARIANTS) -> None:
    """Write the suite into ``folder``; ``variants`` are configs by folder."""
    rows = []
    for name, config in variants.items():
        home = folder / "variants" / name
        home.mkdir(parents=True)
        (home / "config.yaml").write_text(config)
        (home / "README.md").write_text(f"# {name}\n")
        (home / "run.sh").write_text("#!/bin/sh\n")
        (home / "run.sh").chmod(0o755)
        stages = ("data", "architecture", "training", "system", "inference")
        cells = [("set" if f"{stage}:" in config else "-") for stage in stages]
        rows.append(f"| {name.partition('_')[2]} | `{name}` | {' | '.join(cells)} |")
    (folder / "experiment.md").write_text(EXPERIMENT.format(rows="\n".join(rows)))
    (folder / "tasks").mkdir()
    (folder / "tasks" / "T3.py").write_text(code)
    (folder / "bench").mkdir()
    (folder / "bench" / "test_own.py").write_text(BENCH)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n'
    )
