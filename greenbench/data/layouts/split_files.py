"""Train, valid and test as the names of files and folders tell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.data import table_files
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import PurePath

WORDS: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "valid": ("valid", "validation", "dev"),
    "test": ("test",),
}
"""Split to the words in names that tell it."""


def by_split(
    path: PurePath, parts: Sequence[PurePath], *, may_lack: Collection[str] = ()
) -> dict[str, list[PurePath]]:
    """Group the files or folders below ``path`` by the splits that their names tell.

    The result is empty if no name tells a split. Raises UsageError if some names tell one and
    others do not, or if a split has no files that is not in ``may_lack``.
    """
    if not table_files.is_folder(path):
        return {}
    members: dict[str, list[PurePath]] = {name: [] for name in WORDS}
    others = []
    for part in parts:
        name = split_of(part, path)
        if name is None:
            others.append(part)
        else:
            members[name].append(part)
    if len(others) == len(parts):
        return {}
    _refuse_others(path, others)
    _refuse_empty_splits(path, members, may_lack)
    return {name: files for name, files in members.items() if files}


def split_of(part: PurePath, path: PurePath) -> str | None:
    """Return the split that a file's name or folder tells, None for none or several.

    Examples: ``train-00000-of-00002.parquet``, ``train/0000.parquet``.
    """
    below = part.name
    if table_files.is_folder(path):
        below = part.relative_to(path).as_posix()
    words = set(re.split(r"[-_./]", below.lower()))
    splits = []
    for name, known in WORDS.items():
        if not words.isdisjoint(known):
            splits.append(name)
    return splits[0] if len(splits) == 1 else None


def _refuse_others(path: PurePath, others: Sequence[PurePath]) -> None:
    """Refuse files without a split beside files with one: what they hold cannot be known."""
    if others:
        raise UsageError(
            f"{path}: {others[0].relative_to(path)} belongs to none of train, valid and test by "
            "its name, and other files do; move it away, or name it so that it tells its split"
        )


def _refuse_empty_splits(
    path: PurePath, members: Mapping[str, Sequence[PurePath]], may_lack: Collection[str]
) -> None:
    empty = [name for name, files in members.items() if not files and name not in may_lack]
    if empty:
        names = ", ".join(empty)
        raise UsageError(
            f"{path}: there are files for some splits and none for {names}; add files whose names "
            f"begin with {names}, or give one file, which is split here"
        )
