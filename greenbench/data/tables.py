"""Read a table, or a folder of tables, into the columns that a task needs.

Whatever is wrong becomes one sentence that names the file, what was found, what is allowed and what
to do; no row is dropped, guessed or repaired here. This module does not know what a column means: a
task names its *roles* (``text``, ``label``) and the column names that it recognises for each. A
file or folder is a ``Path`` on this machine, or a ``PurePosixPath`` on the hub (``hub.fetch``).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data import hub
from greenbench.data.formats import ALLOWED, column_names, extension, read_columns
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import PurePath

_METADATA = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
)
"""Files that the ``datasets`` library puts beside its tables; they contain no rows."""
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<index>\d{5})-of-(?P<count>\d{5})\.")
_SHOWN = 30
"""Column names that an error message lists at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The requested columns of all files, row by row in the order of the files."""

    columns: Mapping[str, tuple[Any, ...]]
    """Role to values; None for a missing value that is allowed.

    CSV values are always ``str``; the other formats keep their own types.
    """
    names: Mapping[str, str]
    """Role to the name of the column that serves it."""
    parts: tuple[tuple[PurePath, int], ...]
    """Each file and its number of rows."""
    sha256: str
    """Of the file's bytes; for a folder, of its sorted ``sha256sum`` listing: see ``digest``."""

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield each row: role to value."""
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def where(self, index: int) -> str:
        """Return the file and the row (from 1, without a header) of value ``index`` of a column."""
        for file, rows in self.parts:
            if index < rows:
                return f"{file}: row {index + 1}"
            index -= rows
        raise IndexError(index)


def read(
    path: PurePath,
    roles: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str],
    *,
    may_lack: Collection[str] = (),
) -> Table:
    """Read the columns that serve ``roles`` from ``path``, a file or a folder of one format.

    ``roles`` maps a role to the column names recognised for it, upper or lower case; ``chosen``
    maps a role to the one column that the user named. Null and blank values of the roles in
    ``may_lack`` become None. Raises UsageError for anything that would lose or mistake a row: a
    missing, empty, damaged or truncated file, lacking or ambiguous columns, rows without a value,
    missing shards.
    """
    _refuse_unknown_roles(roles, chosen)
    tables = files(path)
    values: dict[str, list[Any]] = {role: [] for role in roles}
    names_of: dict[PurePath, dict[str, str]] = {}
    parts: list[tuple[PurePath, int]] = []
    for file in tables:
        names = _pick(file, columns(file), roles, chosen)
        names_of[file] = names
        parts.append((file, _append_values(file, names, may_lack, values)))
    _refuse_different_columns(path, names_of)
    joined = {role: tuple(column) for role, column in values.items()}
    names = names_of[tables[0]]
    return Table(columns=joined, names=names, parts=tuple(parts), sha256=digest(path, tables))


def read_named(
    file: PurePath,
    required: Sequence[str],
    optional: Sequence[str],
    chosen: Mapping[str, str],
    *,
    may_lack: Collection[str] = (),
) -> Table:
    """Read a file whose columns have the names of their roles; ``optional`` ones may be absent.

    Values of the optional columns and of those in ``may_lack`` may be null or blank.
    """
    present = {column.lower() for column in columns(file)}
    roles = {name: (name,) for name in required}
    nullable = set(may_lack)
    for name in optional:
        if name in present:
            roles[name] = (name,)
            nullable.add(name)
    return read(file, roles, chosen, may_lack=nullable)


def columns(file: PurePath) -> tuple[str, ...]:
    """Return the column names of ``file``; raises UsageError if it cannot be read."""
    return tuple(column_names(file))


# --- files ----------------------------------------------------------------------------------------


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
    if not isinstance(path, Path):
        if not is_folder(path):
            return (path,)
        shards = hub.files(path)
        _refuse_missing_shards(path, shards)
        return shards
    if path.is_dir():
        return _tables_below(path)
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


def _tables_below(folder: Path) -> tuple[Path, ...]:
    tables = sorted(p for p in folder.rglob("*") if p.is_file() and _is_table(p, folder))
    if not tables:
        raise UsageError(
            f"{folder}: the folder holds no table; {ALLOWED}; put one there or give another path"
        )
    formats = sorted({extension(file) for file in tables})
    if len(formats) > 1:
        raise UsageError(
            f"{folder}: the folder mixes {' and '.join(formats)}, maybe the same rows twice; give "
            "one file of them"
        )
    _refuse_missing_shards(folder, tables)
    return tuple(tables)


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


def _append_values(
    file: PurePath,
    names: Mapping[str, str],
    may_lack: Collection[str],
    values: Mapping[str, list[Any]],
) -> int:
    """Append the values of the roles in ``file``, and return their number."""
    columns = read_columns(file, list(names.values()))
    rows = 0
    for role, name in names.items():
        column = columns[name]
        rows = len(column)
        if not column:
            raise UsageError(f"{file}: holds no rows; give a table that has some")
        if role in may_lack:
            values[role].extend(None if _is_missing(value) else value for value in column)
        else:
            _refuse_missing_values(file, role, name, column)
            values[role].extend(column)
    return rows


# --- columns --------------------------------------------------------------------------------------


def _refuse_unknown_roles(roles: Mapping[str, Sequence[str]], chosen: Mapping[str, str]) -> None:
    unknown = sorted(set(chosen) - set(roles))
    if unknown:
        raise UsageError(
            f"--green-columns: there is no role '{unknown[0]}'; the roles are {', '.join(roles)}: "
            "use one of these"
        )


def _pick(
    file: PurePath,
    present: Sequence[str],
    roles: Mapping[str, Sequence[str]],
    chosen: Mapping[str, str],
) -> dict[str, str]:
    """Return role to column. Raises UsageError if a role has none, several, or another role's."""
    if not present:
        raise UsageError(f"{file}: is empty, without columns or rows; give a table that has some")
    names: dict[str, str] = {}
    for role, recognised in roles.items():
        if role in chosen:
            names[role] = _chosen_column(file, present, role, chosen[role])
        else:
            names[role] = _recognised_column(file, present, role, recognised)
    if len(set(names.values())) < len(names):
        raise UsageError(
            f"{file}: --green-columns gives one column to several roles ({names}); give each role "
            "its own"
        )
    return names


