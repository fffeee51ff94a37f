"""What a checkpoint's folder must hold, so that what is measured is what was meant.

Transformers loads what it can: it keeps weights in 4 bit where a configuration says so, draws
weights at random that a file lacks, and takes any id for a token. Each of these is refused here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenbench.data.models import tokenizer_files
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

QUANTISED = ("quantization_config", "compression_config")
"""Keys of ``config.json`` that say how weights are stored in fewer bits."""
PACKED = ("I8", "U8", "F8", "F6", "F4")
"""Beginnings of types in safetensors files whose values mean nothing without scales."""
IDS = ("pad_token_id", "bos_token_id", "eos_token_id")
SHOWN = 3
POOLER = "pooler."
"""Weights of BERT's body that its pretraining may lack, and that only a head reads."""


def read_config(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a folder. Raises UsageError if it is no JSON object."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text("utf-8"))
        model_type = config.get("model_type")
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{file}: not a JSON object ({error}); save the model again") from error
    return {**config, "model_type": model_type}


def refuse_incomplete(folder: Path, model: str) -> None:
    """Raise UsageError if the folder lacks a file that every checkpoint has."""
    missing = []
    for pattern in ("config.json", tokenizer_files.NAME, "*.safetensors"):
        if not any(folder.glob(pattern)):
            missing.append(pattern)
    if tokenizer_files.NAME in missing and tokenizer_files.older_files(folder):
        missing.remove(tokenizer_files.NAME)
    if missing:
        raise UsageError(
            f"--green-model {model}={folder}: the folder lacks {', '.join(missing)}; give a folder "
            "made by save_pretrained()"
        )


def refuse_quantised(folder: Path, model: str) -> None:
    """Refuse weights in fewer bits: a variant's ``weight_format`` says what they become.

    The baseline's is FP32, which such weights are not, whatever type they are loaded in.
    """
    config = read_config(folder)
    found = ""
    for key in QUANTISED:
        settings = config.get(key)
        if settings:
            method = settings.get("quant_method") if isinstance(settings, dict) else None
            found = f"its config.json has a {key} ({method or 'of an unnamed method'})"
    found = found or _packed_weight(folder)
    if found:
        raise UsageError(
            f"--green-model {model}={folder}: the weights are quantised: {found}; give the "
            "checkpoint that it was made from, or save it again after model.dequantize()"
        )


def _packed_weight(folder: Path) -> str:
    """Return which weight has a type that packs values; empty if none has, or no file is whole."""
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="np") as weights:
                for name in weights.keys():  # noqa: SIM118  it is no mapping
                    dtype = weights.get_slice(name).get_dtype()
                    if dtype.startswith(PACKED):
                        return f"{name} in {file.name} is of type {dtype}"
        except SafetensorError:  # not whole: loading it says so
            return ""
    return ""


def refuse_unknown_ids(folder: Path, model: str, tokenizer: Path) -> None:
    """Refuse ids without a row in the embedding: they would fail in the midst of a run.

    ``tokenizer`` is the model's ``tokenizer.json``.
    """
    rows = read_config(folder).get("vocab_size")
    if not isinstance(rows, int):
        return
    ids = {**_special_ids(folder), **_token_ids(tokenizer)}
    beyond = [name for name, token_id in ids.items() if token_id >= rows]
    if beyond:
        names = ", ".join(beyond[:SHOWN])
        if len(beyond) > SHOWN:
            names += f" and {len(beyond) - SHOWN} more"
        raise UsageError(
            f"--green-model {model}={folder}: the embedding has {rows} rows (vocab_size), and the "
            f"ids of {names} go up to {max(ids.values())}; give a tokenizer and weights that "
            "belong together, or call model.resize_token_embeddings() and save it again"
        )


def _special_ids(folder: Path) -> dict[str, int]:
    config = read_config(folder)
    ids: dict[str, int] = {}
    for key in IDS:
        values = config.get(key)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                ids[key] = max(value, ids.get(key, value))
    return ids


def _token_ids(tokenizer: Path) -> dict[str, int]:
    """Return token to id; empty if ``tokenizer.json`` is malformed, which the tokenizer says."""
    try:
        spec = json.loads(tokenizer.read_text("utf-8"))
        ids: dict[str, int] = {}
        vocabulary = spec["model"]["vocab"]
        if isinstance(vocabulary, dict):
            ids.update(vocabulary)
        else:
            ids.update((str(entry[0]), place) for place, entry in enumerate(vocabulary))
        for token in spec.get("added_tokens") or ():
            ids[token["content"]] = token["id"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {repr(name): token_id for name, token_id in ids.items() if isinstance(token_id, int)}


def refuse_random_weights(loaded: Mapping[str, Any], folder: Path, body: str = "") -> None:
    """Refuse weights that the file lacks or has in another shape: they are drawn at random.

    ``loaded`` is what transformers says of a load. Names of weights that the file must have begin
    with ``body``; what pools the texts of a classifier belongs to its head.
    """
    names = {*loaded["missing_keys"], *(key[0] for key in loaded["mismatched_keys"])}
    fresh = []
    for name in sorted(names):
        if name.startswith(body) and not name.startswith(f"{body}{POOLER}"):
            fresh.append(name)
    if fresh:
        raise UsageError(
            f"{folder}: {len(fresh)} weights are not in the file in the shape that config.json "
            f"says, such as {fresh[0]}, and would be drawn at random; save the whole model again"
        )
