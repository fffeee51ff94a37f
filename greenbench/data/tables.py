"""Read a table (a parquet, jsonl, json or csv file, or a folder of them) into the columns that a task asks for.

Whatever is wrong becomes one sentence that names the file, what was found, what is allowed and what to do; no row is
dropped, guessed or repaired here. This module does not know what a column means: a task names its *roles* (``text``,
``label``) and the column names it recognises for each.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data.formats import ALLOWED, extension, read_columns
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.data.formats import Columns, Names

_METADATA = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""Files that the ``datasets`` library puts beside its tables; they hold no rows."""
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.")
_SHOWN = 30
"""Column names that an error sentence lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The asked columns of all files, row by row in file order."""

    columns: Mapping[str, tuple[Any, ...]]
    """Role to values. CSV values are always ``str``; the other formats keep their own types. None where one may lack."""
    names: Mapping[str, str]
    """Role to the name of the column that serves it."""
    parts: tuple[tuple[Path, int], ...]
    """Each file and how many rows it gave."""
    sha256: str
    """Of the file's bytes; for a folder, of its ``sha256sum`` listing (``<digest>  <relative path>`` lines, sorted)."""

    def where(self, index: int) -> str:
        """Name the file and the row (counted from 1, without a header) of the ``index``-th value of a column."""
        for file, rows in self.parts:
            if index < rows:
                return f"{file}: row {index + 1}"
            index -= rows
        raise IndexError(index)


def read(
    path: Path,
    roles: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str],
    *,
    may_lack: Collection[str] = (),
) -> Table:
    """Read the columns that serve ``roles`` from ``path``, a file or a folder of files of one format.

    ``roles`` maps a role to the column names recognised for it, upper or lower case; ``chosen`` maps a role to the one
    column the user named. Values of the roles that ``may_lack`` some are None where they are null or blank.
    Raises UsageError for anything that would lose or mistake a row: a missing, empty, broken or
    truncated file, lacking or ambiguous columns, rows without a value, missing shards.
    """
    _refuse_unknown_roles(roles, chosen)
    found = files(path)
    parts = [(file, *_read_file(file, roles, chosen, may_lack)) for file in found]
    _refuse_different_columns(path, [(file, names) for file, names, _ in parts])
    return Table(
        columns={
            role: tuple(value for _, _, columns in parts for value in columns[role])
            for role in roles
        },
        names=dict(parts[0][1]),
        parts=tuple((file, len(next(iter(columns.values())))) for file, _, columns in parts),
        sha256=digest(path, found),
    )


def columns(file: Path) -> tuple[str, ...]:
    """Return the names of the columns that ``file`` has; raises UsageError where it cannot be read."""

    def note(found: Sequence[str]) -> Names:
        raise _Seen(tuple(found))

    try:
        read_columns(file, note)
    except _Seen as seen:
        return seen.columns
    raise AssertionError(f"{file}: no reader asked which columns to read")


