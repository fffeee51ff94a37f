"""Readers of an experiment: experiment.md, config.yaml, pyproject.toml."""

from __future__ import annotations

import contextlib
import json
import math
from typing import TYPE_CHECKING, Any

from fuzz.contract import Reader, check_refusal, refusals
from fuzz.mutations import Decisions, Tree, damaged, decided, mutated

from greenbench.errors import Disagreements
from greenbench.experiment.cells import cells_of
from greenbench.experiment.config import read_config
from greenbench.experiment.knobs import changes
from greenbench.experiment.matrix import load
from greenbench.experiment.profiles import PROFILES
from greenbench.experiment.resolving import resolve_settings
from greenbench.report.texts import error_text
from greenbench.run.inputs import task_inputs
from greenbench.tasks import BUILT_IN
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

STAGES = ["Data", "Architecture", "Training", "System", "Inference"]
TABLES: Tree = {
    "## Tasks": [
        ["Task", "Description", "Data set", "Split notes"],
        ["T1", "a", "b", "c"],
        ["T2", "a", "b", "c"],
    ],
    "## Models": [
        ["Model", "Base model", "Tasks", "Notes"],
        ["M1", "a", "T1", "b"],
        ["M2", "a", "T2", "b"],
    ],
    "## Variants": [
        ["Variant", "Folder", *STAGES],
        ["Baseline", "`V0_a`", "b", "-", "c", "", "d"],
        ["Fast", "V1_b", "-", "-", "**bf16**", "-", "-"],
    ],
    "## Checklist": [["Folder", "run.sh", "README.md", "config.yaml"], ["V0_a", "✓", "✓", "✗"]],
}
CONFIG_OF_V1 = "training:\n  precision: bf16\n"


def as_markdown(tables: Tree) -> str:
    """Write what is left of the tables."""
    lines: list[str] = []
    for heading, rows in tables.items() if isinstance(tables, dict) else [("", tables)]:
        lines += [str(heading), ""]
        for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
            cells = row if isinstance(row, list) else [row]
            lines.append(f"| {' | '.join(map(str, cells))} |")
            if number == 0:
                lines.append("|---" * len(cells) + "|")
        lines.append("")
    return "\n".join(lines)


def experiment(decisions: Decisions) -> bytes:
    """Return an experiment.md with changed cells, or with damaged text."""
    if decisions.below(2):
        return as_markdown(mutated(decisions, TABLES)).encode("utf-8", "surrogatepass")
    return damaged(decisions, as_markdown(TABLES))


def write_variants(folder: Path) -> None:
    """Write the folders that the tables name."""
    for name in ("V0_a", "V1_b"):
        variant = folder / "variants" / name
        variant.mkdir(parents=True)
        (variant / "README.md").write_text(f"# {name}\n")
        (variant / "run.sh").write_text("#!/bin/sh\n")
        (variant / "run.sh").chmod(0o755)
    (folder / "variants" / "V1_b" / "config.yaml").write_text(CONFIG_OF_V1)