def _chosen_column(file: PurePath, present: Sequence[str], role: str, name: str) -> str:
    """Return the column ``name``, if there is exactly one."""
    count = Counter(present)[name]
    if count == 1:
        return name
    if count:
        raise UsageError(
            f"{file}: {count} columns are called '{name}'; the {role} needs one: rename the others"
        )
    raise _no_column(file, present, role, f"'{name}' of --green-columns")


def _recognised_column(
    file: PurePath, present: Sequence[str], role: str, recognised: Sequence[str]
) -> str:
    """Return the only column of a recognised name, upper or lower case."""
    names = {name.lower() for name in recognised}
    fitting = [column for column in present if column.lower() in names]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"{file}: several columns could be the {role} ({', '.join(fitting)}); "
            f"{_naming_remedy(role)}"
        )
    raise _no_column(file, present, role, f"any of {', '.join(recognised)}")


def _no_column(file: PurePath, present: Sequence[str], role: str, sought: str) -> UsageError:
    listing = ", ".join(present[:_SHOWN])
    if len(present) > _SHOWN:
        listing += f" and {len(present) - _SHOWN} more"
    return UsageError(
        f"{file}: no column for the {role} ({sought}) among {listing}; {_naming_remedy(role)}"
    )


def _naming_remedy(role: str) -> str:
    return f"name one with --green-columns TASK={role}:COLUMN"


def _refuse_different_columns(
    path: PurePath, names_of: Mapping[PurePath, Mapping[str, str]]
) -> None:
    (first, names), *others = names_of.items()
    for file, other_names in others:
        if other_names != names:
            raise UsageError(
                f"{path}: {first.name} has {dict(names)} but {file.name} has {dict(other_names)}; "
                "give one file of them"
            )


def _refuse_missing_values(
    file: PurePath, role: str, column: str, values: Sequence[object]
) -> None:
    missing = [row for row, value in enumerate(values, 1) if _is_missing(value)]
    if missing:
        raise UsageError(
            f"{file}: {len(missing)} of {len(values)} rows have no {role} (column '{column}' is "
            f"null or blank), the first is row {missing[0]}; fill them in or remove them"
        )


def _is_missing(value: object) -> bool:
    """Count blank text as missing in every format, because a csv file cannot tell it from null."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


# --- identity -------------------------------------------------------------------------------------


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
        return hub.sha256(file)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
