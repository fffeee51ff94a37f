"""Data sets and models of the Hugging Face hub, or within seconds the reason why there are none.

A data set is its parquet files at one commit; a loading script is never run. Up to ``WHOLE_UP_TO``
bytes they are downloaded once into the hub's cache, and can be used without a network then. The
files of a larger data set stay on the hub, as a ``PurePosixPath`` each
(``hf:/datasets/OWNER/NAME@COMMIT/FILE``), and ``arrow_files`` streams the columns that are needed.
Both ways lead to the same rows and the same checksum, which anybody can recompute.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from greenbench.data.hub_files import LISTING_SECONDS, first_line, listed, shards_of
from greenbench.data.models import tokenizer_files
from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import PurePath

    from greenbench.data.hub_files import RemoteFile

SECONDS = 4.0
"""How long the hub may take for its first answer; its client alone waits far longer for one."""
WHOLE_UP_TO = 2 * 2**30
"""Bytes of parquet up to which a data set is downloaded whole; a larger one is streamed."""
REFERENCE = "refs/convert/parquet"
"""The revision at which the hub keeps parquet copies of data sets in other formats."""

COMMIT = re.compile(r"[0-9a-f]{40}")
"""A revision that names itself; a branch or a tag can move."""

_MODEL_FILES = [
    "config.json",
    *tokenizer_files.FETCHED,
    "*.safetensors",
    "*.safetensors.index.json",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The commit that a revision of a data set is at, and all files in it by their paths."""

    commit: str
    files: Mapping[str, RemoteFile]


def fetch(name: str, *, task: str) -> tuple[PurePath, str]:
    """Return the folder with the parquet files of ``owner/name[@revision]``, and their commit.

    The folder is a ``Path`` in the hub's cache, or a ``PurePosixPath`` on the hub if the data set
    is larger than ``WHOLE_UP_TO`` and not in the cache. Takes the cached copy if HF_HUB_OFFLINE is
    set, or the hub does not answer, is overloaded or refuses. Raises UnavailableError if there is
    no such copy either, or if the hub does not know the data set or its revision, and UsageError if
    ``name`` cannot be a hub id or the data set has no parquet files. ``task`` (``T2``) is for the
    error messages.
    """
    remedy = f"give a local copy with --green-data {task}=PATH (a table or a folder of tables)"
    repository, _, revision = name.partition("@")
    subject = f"the data set {name}"
    listing: Listing | None = None
    obstacle = _obstacle()
    if obstacle is None:
        with _explained(name, subject, None, remedy):
            listing, obstacle = _listing(repository, revision)
    with _explained(name, subject, obstacle, remedy):
        if listing is not None:
            shards = shards_of(listing.files)
            if not shards:
                raise UsageError(_no_parquet(name, list(listing.files), remedy))
            if _is_large(shards) and not _is_cached(repository, listing.commit, list(shards)):
                return PurePosixPath(f"hf:/datasets/{repository}@{listing.commit}"), listing.commit
        folder = _snapshot(repository, "dataset", revision or None, ["*.parquet"], obstacle)
        if not any(folder.rglob("*.parquet")):
            raise UsageError(_no_parquet(name, [], remedy))
        return folder, folder.name


def fetch_model(name: str, *, model: str) -> Path:
    """Return the folder with config, tokenizer and safetensors of ``owner/name[@revision]``.

    Raises UnavailableError if the model is neither on the hub nor in its cache, and UsageError if
    ``name`` cannot be a hub id; ``model`` (``M2``) is for the error messages.
    """
    remedy = f"give a local copy with --green-model {model}=FOLDER"
    repository, _, revision = name.partition("@")
    obstacle = _obstacle()
    with _explained(name, f"the model {name}", obstacle, remedy):
        return _snapshot(repository, "model", revision or None, _MODEL_FILES, obstacle)


# --- asking the hub -------------------------------------------------------------------------------


