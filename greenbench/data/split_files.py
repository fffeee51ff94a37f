"""Train, valid and test as the names of files and folders tell them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data import table_files, tables
from greenbench.data.formats import extension
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import PurePath

WORDS: Mapping[str, Sequence[str]] = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev", "development", "eval", "evaluation"),
    "test": ("test", "testing"),
}
"""Split to the words in names that tell it."""
SHOWN = 5
"""Names of files that facts and warnings list at most."""

Named = dict[str, list["PurePath"]]
"""Split to the files or folders whose names tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSplits:
    """Files or folders below a path, by the splits that their names tell."""

    root: PurePath
    members: Mapping[str, Sequence[PurePath]]
    """Split to its files; the key is empty if all rows are to be divided here."""
    ignored: Sequence[PurePath] = ()
    """Files of no split beside those of splits: what they hold is something else."""
    only: str | None = None
    """The split that every name tells; its rows are divided here, as there are no others."""

    @property
    def files(self) -> list[PurePath]:
        """All files that are read, split by split."""
        return [file for files in self.members.values() for file in files]

    @property
    def split_of(self) -> dict[PurePath, str]:
        """File to its split; empty if the names tell none that is kept."""
        splits: dict[PurePath, str] = {}
        for name, files in self.members.items():
            if name:
                splits.update(dict.fromkeys(files, name))
        return splits

    @property
    def facts(self) -> dict[str, Any]:
        """For the results file: which files were left out, and whether there was one split only."""
        facts: dict[str, Any] = {}
        if self.ignored:
            names = [file.relative_to(self.root).as_posix() for file in self.ignored]
            facts["files_ignored"] = len(names)
            facts["files_ignored_first"] = names[:SHOWN]
        if self.only:
            facts["files_only_of"] = self.only
        return facts

    def refuse_missing(self, *, may_lack: Collection[str] = ()) -> None:
        """Raise UsageError if there are splits, and one has no files that is not in ``may_lack``.

        What the files hold is not split anew: the result would be taken for the authors'.
        """
        if "" in self.members:
            return
        missing = [name for name in WORDS if name not in self.members and name not in may_lack]
        if missing:
            names = ", ".join(missing)
            raise UsageError(
                f"{self.root}: there are files for some splits and none for {names}; add files "
                f"whose names begin with {names}, or give one file, which is split here"
            )


def doubts(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return warnings about what ``NamedSplits.facts`` tells."""
    warnings = []
    ignored = facts.get("files_ignored", 0)
    if ignored:
        names = ", ".join(facts["files_ignored_first"])
        more = f" and {ignored - SHOWN} more" if ignored > SHOWN else ""
        warnings.append(f"files of no split were left out: {names}{more}")
    only = facts.get("files_only_of")
    if only:
        warnings.append(
            f"the names of all files tell the split {only}: train, valid and test were drawn from "
            "it here, so scores are not those of the authors' splits"
        )
    return tuple(warnings)


def tables_by_split(path: PurePath, *, mixed: bool = False) -> NamedSplits:
    """Return the tables at ``path``, by the splits that their names tell.

    In a folder with files of train and test, those that tell no split are left out if they cannot
    be rows of the same data: they have another format, stand in another folder, or lack the
    columns. ``mixed`` says that all rows are divided here, whatever the names tell. Raises
    UsageError for a folder of which it cannot be known what belongs to a split, and for what
    ``table_files.files`` refuses.
    """
    if not table_files.is_folder(path):
        return NamedSplits(root=path, members={"": table_files.files(path)})
    candidates = table_files.candidates(path)
    named, others = _grouped(path, candidates)
    ignored: list[PurePath] = []
    if {"train", "test"} <= named.keys():
        ignored = _something_else(others, named)
    files = [file for file in candidates if file not in ignored]
    table_files.refuse_unfit(path, files)
    if mixed:
        return NamedSplits(root=path, members={"": files}, ignored=ignored)
    others = [file for file in others if file not in ignored]
    return _named_splits(path, named, others, ignored)


def parts_by_split(path: PurePath, parts: Sequence[PurePath]) -> NamedSplits:
    """Return ``parts`` below ``path`` by the splits that their names tell.

    Raises UsageError if some names tell one and others do not.
    """
    named, others = _grouped(path, parts)
    return _named_splits(path, named, others, [])


def _named_splits(
    path: PurePath, named: Named, others: Sequence[PurePath], ignored: Sequence[PurePath]
) -> NamedSplits:
    if not named:
        return NamedSplits(root=path, members={"": others})
    _refuse_others(path, others)
    if len(named) > 1:
        return NamedSplits(root=path, members=named, ignored=ignored)
    ((only, files),) = named.items()
    return NamedSplits(root=path, members={"": files}, only=only)


def split_of(part: PurePath, path: PurePath) -> str | None:
    """Return the split that a file's name or folder tells, None for none or several.

    Examples: ``train-00000-of-00002.parquet``, ``train/0000.parquet``, ``primevul_valid.jsonl``.
    """
    below = part.name
    if table_files.is_folder(path):
        below = part.relative_to(path).as_posix()
    # The data set HumanEval is no split for evaluation
    text = re.sub(r"human[-_. ]eval", "humaneval", below.lower())
    words = set(re.split(r"[-_./ ]", text))
    splits = []
    for name, known in WORDS.items():
        if not words.isdisjoint(known):
            splits.append(name)
    return splits[0] if len(splits) == 1 else None


def _grouped(path: PurePath, parts: Sequence[PurePath]) -> tuple[Named, list[PurePath]]:
    """Return the parts of each split in the order of ``WORDS``, and those of none."""
    members: Named = {name: [] for name in WORDS}
    others = []
    for part in parts:
        name = split_of(part, path)
        if name is None:
            others.append(part)
        else:
            members[name].append(part)
    return {name: found for name, found in members.items() if found}, others


def _something_else(others: Sequence[PurePath], named: Named) -> list[PurePath]:
    """Return those of ``others`` that cannot be rows of the same data as the files of splits."""
    files = [file for members in named.values() for file in members]
    folders = {file.parent for file in files}
    formats = {extension(file) for file in files}
    ignored = []
    for other in others:
        near = other.parent in folders and extension(other) in formats
        if not near or not _has_columns_of(other, files[0]):
            ignored.append(other)
    return ignored


def _has_columns_of(other: PurePath, file: PurePath) -> bool:
    needed = set(tables.columns(file))
    try:
        return needed <= set(tables.columns(other))
    except UsageError:  # no table at all, such as a description in JSON
        return False


def _refuse_others(path: PurePath, others: Sequence[PurePath]) -> None:
    """Refuse files without a split beside files with one: what they hold cannot be known."""
    if others:
        raise UsageError(
            f"{path}: {others[0].relative_to(path)} belongs to none of train, valid and test by "
            "its name, and other files do; move it away, or name it so that it tells its split"
        )
