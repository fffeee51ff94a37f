"""What is the same stage, and what is another one: no change of it may go unnoticed."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from greenbench.data.examples import Example
from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES, Head
from greenbench.options import (
    ArchitectureOptions,
    DataOptions,
    InferenceOptions,
    Options,
    SystemOptions,
    TrainingOptions,
)
from greenbench.reuse import fingerprints
from greenbench.reuse.store import digest
from greenbench.run.reuse import CellKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPLITS = {
    "train": (Example(text="int f;", label=0),),
    "valid": (Example(text="int g;", label=1),),
    "test": (Example(text="int h;", label=1),),
}
FILES = {"model.safetensors": b"weights", "config.json": b"{}", "tokenizer.json": b"[]"}


class Made:
    """A session and a cell's pipeline, as far as they decide a stage."""

    def __init__(self, folder: Path) -> None:
        """Make those of the baseline, whose model lies in ``folder``."""
        for name, contents in FILES.items():
            (folder / name).write_bytes(contents)
        self.folder = folder
        self.seed = 0
        self.options = Options()
        self.splits = dict(SPLITS)
        self.sources = {"gpu": "zeus:nvml-counter"}
        self.environment: dict[str, Any] = {
            "host": "here",
            "device": "cuda:0",
            "kernel": "6.1",
            "cpu": {"model": "a processor"},
            "gpus": [{"uuid": "GPU-1", "driver": "580.1", "power_limit_w": 300.0, "sm_clock": 1}],
        }
        self.code = "a" * 64
        self.head = TWO_CLASSES
        self.settings = SimpleNamespace(control="on", cpu_watts=None)

    @property
    def model(self) -> Checkpoint:
        """The checkpoint in the folder, whose files nothing checks."""
        model = Checkpoint(model="M2", source="tiny", head=self.head)
        model.__dict__["folder"] = self.folder
        return model

    @property
    def key(self) -> str:
        """The name of the training's entry."""
        return self.key_of("training")

    def key_of(self, stage: str) -> str:
        """Return the name of a stage's entry."""
        pipeline: Any = SimpleNamespace(
            cell=SimpleNamespace(task="T2", options=self.options),
            dataset=SimpleNamespace(**self.splits),
            model=self.model,
            toggles=object(),
            power=object(),
            energy=SimpleNamespace(sources=self.sources),
        )
        results = SimpleNamespace(
            header={"environment": self.environment},
            conditions={"code": {"files_sha256": self.code}},
        )
        session: Any = SimpleNamespace(results=results, settings=self.settings)
        return digest(CellKey(pipeline, session).of(stage, self.seed))


def with_options(**stages: Any) -> Callable[[Made], None]:
    """Return a change of the cell's options."""
    return lambda made: setattr(made, "options", replace(Options(), **stages))


def with_text(split: str, text: str) -> Callable[[Made], None]:
    """Return a change of one example."""

    def change(made: Made) -> None:
        made.splits[split] = (replace(made.splits[split][0], text=text),)

    return change


def with_card(**facts: Any) -> Callable[[Made], None]:
    """Return a change of the GPU."""
    return lambda made: made.environment["gpus"][0].update(facts)


def with_file(name: str) -> Callable[[Made], None]:
    """Return a change of the model by one byte."""
    return lambda made: (made.folder / name).write_bytes(FILES[name] + b" ") and None


