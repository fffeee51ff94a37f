"""The ``tokenizer.json`` of a checkpoint: its own, or one made of older files by transformers."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from greenbench.data.models import sentencepiece_files
from greenbench.data.places import cache
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tokenizers import Tokenizer

NAME = "tokenizer.json"
SENTENCEPIECE = ("spiece.model", "spm.model", "sentencepiece.bpe.model", "tokenizer.model")
OLDER = ("vocab.txt", "merges.txt", *SENTENCEPIECE)
"""Files that hold a vocabulary in older formats: WordPiece, byte-level BPE, SentencePiece."""
BESIDE = ("vocab.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json")
"""Files beside them that say more."""
LEAST = 0.5
"""Share of an embedding's rows that have a token at least; a few are often left for later ones."""
FETCHED = (NAME, *OLDER, *BESIDE)


def older_files(folder: Path) -> list[Path]:
    """Return the vocabularies in older formats that a folder has."""
    return [folder / name for name in OLDER if (folder / name).is_file()]


def find(folder: Path) -> Path:
    """Return the ``tokenizer.json`` of a checkpoint's folder, which is never written to.

    Raises UsageError if transformers can make none of the older files, or one that reads texts
    otherwise; UnavailableError if a package for that is missing or the cache cannot be written.
    """
    own = folder / NAME
    if own.is_file():
        return own
    made = cache() / "tokenizers" / _digest(folder) / NAME
    if not made.is_file():
        try:
            made.parent.mkdir(parents=True, exist_ok=True)
            _convert(folder, made)
        except OSError as error:
            raise UnavailableError(
                f"{folder}: its tokenizer cannot be converted into {made.parent} ({error}); make "
                "room there, or let XDG_CACHE_HOME name a folder that can be written"
            ) from error
    return made


def _digest(folder: Path) -> str:
    """Return a checksum of all files that a conversion reads."""
    import transformers

    digest = hashlib.sha256(transformers.__version__.encode())
    for name in (*OLDER, *BESIDE, "config.json"):
        file = folder / name
        if file.is_file():
            digest.update(name.encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _refuse_partial(found: int, folder: Path) -> None:
    """Raise ValueError for a vocabulary without most tokens: transformers passes over files."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    rows = config.get("vocab_size") or 0
    if found < rows * LEAST:
        raise ValueError(f"it finds {found} tokens, and config.json says {rows}")


def _sentencepiece_models(folder: Path) -> list[Path]:
    """Return the files from which transformers would take a SentencePiece model."""
    named = [file for file in older_files(folder) if file.name in SENTENCEPIECE]
    return [file for file in named if sentencepiece_files.is_one(file)]


def _refuse_other_pieces(model: Path, made: Tokenizer) -> None:
    """Raise ValueError if a conversion reads texts otherwise than what it was made of."""
    difference = sentencepiece_files.difference(model, made)
    if difference:
        raise ValueError(
            f"{difference} (does tokenizer_config.json beside it name its tokenizer_class?)"
        )


def _convert(folder: Path, into: Path) -> None:
    """Write a ``tokenizer.json``; the file is whole once it has its name."""
    from transformers import AutoTokenizer

    files = ", ".join(file.name for file in older_files(folder))
    models = _sentencepiece_models(folder)
    for model in models:
        sentencepiece_files.require_reader(model)
    try:
        loaded = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        backend = loaded.backend_tokenizer
        _refuse_partial(backend.get_vocab_size(), folder)
        for model in models:
            _refuse_other_pieces(model, backend)
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UsageError(
            f"{folder}: it has no {NAME}, and transformers makes none of its {files}: {reason}; "
            "load the tokenizer where that works and save it with save_pretrained()"
        ) from error
    partial = into.with_suffix(".partial")
    backend.save(str(partial))
    partial.rename(into)
