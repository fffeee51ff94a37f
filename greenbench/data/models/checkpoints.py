"""Where a task's model comes from: a start shipped with greenbench, a local folder, or a hub id.

Only safetensors are loaded, and no code that comes with a checkpoint is run. Finding (and, for a hub id, fetching) happens
before the first window; loading the weights into a model happens in the architecture window.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data import hub
from greenbench.data.models import packaged
from greenbench.data.places import local_path
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

STARTS = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a row of the models table can be."""

    objective: str
    """``classification`` or ``translation``: see ``stages.objectives``."""
    model_types: tuple[str, ...]
    """As ``config.json`` names them."""


KINDS = {
    "M1": Kind(objective="translation", model_types=("llama", "qwen2")),
    "M2": Kind(objective="classification", model_types=("modernbert",)),
}


REVISIONS = {
    "Qwen/Qwen2.5-Coder-0.5B": "8123ea2e9354afb7ffcc6c8641d1b2f5ecf18301",
    "answerdotai/ModernBERT-base": "8949b909ec900327062f0ebf497f51aef5e6f0c8",
    "HuggingFaceTB/SmolLM2-135M": "93efa2f097d58c2a74874c7e644dbc9b0cee75a2",
    "HuggingFaceTB/SmolLM2-360M": "f8027fd0eaeea54caa13c31d31b9fdc459c38b49",
    "HuggingFaceTB/SmolLM2-1.7B": "effd688a12921b4cc83e3312b6feb579f70f9c71",
}
"""Revisions that ``--green-model`` takes of models named without one (``ID@REVISION`` names another)."""


def _load_translator(folder: Path) -> Any:
    """Load a causal language model whose generation depends on nothing but what it is called with."""
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig

    net: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    net.generation_config = (
        GenerationConfig()
    )  # checkpoints bring temperatures and penalties of their own
    return net


def _load_classifier(folder: Path) -> Any:
    """Load a two-class sequence classifier."""
    import torch
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,  # a head for other classes is replaced by a fresh one
        num_labels=2,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )


LOADERS: dict[str, Callable[[Path], Any]] = {
    "translation": _load_translator,
    "classification": _load_classifier,
}
"""Objective to how the weights become a model, in FP32."""


@dataclass(frozen=True)
class Checkpoint:
    """A lazy handle of a cell's model: ``find`` before the first window, ``load`` inside one."""

    model: str
    """``M2``"""
    source: str
    """A folder of ``greenbench/data/models``, a local folder, or a hub id."""
    revision: str | None = None

    @functools.cached_property
    def folder(self) -> Path:
        """The folder that holds config, weights and tokenizer; raises UsageError or UnavailableError with what to do."""
        if self.source in shipped():
            return _complete(STARTS / self.source, self.model)
        if self.source in packaged.PACKAGED:
            return _complete(packaged.folder(self.source), self.model)
        if (place := local_path(self.source)).is_dir():
            return _complete(place, self.model)
        if self.source.startswith((".", "/", "~")) or self.source.count("/") != 1:
            raise UsageError(
                f"--green-model {self.model}={self.source}: there is no such folder, and it is no hub id (owner/name) "
                f"nor one of {', '.join((*shipped(), *packaged.PACKAGED))}"
            )
        pinned = f"{self.source}@{self.revision}" if self.revision else self.source
        return _complete(hub.fetch_model(pinned, model=self.model), self.model)

    @property
    def local_folder(self) -> Path | None:
        """The folder, if it lies here: nothing is fetched, converted or checked."""
        if self.source in shipped():
            return STARTS / self.source
        place = (
            packaged.kept(self.source)
            if self.source in packaged.PACKAGED
            else local_path(self.source)
        )
        return place if place is not None and place.is_dir() else None

    @property
    def tokenizer_file(self) -> Path:
        """The ``tokenizer.json`` that both tokenizers read."""
        return self.folder / "tokenizer.json"

    @functools.cached_property
    def facts(self) -> dict[str, str | None]:
        """Which weights these are: source, the hub's commit (None for a folder), and SHA-256 over the safetensors."""
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*.safetensors")):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        commit = self.folder.name if self.folder.parent.name == "snapshots" else None
        return {"source": self.source, "revision": commit, "sha256": digest.hexdigest()}

    @property
    def objective(self) -> str:
        """What the model is trained for."""
        return KINDS[self.model].objective

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The checkpoint's ``config.json``."""
        read: dict[str, Any] = json.loads((self.folder / "config.json").read_text("utf-8"))
        return read

    @property
    def pad_id(self) -> int:
        """Id of the padding token; any id does where the model names none, as padding is masked."""
        return int(self.config.get("pad_token_id") or 0)

    @property
    def eos_id(self) -> int:
        """Id of the token that ends a text, the first one where there are several; raises UsageError where there is none."""
        found = self.config.get("eos_token_id")
        first = found[0] if isinstance(found, list) and found else found
        if not isinstance(first, int):
            raise UsageError(
                f"{self.folder / 'config.json'}: it names no eos_token_id, without which no answer would end; add it"
            )
        return first

    def load(self) -> nn.Module:
        """Load the weights in FP32 into the kind of model that the objective needs."""
        loaded: nn.Module = LOADERS[self.objective](self.folder)
        return loaded


def _complete(folder: Path, model: str) -> Path:
    """Return ``folder`` if it holds a checkpoint of the kind that is measured here."""
    lacking = [
        name
        for name in ("config.json", "tokenizer.json", "*.safetensors")
        if not list(folder.glob(name))
    ]
    if lacking:
        raise UsageError(
            f"--green-model {model}={folder}: the folder lacks {', '.join(lacking)}; give a folder made by save_pretrained()"
        )
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise UsageError(
            f"{folder / 'config.json'}: not a JSON object ({error}); save the model again"
        ) from error
    known = KINDS[model].model_types
    if kind not in known:
        raise UsageError(
            f"--green-model {model}={folder}: it holds a {kind!r} model; {model} is a {' or '.join(known)} one"
        )
    return folder


def shipped() -> tuple[str, ...]:
    """Names of the starts that come with greenbench."""
    return tuple(sorted(p.parent.name for p in STARTS.glob("*/config.json")))