class _Seen(Exception):
    """Ends the reading of a file."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns


def files(path: Path) -> tuple[Path, ...]:
    """List the tables at ``path``: the file itself, or every table below the folder, sorted by path.

    Raises UsageError where there is none, where a folder mixes formats, or where it lacks a shard
    (``-00001-of-00003``).
    """
    if path.is_dir():
        return _tables_below(path)
    if not path.exists():
        msg = f"{path}: no such file or folder; give the path of a table ({ALLOWED}) or of a folder of tables"
        raise UsageError(msg)
    if not extension(path):
        msg = f"{path}: '{''.join(path.suffixes[-2:])}' is no table that can be read; {ALLOWED}; convert it to one"
        raise UsageError(msg)
    return (path,)


def _tables_below(folder: Path) -> tuple[Path, ...]:
    below = sorted(p for p in folder.rglob("*") if p.is_file() and _is_table(p.relative_to(folder)))
    formats = sorted({extension(p) for p in below})
    if not below:
        msg = f"{folder}: the folder holds no table; {ALLOWED}; put one there or give another path"
        raise UsageError(msg)
    if len(formats) > 1:
        msg = f"{folder}: the folder mixes {' and '.join(formats)}, maybe the same rows twice; give one file of them"
        raise UsageError(msg)
    _refuse_missing_shards(folder, below)
    return tuple(below)


def _is_table(relative: Path) -> bool:
    hidden = any(part.startswith(".") for part in relative.parts)
    return not hidden and relative.name not in _METADATA and bool(extension(relative))


def _refuse_missing_shards(folder: Path, below: Sequence[Path]) -> None:
    """Refuse what an interrupted download leaves: the shards that are there would silently be another data set."""
    for file in below:
        missing = _missing_sibling(file)
        if missing:
            msg = f"{folder}: {file.name} is one of several shards and {missing} is missing; fetch the folder again"
            raise UsageError(msg)


def _missing_sibling(file: Path) -> str | None:
    shard = _SHARD.match(file.name)
    if shard is None:
        return None
    ending = file.name[shard.end() :]
    names = (
        f"{shard['stem']}-{i:05d}-of-{shard['count']}.{ending}" for i in range(int(shard["count"]))
    )
    return next((name for name in names if not file.with_name(name).is_file()), None)


def _read_file(
    file: Path,
    roles: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str],
    may_lack: Collection[str],
) -> tuple[Names, Columns]:
    names, columns = read_columns(file, lambda found: _pick(file, found, roles, chosen))
    for role, values in columns.items():
        if role not in may_lack or not values:
            _refuse_missing_values(file, role, names[role], values)
    for role in may_lack:
        columns[role] = [None if _is_missing(value) else value for value in columns[role]]
    return names, columns


# --- columns ----------------------------------------------------------------------------------------------------------


def _refuse_unknown_roles(roles: Mapping[str, Sequence[str]], chosen: Mapping[str, str]) -> None:
    unknown = sorted(set(chosen) - set(roles))
    if unknown:
        msg = f"--green-columns: there is no role '{unknown[0]}'; the roles are {', '.join(roles)}: use one of these"
        raise UsageError(msg)


def _pick(
    file: Path, found: Sequence[str], roles: Mapping[str, Sequence[str]], chosen: Mapping[str, str]
) -> Names:
    if not found:
        msg = f"{file}: is empty, without columns or rows; give a table that has some"
        raise UsageError(msg)
    names = {
        role: _column(file, found, role, known, chosen.get(role)) for role, known in roles.items()
    }
    if len(set(names.values())) < len(names):
        msg = f"{file}: --green-columns gives one column to several roles ({names}); give each role its own"
        raise UsageError(msg)
    return names


def _column(
    file: Path, found: Sequence[str], role: str, known: Sequence[str], chosen: str | None
) -> str:
    """Return the one column for ``role``: the chosen one by its exact name, else the only recognised one."""
    wanted = {name.lower() for name in known}
    fits = [
        name for name in found if (name == chosen if chosen is not None else name.lower() in wanted)
    ]
    if len(fits) == 1:
        return fits[0]
    remedy = f"name one with --green-columns TASK={role}:COLUMN"
    if fits and chosen is not None:
        msg = f"{file}: {len(fits)} columns are called '{chosen}'; the {role} needs one: rename the others"
    elif fits:
        msg = f"{file}: several columns could be the {role} ({', '.join(fits)}); {remedy}"
    else:
        sought = (
            f"'{chosen}' of --green-columns" if chosen is not None else f"any of {', '.join(known)}"
        )
        msg = f"{file}: no column for the {role} ({sought}) among {_listing(found)}; {remedy}"
    raise UsageError(msg)


def _listing(found: Sequence[str]) -> str:
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more


def _refuse_different_columns(path: Path, parts: Sequence[tuple[Path, Names]]) -> None:
    first, names = parts[0]
    for file, others in parts[1:]:
        if others != names:
            msg = f"{path}: {first.name} has {dict(names)} but {file.name} has {dict(others)}; give one file of them"
            raise UsageError(msg)


def _refuse_missing_values(file: Path, role: str, column: str, values: Sequence[Any]) -> None:
    if not values:
        msg = f"{file}: holds no rows; give a table that has some"
        raise UsageError(msg)
    missing = [row for row, value in enumerate(values, 1) if _is_missing(value)]
    if missing:
        msg = (
            f"{file}: {len(missing)} of {len(values)} rows have no {role} (column '{column}' is null or blank), "
            f"the first is row {missing[0]}; fill them in or remove them"
        )
        raise UsageError(msg)


def _is_missing(value: object) -> bool:
    """Count blank text as missing in every format, because a csv file cannot tell it from null."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


# --- identity ---------------------------------------------------------------------------------------------------------


def digest(path: Path, found: Sequence[Path]) -> str:
    """Return the SHA-256 of a file, or of a folder's ``sha256sum`` listing (see ``Table.sha256``)."""
    if path.is_file():
        return _file_sha256(path)
    lines = [f"{_file_sha256(file)}  {file.relative_to(path).as_posix()}\n" for file in found]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