@contextlib.contextmanager
def open_experiment(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Load the experiment whose experiment.md is the input."""
    write_variants(folder)

    def read(raw: bytes) -> None:
        (folder / "experiment.md").write_bytes(raw)
        with refusals():
            known = load(folder / "experiment.md", folder / "variants")
            knobs = {variant.name: [c.knob for c in changes(variant)] for variant in known.variants}
            assert knobs == {"V0_a": [], "V1_b": ["training.precision"]}
            models = {name for task in known.tasks for name in [task.model]}
            assert models <= {model.name for model in known.models}

    yield read


EXPERIMENT = Reader(
    name="experiment.md", inputs=decided(experiment), open=open_experiment, dear=True
)

CONFIGS: tuple[Tree, ...] = (
    {"data": {"tokenizer": "rust", "batch_size": [16, 64]}, "training": {"precision": "bf16"}},
    {
        "architecture": {"weight_format": "int8", "quantizer": "auto"},
        "training": {"accumulation_steps": 4, "finetune": False, "optimizer": "sgd"},
    },
    {
        "system": {"gpu_power_fraction": 0.7, "cpu_threads": 2, "cpu_affinity": "0-3,8"},
        "inference": {"skip_layers": 0.25, "layer_choice": "deepest"},
    },
)
CONFIG_TEXTS = (
    "# what differs\ndata:\n  batch_size: [16, 32, 64]  # a sweep\ntraining:\n  precision: bf16\n",
    "base: &base\n  precision: bf16\ntraining:\n  <<: *base\ninference: *base\n",
    "system: {gpu_power_w: 250, cpu_governor: powersave}\ninference:\n  layer_choice: 3,4\n",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\ndata: {batch_size: *c}\n",
)


def config(decisions: Decisions) -> bytes:
    """Return a config.yaml with changed values, or with damaged text."""
    if decisions.below(2):
        return json.dumps(mutated(decisions, decisions.one_of(CONFIGS))).encode()
    return damaged(decisions, decisions.one_of(CONFIG_TEXTS))


@contextlib.contextmanager
def open_config(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Read the config.yaml of a variant, and make its cells."""
    place = folder / "variants" / "V1_b"
    place.mkdir(parents=True)

    def read(raw: bytes) -> None:
        (place / "config.yaml").write_bytes(raw)
        found = read_config(place)
        if found.problems:
            message = error_text(Disagreements(list(found.problems)))
            check_refusal(message, "variants/V1_b/config.yaml:")
            assert message.count("\n") == len(found.problems) - 1
            return
        variant = Variant(
            name="V1_b", title="", options=found.options, folder=place, sweep=found.sweep
        )
        cells = cells_of("T2", [variant], PROFILES["tiny"], seed=0, rounds=None)
        assert len(cells) == math.prod(map(len, found.sweep.values()))
        assert len({cell.id for cell in cells}) == len(cells)
        assert all(cell.id.isprintable() for cell in cells)

    yield read


CONFIG = Reader(name="config.yaml", inputs=decided(config), open=open_config, dear=True)

VALID: Mapping[str, tuple[Any, ...]] = {
    "data": ("T2=table.csv", "T1=pairs.jsonl"),
    "columns": ("T2=text:func,label:vul",),
    "split": ("T2=project",),
    "balance": ("T2=weights",),
    "prevalence": ("T2=0.056",),
    "size": ("T1=train:24,max_chars:900", "T2=learning_rate:0.1"),
    "model": ("M1=folder", "M2=owner/name"),
    "gate": ("energy <= 1.05*V0", "T2.mcc >= 0.5"),
    "allow": ("host,device", "new"),
    "profile": ("tiny", "full"),
    "rounds": ("3", 3),
    "factorial": ("V7:data,training", "off"),
    "seed": ("0", 7),
    "direction": ("java:python",),
    "device": ("cpu", "cuda:1"),
    "gpus": ("none", "all"),
    "control": ("off",),
    "require": ("gpu,cpu", "measured"),
    "strict": ("partial", True),
    "results": ("results", "~/results"),
    "unsafe-exec": (True, False),
    "plan": (True,),
    "verbose": (True,),
    "cpu-watts": ("3.5", 4),
}
"""Valid values of each option."""
PYPROJECT: Tree = {
    "project": {"name": "x"},
    "tool.greenbench": {name: values[-1] for name, values in VALID.items()},
}


def toml(value: Tree) -> str:
    """Write a value as TOML does, as far as TOML can."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        entries = [f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()]
        return f"{{{', '.join(entries)}}}"
    return json.dumps(value)


def as_toml(document: Tree) -> str:
    """Write a document whose tables are the objects at the top."""
    if not isinstance(document, dict):
        return toml(document)
    lines = []
    for name, table in document.items():
        if not isinstance(table, dict):
            lines.append(f"{name} = {toml(table)}")
            continue
        lines.append(f"[{name}]")
        for key, value in table.items():
            lines.append(f"{key} = {toml(value)}")
    return "\n".join(lines)


def pyproject(decisions: Decisions) -> bytes:
    """Return a pyproject.toml with changed values, or with damaged text."""
    if decisions.below(2):
        return as_toml(mutated(decisions, PYPROJECT)).encode("utf-8", "surrogatepass")
    return damaged(decisions, as_toml(PYPROJECT))


def resolve(root: Path, given: Mapping[str, object]) -> None:
    """Resolve the options, twice alike, and what the cells of both tasks share."""
    tasks, models = ("T1", "T2"), ("M1", "M2")
    with refusals():
        settings = resolve_settings(given.get, root, tasks=tasks, models=models)
        assert 1 <= (settings.rounds or 1) <= 10**9
        assert settings.cpu_watts is None or math.isfinite(settings.cpu_watts)
        assert settings == resolve_settings(given.get, root, tasks=tasks, models=models)
        for task in tasks:
            inputs = task_inputs(BUILT_IN[task], "M1", settings, PROFILES[settings.profile])
            assert all(size is None or size >= 1 for size in inputs.dataset.sizes or ())


@contextlib.contextmanager
def open_pyproject(folder: Path) -> Iterator[Callable[[bytes], None]]:
    """Resolve the options of a pyproject.toml."""

    def read(raw: bytes) -> None:
        (folder / "pyproject.toml").write_bytes(raw)
        resolve(folder, {})

    yield read


PYPROJECT_TOML = Reader(name="pyproject.toml", inputs=decided(pyproject), open=open_pyproject)
