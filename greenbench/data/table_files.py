"""Find the files of a table: one file, or the shards of a folder, here or on the hub.

A folder that mixes formats or lacks a shard is refused in one sentence. A file or folder is a
``Path`` on this machine, or a ``PurePosixPath`` on the hub (``hub.fetch``).
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.data import hub_files
from greenbench.data.formats import ALLOWED, extension
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import PurePath

_METADATA = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""Files that the ``datasets`` library puts beside its tables; they contain no rows."""
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.")


def is_folder(path: PurePath) -> bool:
    """Whether ``path`` is a folder, on this machine or on the hub."""
    if isinstance(path, Path):
        return path.is_dir()
    return extension(path) == ""


def files(path: PurePath) -> tuple[PurePath, ...]:
    """Return the tables at ``path``: the file itself, or every table below the folder, sorted.

    Raises UsageError if there is none, if a folder mixes formats, or if it lacks a shard
    (``-00001-of-00003``).
    """
    if is_folder(path):
        tables = candidates(path)
        refuse_unfit(path, tables)
        return tables
    if not isinstance(path, Path):
        return (path,)
    if not path.exists():
        raise UsageError(
            f"{path}: no such file or folder; give the path of a table ({ALLOWED}) or of a folder "
            "of tables"
        )
    if not extension(path):
        ending = "".join(path.suffixes[-2:])
        raise UsageError(
            f"{path}: '{ending}' is no table that can be read; {ALLOWED}; convert it to one"
        )
    return (path,)


def candidates(folder: PurePath) -> tuple[PurePath, ...]:
    """Return whatever can be read as a table below ``folder``, sorted.

    Raises UsageError if there is nothing.
    """
    if not isinstance(folder, Path):
        return hub_files.files(folder)
    tables = sorted(p for p in folder.rglob("*") if p.is_file() and _is_table(p, folder))
    if not tables:
        raise UsageError(
            f"{folder}: the folder holds no table; {ALLOWED}; put one there or give another path"
        )
    return tuple(tables)


def refuse_unfit(folder: PurePath, tables: Sequence[PurePath]) -> None:
    """Raise UsageError if ``tables`` mix formats, or if a shard of them is missing."""
    formats = sorted({extension(file) for file in tables})
    if len(formats) > 1:
        raise UsageError(
            f"{folder}: the folder mixes {' and '.join(formats)}, maybe the same rows twice; give "
            "one file of them"
        )
    _refuse_missing_shards(folder, tables)


def _is_table(file: Path, folder: Path) -> bool:
    if any(part.startswith(".") for part in file.relative_to(folder).parts):
        return False
    if file.name in _METADATA or extension(file) == "":
        return False
    return extension(file) != ".arrow" or _is_data_file(file)


def _is_data_file(file: Path) -> bool:
    """Whether an Arrow file is data: ``datasets`` leaves results of ``map`` beside them.

    The data files are those in ``state.json``, which ``save_to_disk`` writes.
    """
    state = file.with_name("state.json")
    if not state.is_file():
        return True
    try:
        listed = json.loads(state.read_text("utf-8"))["_data_files"]
        return file.name in {entry["filename"] for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{state}: is not the state of a data set ({error!r}); save the data set again"
        ) from error


def _refuse_missing_shards(folder: PurePath, tables: Sequence[PurePath]) -> None:
    """Refuse what an interrupted download leaves: the shards present are another data set."""
    present = set(tables)
    for file in tables:
        missing = _missing_sibling(file, present)
        if missing:
            raise UsageError(
                f"{folder}: {file.name} is one of several shards and {missing} is missing; fetch "
                "the folder again"
            )


def _missing_sibling(file: PurePath, present: Collection[PurePath]) -> str | None:
    shard = _SHARD.match(file.name)
    if shard is None:
        return None
    ending = file.name[shard.end() :]
    for index in range(int(shard["count"])):
        name = f"{shard['stem']}-{index:05d}-of-{shard['count']}.{ending}"
        if file.with_name(name) not in present:
            return name
    return None


def digest(path: PurePath, tables: Sequence[PurePath]) -> str:
    """Return the SHA-256 of a file, or of a folder's ``sha256sum`` listing.

    The listing has a line ``<digest>  <relative path>`` for each of ``tables``, in that order. The
    digests of files on the hub are those that the hub states.
    """
    if not is_folder(path):
        return _file_sha256(path)
    listing = ""
    for file in tables:
        listing += f"{_file_sha256(file)}  {file.relative_to(path).as_posix()}\n"
    return hashlib.sha256(listing.encode()).hexdigest()


def _file_sha256(file: PurePath) -> str:
    if not isinstance(file, Path):
        return hub_files.sha256(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
