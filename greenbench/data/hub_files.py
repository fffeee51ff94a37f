"""The files of a data set on the Hugging Face hub: which there are at a commit, and their contents.

A file that stays on the hub is a ``PurePosixPath``: ``hf:/datasets/OWNER/NAME@COMMIT/FILE``.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import PurePath
    from typing import BinaryIO

LISTING_SECONDS = 30.0
"""How long the hub may take to list the files of a repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """What the hub says about a file of a data set."""

    size: int
    """Bytes."""
    sha256: str | None
    """None for a small file that the hub does not keep in its large-file storage."""


@functools.cache
def listed(repository: str, commit: str) -> Mapping[str, RemoteFile]:
    """Return all files of a data set at a commit, by their paths."""
    import huggingface_hub

    info = huggingface_hub.HfApi().dataset_info(
        repository, revision=commit, files_metadata=True, timeout=LISTING_SECONDS
    )
    files: dict[str, RemoteFile] = {}
    for sibling in info.siblings or ():
        checksum = sibling.lfs.sha256 if sibling.lfs else None
        files[sibling.rfilename] = RemoteFile(size=sibling.size or 0, sha256=checksum)
    return files


def shards_of(files: Mapping[str, RemoteFile]) -> dict[str, RemoteFile]:
    """Return the parquet files in no hidden folder."""
    shards: dict[str, RemoteFile] = {}
    for name, file in files.items():
        hidden = any(part.startswith(".") for part in name.split("/"))
        if name.endswith(".parquet") and not hidden:
            shards[name] = file
    return shards


def files(folder: PurePath) -> tuple[PurePath, ...]:
    """Return the parquet files of a folder that ``fetch`` left on the hub, sorted by path."""
    repository, commit, _ = _identity(folder)
    shards = shards_of(listed(repository, commit))
    return tuple(sorted(folder / name for name in shards))


def sha256(file: PurePath) -> str:
    """Return the checksum that the hub states for a file on it."""
    repository, commit, name = _identity(file)
    checksum = listed(repository, commit)[name].sha256
    if checksum is None:
        raise UnavailableError(f"{file}: the hub states no checksum for it")
    return checksum


def url(file: PurePath) -> str:
    """Return the address of a file on the hub, as ``datasets`` and fsspec take it."""
    return f"hf://{file.relative_to('hf:').as_posix()}"


def open_file(file: PurePath) -> BinaryIO:
    """Open a file on the hub; what is read is transferred."""
    from huggingface_hub import HfFileSystem, constants

    stream: BinaryIO = HfFileSystem(endpoint=constants.ENDPOINT).open(url(file), "rb")
    return stream


@contextmanager
def explained_stream(file: PurePath) -> Iterator[None]:
    """Turn what interrupts the streaming of a file into UnavailableError."""
    remedy = "try again, or give a local copy with --green-data TASK=PATH"
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        reason = first_line(error).rstrip(".")
        raise UnavailableError(f"{url(file)}: cannot be streamed: {reason}; {remedy}") from error


def _identity(path: PurePath) -> tuple[str, str, str]:
    """Return repository, commit and the path in it."""
    below = path.relative_to("hf:/datasets").as_posix()
    repository, _, rest = below.partition("@")
    commit, _, name = rest.partition("/")
    return repository, commit, name


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its class where it says nothing."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
