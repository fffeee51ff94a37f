"""Where a task's model comes from: shipped with greenbench, a package, a local folder, or the hub.

Only safetensors are loaded, and no code that comes with a checkpoint is run. Finding (and, for a
hub id, fetching) a checkpoint happens before the first window; loading the weights into a model
happens in the architecture window.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data import hub
from greenbench.data.models import checkpoint_checks, packaged, positions, tokenizer_files
from greenbench.data.places import local_path
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from greenbench.data.models.heads import Head

STARTS = Path(__file__).parent
"""The folder of the shipped checkpoints."""


REVISIONS = {
    "Qwen/Qwen2.5-Coder-0.5B": "8123ea2e9354afb7ffcc6c8641d1b2f5ecf18301",
    "answerdotai/ModernBERT-base": "8949b909ec900327062f0ebf497f51aef5e6f0c8",
    "HuggingFaceTB/SmolLM2-135M": "93efa2f097d58c2a74874c7e644dbc9b0cee75a2",
    "HuggingFaceTB/SmolLM2-360M": "f8027fd0eaeea54caa13c31d31b9fdc459c38b49",
    "HuggingFaceTB/SmolLM2-1.7B": "effd688a12921b4cc83e3312b6feb579f70f9c71",
}
"""Commits used for models that ``--green-model`` names without one (``ID@REVISION``)."""


@dataclass(frozen=True)
class Checkpoint:
    """A lazy handle of a cell's model: ``find`` before the first window, ``load`` inside one."""

    model: str
    """``M2``: the row of the models table, for messages."""
    source: str
    """A folder of ``greenbench/data/models``, a local folder, or a hub id."""
    revision: str | None = None
    head: Head = field(kw_only=True)
    """What it carries behind its layers."""

    @functools.cached_property
    def folder(self) -> Path:
        """The folder with config, weights and tokenizer, fetched if it is not on this machine.

        Raises UsageError or UnavailableError, with the remedy.
        """
        folder = self._find()
        checkpoint_checks.refuse_incomplete(folder, self.model)
        self.head.refuse_others(folder, self.model)
        checkpoint_checks.refuse_quantised(folder, self.model)
        tokenizer = tokenizer_files.find(folder)
        checkpoint_checks.refuse_unknown_ids(folder, self.model, tokenizer)
        return folder

    def _find(self) -> Path:
        if self.source in shipped():
            return STARTS / self.source
        if self.source in packaged.PACKAGED:
            return packaged.folder(self.source)
        folder = local_path(self.source)
        if folder.is_dir():
            return folder
        if self.source.startswith((".", "/", "~")) or self.source.count("/") != 1:
            names = ", ".join((*shipped(), *packaged.PACKAGED))
            raise UsageError(
                f"--green-model {self.model}={self.source}: there is no such folder, and it is no "
                f"hub id (owner/name) nor one of {names}"
            )
        pinned = f"{self.source}@{self.revision}" if self.revision else self.source
        return hub.fetch_model(pinned, model=self.model)

    @property
    def local_folder(self) -> Path | None:
        """The folder if it is on this machine; nothing is fetched, converted or checked."""
        if self.source in shipped():
            return STARTS / self.source
        if self.source in packaged.PACKAGED:
            folder = packaged.kept(self.source)
        else:
            folder = local_path(self.source)
        return folder if folder.is_dir() else None

    @functools.cached_property
    def tokenizer_file(self) -> Path:
        """The ``tokenizer.json``: the folder's, or one in the cache, made of older files."""
        return tokenizer_files.find(self.folder)

    @functools.cached_property
    def most_tokens(self) -> int | None:
        """Tokens that the model has positions for; None if its configuration states no limit."""
        return positions.most_tokens(self.folder)

    @functools.cached_property
    def facts(self) -> dict[str, str | None]:
        """The identity of the weights: source, the hub's commit, and a SHA-256 of the safetensors.

        The commit is None for a folder that is not in the hub's cache.
        """
        digest = hashlib.sha256()
        for file in sorted(self.folder.glob("*.safetensors")):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        is_from_hub = self.folder.parent.name == "snapshots"
        commit = self.folder.name if is_from_hub else None
        return {"source": self.source, "revision": commit, "sha256": digest.hexdigest()}

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """The checkpoint's ``config.json``."""
        return checkpoint_checks.read_config(self.folder)

    @property
    def pad_id(self) -> int:
        """Id of the padding token; 0 if the model names none, as padding is masked anyway.

        Llama's checkpoints say by -1 that there is none.
        """
        pad_id = self.config.get("pad_token_id")
        return max(pad_id, 0) if isinstance(pad_id, int) else 0

    @property
    def eos_id(self) -> int:
        """Id of the token that ends a text, the first one of several.

        Raises UsageError if the model names none.
        """
        eos_id = self.config.get("eos_token_id")
        if isinstance(eos_id, list) and eos_id:
            eos_id = eos_id[0]
        if not isinstance(eos_id, int) or eos_id < 0:
            raise UsageError(
                f"{self.folder / 'config.json'}: it names no eos_token_id, without which no answer "
                "would end; add it"
            )
        return eos_id

    def load(self) -> nn.Module:
        """Load the weights in FP32 into a model with the head.

        Raises UsageError if the file lacks some of them.
        """
        net: nn.Module = self.head.load(self.folder, _changed(self.config))
        return net


def _changed(config: Mapping[str, Any]) -> dict[str, None]:
    """Return what is loaded in another way than the configuration says.

    A negative padding token would be the last row of the embedding, which is then not trained.
    """
    pad_id = config.get("pad_token_id")
    return {"pad_token_id": None} if isinstance(pad_id, int) and pad_id < 0 else {}


def shipped() -> tuple[str, ...]:
    """Return the names of the checkpoints that come with greenbench."""
    return tuple(sorted(p.parent.name for p in STARTS.glob("*/config.json")))
