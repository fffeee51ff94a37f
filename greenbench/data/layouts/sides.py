"""Train, valid and test as the names of files and folders tell them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

SIDES: Mapping[str, Sequence[str]] = {
    "train": ("train",),
    "valid": ("valid", "validation", "dev"),
    "test": ("test",),
}
"""Side to the words in names that tell it."""


def named(
    path: Path, parts: Sequence[Path], *, may_lack: Collection[str] = ()
) -> dict[str, list[Path]]:
    """Sort the files or folders below ``path`` by the sides that their names tell; empty where none tells any.

    Raises UsageError where some tell a side and others none, or where a side is lacking that is not in ``may_lack``.
    """
    found = {side: [part for part in parts if side_of(part, path) == side] for side in SIDES}
    if not path.is_dir() or not any(found.values()):
        return {}
    _refuse_others(path, [part for part in parts if side_of(part, path) is None])
    lacking = ", ".join(
        side for side, members in found.items() if not members and side not in may_lack
    )
    if lacking:
        raise UsageError(
            f"{path}: there are files for some sides of a split and none for {lacking}; add files whose names begin with "
            f"{lacking}, or give one file, which is split here"
        )
    return {side: members for side, members in found.items() if members}


def side_of(part: Path, path: Path) -> str | None:
    """Return the side that a file's name or folder tells: ``train-00000-of-00002.parquet``, or ``train/0000.parquet``."""
    below = part.relative_to(path).as_posix() if path.is_dir() else part.name
    words = re.split(r"[-_./]", below.lower())
    sides = [side for side, names in SIDES.items() if set(names) & set(words)]
    return sides[0] if len(sides) == 1 else None


def _refuse_others(path: Path, others: Sequence[Path]) -> None:
    """Refuse a folder of which some files tell a side and others none: their rows would silently be another data set."""
    if others:
        raise UsageError(
            f"{path}: {others[0].relative_to(path)} belongs to none of train, valid and test by its name, and other files do; "
            "move it away, or name it so that it tells its side"
        )
