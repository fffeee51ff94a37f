"""Read a table, or a folder of tables, into the columns that a task needs.

Whatever is wrong becomes one sentence that names the file, what was found, what is allowed and what
to do; no row is dropped, guessed or repaired here. This module does not know what a column means: a
task names its *roles* (``text``, ``label``) and the column names that it recognises for each. A
file or folder is a ``Path`` on this machine, or a ``PurePosixPath`` on the hub (``hub.fetch``).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenbench.data import table_files
from greenbench.data.formats import column_names, read_columns
from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import PurePath

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
    """Of the file, or of a folder's sorted ``sha256sum`` listing: see ``table_files.digest``."""

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
    files: Sequence[PurePath] = (),
) -> Table:
    """Read the columns that serve ``roles`` from ``path``, a file or a folder of one format.

    ``roles`` maps a role to the column names recognised for it, upper or lower case; ``chosen``
    maps a role to the one column that the user named. Null and blank values of the roles in
    ``may_lack`` become None. ``files`` are the ones to read of a folder, all of them if empty.
    Raises UsageError for anything that would lose or mistake a row: a missing, empty, damaged or
    truncated file, lacking or ambiguous columns, rows without a value, missing shards.
    """
    _refuse_unknown_roles(roles, chosen)
    tables = tuple(files) or table_files.files(path)
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
    sha256 = table_files.digest(path, tables)
    return Table(columns=joined, names=names, parts=tuple(parts), sha256=sha256)


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
