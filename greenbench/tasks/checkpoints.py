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

from greenbench.errors import UsageError
from greenbench.settings import local_path
from greenbench.tasks import hub

if TYPE_CHECKING:
    from torch import nn

STARTS = Path(__file__).parent.parent / "starts"


@dataclass(frozen=True)
class Checkpoint:
    """A lazy handle of a cell's model: ``find`` before the first window, ``load`` inside one."""

    model: str
    """``M2``"""
    source: str
    """A folder of ``greenbench/starts``, a local folder, or a hub id."""
    revision: str | None = None

    @functools.cached_property
    def folder(self) -> Path:
        """The folder that holds config, weights and tokenizer; raises UsageError or UnavailableError with what to do."""
        if self.source in shipped():
            return _complete(STARTS / self.source, self.model)
        if (place := local_path(self.source)).is_dir():
            return _complete(place, self.model)
        if self.source.startswith((".", "/", "~")) or self.source.count("/") != 1:
            raise UsageError(
                f"--green-model {self.model}={self.source}: there is no such folder, and it is no hub id (owner/name) "
                f"nor one of the shipped starts: {', '.join(shipped())}"
            )
        pinned = f"{self.source}@{self.revision}" if self.revision else self.source
        return _complete(hub.fetch_model(pinned, model=self.model), self.model)

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

    @functools.cached_property
    def pad_id(self) -> int:
        """Id of the padding token."""
        config = json.loads((self.folder / "config.json").read_text("utf-8"))
        return int(config.get("pad_token_id") or 0)

    def load(self) -> nn.Module:
        """Load the weights in FP32 into a two-class sequence classifier."""
        import torch
        from transformers import AutoModelForSequenceClassification

        net: Any = AutoModelForSequenceClassification.from_pretrained(
            self.folder,
            dtype=torch.float32,
            ignore_mismatched_sizes=True,  # a head for other classes is replaced by a fresh one
            num_labels=2,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
        loaded: nn.Module = net
        return loaded


def _complete(folder: Path, model: str) -> Path:
    """Return ``folder`` if it holds a checkpoint of the kind that is measured here."""
    lacking = [name for name in ("config.json", "tokenizer.json", "*.safetensors") if not list(folder.glob(name))]
    if lacking:
        raise UsageError(
            f"--green-model {model}={folder}: the folder lacks {', '.join(lacking)}; give a folder made by save_pretrained()"
        )
    try:
        kind = json.loads((folder / "config.json").read_text("utf-8")).get("model_type")
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{folder / 'config.json'}: not a JSON object ({error}); save the model again") from error
    if kind != "modernbert":
        raise UsageError(f"--green-model {model}={folder}: it holds a {kind!r} model; {model} is a modernbert one")
    return folder


def shipped() -> tuple[str, ...]:
    """Names of the starts that come with greenbench."""
    return tuple(sorted(p.parent.name for p in STARTS.glob("*/config.json")))
