"""Fetch the tables of a data set, or a model, from the Hugging Face hub, or say within seconds that they cannot be had.

A snapshot of the repository's files is taken rather than ``datasets.load_dataset``: the files then go through the same
checks as a local table, have a digest anybody can recompute, and no second copy lands in another cache. Repositories
with a loading script and no tables do not work; most have tables at the revision ``refs/convert/parquet``.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 4.0
"""How long the hub may take for its first answer; its client alone waits far longer where a firewall drops packets."""

_TABLES = [
    f"*{ending}"
    for ending in (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".csv", ".csv.gz")
]

_MODEL_FILES = ["config.json", "tokenizer.json", "*.safetensors", "*.safetensors.index.json"]


def fetch(name: str, *, task: str) -> tuple[Path, str]:
    """Return the folder with the tables of ``owner/name`` or ``owner/name@revision``, and the commit that they are of.

    Takes the cached copy where HF_HUB_OFFLINE is set or the hub does not answer. Raises UnavailableError where there is
    no such copy either or where the hub refuses, and UsageError where ``name`` cannot be a hub id. ``task`` (``T2``) is
    for the error sentences.
    """
    instead = f"give a local copy with --green-data {task}=PATH (parquet, jsonl, json, csv or a folder of these)"
    folder = _snapshot(name, "dataset", _TABLES, f"the data set {name}", instead)
    return folder, folder.name


def fetch_model(name: str, *, model: str) -> Path:
    """Return the folder with config, tokenizer and safetensors of the model ``owner/name`` or ``owner/name@revision``.

    Raises what ``fetch`` raises; ``model`` (``M2``) is for the error sentences.
    """
    instead = f"give a local copy with --green-model {model}=FOLDER"
    return _snapshot(name, "model", _MODEL_FILES, f"the model {name}", instead)


def _snapshot(name: str, kind: str, patterns: list[str], what: str, instead: str) -> Path:
    import huggingface_hub as hub
    from huggingface_hub.errors import HFValidationError

    repository, _, revision = name.partition("@")
    obstacle = _obstacle()
    try:
        with _silent_progress():
            folder = hub.snapshot_download(
                repository,
                repo_type=kind,
                revision=revision or None,
                allow_patterns=patterns,
                local_files_only=obstacle is not None,
                etag_timeout=SECONDS,
            )
    except HFValidationError as error:
        raise UsageError(f"'{name}' is neither a file nor a hub id; {instead}") from error
    # What the client raises is httpx's, OSError's or its own, by the place where the connection broke
    except Exception as error:
        reason = (obstacle or _first_line(error)).rstrip(".")
        raise UnavailableError(
            f"{what} cannot be had: {reason}, and no whole copy of it is in the hub's cache; {instead}"
        ) from error
    return Path(folder)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _obstacle() -> str | None:
    """Say why the hub cannot be asked, or None where it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    return _unreachable(constants.ENDPOINT)


def _unreachable(url: str) -> str | None:
    """Ask ``url`` once, through a proxy where one is set; in a thread, as no socket's limit bounds the name lookup."""
    reasons = [f"{url} did not answer within {SECONDS:g} s"]

    def ask() -> None:
        reasons.append(_failure(url))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return reasons[-1] or None


def _failure(url: str) -> str:
    """Return why ``url`` gives no HTTP answer, empty where it gives one (any status: the hub client explains those)."""
    try:
        urllib.request.urlopen(url, timeout=SECONDS).close()  # noqa: S310 - the hub's own address
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, ValueError) as error:
        return f"{url} could not be reached ({getattr(error, 'reason', error)})"
    return ""


@contextmanager
def _silent_progress() -> Iterator[None]:
    """Turn the hub's progress bars off for this download only."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    were_disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_disabled:
            enable_progress_bars()