def _listing(repository: str, revision: str) -> tuple[Listing | None, str | None]:
    """Return the listing, or None and why the hub gives none now.

    An overloaded or failing hub is as good as none: a cached copy can still be used. Raises the
    client's exception if the name is malformed or unknown to the hub, which no cache mends.
    """
    try:
        commit = _commit(repository, revision)
        return Listing(commit=commit, files=listed(repository, commit)), None
    # The client raises its HTTP library's errors, OSErrors or its own
    except Exception as error:
        if _is_wrong_name(error):
            raise
        return None, first_line(error)


def _is_wrong_name(error: Exception) -> bool:
    """Whether the hub has no such repository or revision; one without access to it may exist."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return False
    wrong = (errors.HFValidationError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    return isinstance(error, wrong)


def _commit(repository: str, revision: str) -> str:
    """Return the commit of a branch or tag (the default branch if empty), or the commit itself."""
    import huggingface_hub

    if COMMIT.fullmatch(revision):
        return revision
    info = huggingface_hub.HfApi().dataset_info(
        repository, revision=revision or None, timeout=LISTING_SECONDS
    )
    return str(info.sha)


def _is_large(shards: Mapping[str, RemoteFile]) -> bool:
    """Whether the files are to be streamed; without their checksums they cannot be."""
    if any(file.sha256 is None for file in shards.values()):
        return False
    return sum(file.size for file in shards.values()) > WHOLE_UP_TO


def _is_cached(repository: str, commit: str, names: Sequence[str]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        file = try_to_load_from_cache(repository, name, revision=commit, repo_type="dataset")
        if not isinstance(file, str):
            return False
    return True


def _no_parquet(name: str, files: Sequence[str], remedy: str) -> str:
    """Return the error message for a data set without parquet files."""
    repository, _, revision = name.partition("@")
    scripts = sorted(file for file in files if file.endswith(".py"))
    reason = "only parquet is read from the hub"
    if scripts:
        reason = f"its loading script {scripts[0]} is not run"
    if revision != REFERENCE:
        remedy = f"name {repository}@{REFERENCE}, if the hub made a parquet copy, or {remedy}"
    return f"the data set {name} has no parquet files, and {reason}; {remedy}"


def _snapshot(
    repository: str, kind: str, revision: str | None, patterns: Sequence[str], obstacle: str | None
) -> Path:
    """Download the files whose names fit, or take the cached ones if there is an obstacle."""
    import huggingface_hub

    with _silent_progress():
        folder = huggingface_hub.snapshot_download(
            repository,
            repo_type=kind,
            revision=revision,
            allow_patterns=list(patterns),
            local_files_only=obstacle is not None,
            etag_timeout=SECONDS,
        )
    return Path(folder)


@contextmanager
def _explained(name: str, what: str, obstacle: str | None, remedy: str) -> Iterator[None]:
    """Turn the exceptions of the hub's client into one sentence."""
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except UsageError:
        raise
    except HFValidationError as error:
        raise UsageError(f"'{name}' is neither a file nor a hub id; {remedy}") from error
    # The client raises its HTTP library's errors, OSErrors or its own
    except Exception as error:
        reason = (obstacle or first_line(error)).rstrip(".")
        if not _is_wrong_name(error):
            reason += ", and no whole copy of it is in the hub's cache"
        raise UnavailableError(f"{what} cannot be had: {reason}; {remedy}") from error


def _obstacle() -> str | None:
    """Return why the hub cannot be used, None if it answers."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    return _unreachable(constants.ENDPOINT)


def _unreachable(url: str) -> str | None:
    """Return why ``url`` does not answer, None if it does.

    The request is made in a thread, as a socket's time limit does not cover the name lookup.
    """
    reasons: list[str | None] = [f"{url} did not answer within {SECONDS:g} s"]

    def request() -> None:
        reasons.append(_failure(url))

    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return reasons[-1]


def _failure(url: str) -> str | None:
    """Return why ``url`` gives no HTTP answer; any status is one, which the client explains."""
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(url, timeout=SECONDS).close()  # noqa: S310 - the hub's own address
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, ValueError) as error:
        return f"{url} could not be reached ({getattr(error, 'reason', error)})"
    return None


@contextmanager
def _silent_progress() -> Iterator[None]:
    """Turn the hub's progress bars off in a context."""
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