ANOTHER: dict[str, Callable[[Made], None]] = {
    "labels": lambda made: setattr(made, "head", Head("text-classification", labels=3)),
    "kind of head": lambda made: setattr(made, "head", Head("regression", labels=2)),
    "seed": lambda made: setattr(made, "seed", 1),
    "tokenizer": with_options(data=DataOptions(tokenizer="rust")),
    "batch size": with_options(data=DataOptions(batch_size=16)),
    "optimizer": with_options(training=TrainingOptions(optimizer="sgd")),
    "precision": with_options(training=TrainingOptions(precision="bf16")),
    "accumulation": with_options(training=TrainingOptions(accumulation_steps=2)),
    "pruned layers": with_options(architecture=ArchitectureOptions(prune_layers=0.5)),
    "choice of pruned layers": with_options(architecture=ArchitectureOptions(prune_choice="1")),
    "attention": with_options(architecture=ArchitectureOptions(attention="eager")),
    "adapter": with_options(architecture=ArchitectureOptions(adapter="lora")),
    "rank": with_options(architecture=ArchitectureOptions(adapter="lora", lora_rank=4)),
    "scaling": with_options(architecture=ArchitectureOptions(adapter="lora", lora_alpha=4.0)),
    "targets": with_options(architecture=ArchitectureOptions(adapter="lora", lora_targets="Wo")),
    "power cap": with_options(system=SystemOptions(gpu_power_fraction=0.7)),
    "threads": with_options(system=SystemOptions(cpu_threads=2)),
    "no control": lambda made: setattr(made.settings, "control", "off"),
    "a byte to train on": with_text("train", "int e;"),
    "a byte to validate by": with_text("valid", "int e;"),
    "a byte to answer": with_text("test", "int e;"),
    "a label": lambda made: made.splits.update(train=(Example(text="int f;", label=1),)),
    "an example more": lambda made: made.splits.update(train=SPLITS["train"] * 2),
    "a byte of weights": with_file("model.safetensors"),
    "a byte of the configuration": with_file("config.json"),
    "a byte of the tokenizer": with_file("tokenizer.json"),
    "the suite's files": lambda made: setattr(made, "code", "b" * 64),
    "host": lambda made: made.environment.update(host="there"),
    "device": lambda made: made.environment.update(device="cpu"),
    "kernel": lambda made: made.environment.update(kernel="6.2"),
    "card": with_card(uuid="GPU-2"),
    "driver": with_card(driver="580.2"),
    "power limit": with_card(power_limit_w=250.0),
    "instrument": lambda made: made.sources.update(cpu="zeus:rapl"),
    "watts of the estimate": lambda made: setattr(made.settings, "cpu_watts", 5.0),
}
SAME: dict[str, Callable[[Made], None]] = {
    "nothing": lambda _made: None,
    "skipped layers": with_options(inference=InferenceOptions(skip_layers=0.5)),
    "healing": with_options(inference=InferenceOptions(skip_layers=0.5, healing=0.5)),
    "batches of answers": with_options(inference=InferenceOptions(batch_size=8)),
    "precision of answers": with_options(inference=InferenceOptions(precision="bf16")),
    "weight format": with_options(architecture=ArchitectureOptions(weight_format="int8")),
    "a clock of now": with_card(sm_clock=2),
}


@pytest.mark.parametrize("change", ANOTHER)
def test_another_training_has_another_key(change: str, tmp_path: Path) -> None:
    """Whatever training reads, or what changes its joules, makes another one of it."""
    made = Made(tmp_path)
    before = made.key
    ANOTHER[change](made)
    assert made.key != before


@pytest.mark.parametrize("change", SAME)
def test_what_acts_after_training_leaves_the_key(change: str, tmp_path: Path) -> None:
    """Knobs of later stages share the training."""
    made = Made(tmp_path)
    before = made.key
    SAME[change](made)
    assert made.key == before


LATER = (
    *("optimizer", "precision", "accumulation", "pruned layers", "choice of pruned layers"),
    *("attention", "adapter", "rank", "scaling", "targets"),
)
"""What makes another training, and acts after the texts were tokenised."""


@pytest.mark.parametrize("change", {**ANOTHER, **SAME})
def test_a_data_stage_is_decided_by_what_comes_before_it(change: str, tmp_path: Path) -> None:
    """Knobs of architecture, training and inference share it; all else makes another one."""
    made = Made(tmp_path)
    before = made.key_of("data")
    assert before != made.key
    {**ANOTHER, **SAME}[change](made)
    assert (made.key_of("data") == before) == (change in SAME or change in LATER)


def test_a_source_line_of_greenbench_counts(tmp_path: Path) -> None:
    """One changed, renamed or added module of the package makes another key."""
    (tmp_path / "stages").mkdir()
    file = tmp_path / "stages" / "training.py"
    file.write_text("CLIP = 1.0\n")
    checksum = fingerprints.of_package.__wrapped__
    keys = {checksum(tmp_path)}
    file.write_text("CLIP = 2.0\n")
    keys.add(checksum(tmp_path))
    file.rename(tmp_path / "training.py")
    keys.add(checksum(tmp_path))
    (tmp_path / "more.py").touch()
    keys.add(checksum(tmp_path))
    assert len(keys) == 4


def test_a_package_of_another_version_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All installed distributions count, not only those that greenbench names."""
    made = Made(tmp_path)
    before = made.key
    versions = fingerprints.of_packages()
    assert versions["torch"] == metadata.version("torch")
    assert "python" in versions
    monkeypatch.setattr(fingerprints, "of_packages", lambda: {**versions, "torch": "0"})
    assert made.key != before


def test_foreign_objects_count_by_their_module(tmp_path: Path) -> None:
    """A suite's own switches come from a file of its own, which is read too."""
    made = Made(tmp_path)
    assert fingerprints.of_sources((made,)) != fingerprints.of_sources(())
