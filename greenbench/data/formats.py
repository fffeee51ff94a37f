"""Read the requested columns of one table file, and say on which line it is damaged.

CSV and JSON are read with the standard library and not with pyarrow, whose readers fail on a field
longer than a block, guess types, and cannot always name the line. Nothing here knows what a column
means or whether its values are valid.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from greenbench.errors import UsageError

if TYPE_CHECKING:
    import io
    from _csv import Reader
    from pathlib import Path

Names = Mapping[str, str]
"""Role to the column that serves it."""
Columns = dict[str, list[Any]]
"""Role to the values, row by row."""
Pick = Callable[[Sequence[str]], Names]
"""Takes the columns of a file, and returns those that serve a role."""

ALLOWED = "allowed are .parquet, .jsonl, .json and .csv, the last three also with .gz"
"""The endings that can be read, for error messages."""
SHOWN = 200
"""Characters of a library's message that an error message repeats at most."""


def extension(path: Path) -> str:
    """Return ``.csv`` for ``a.csv`` and ``a.csv.gz``, and an empty text for an unknown format."""
    name = path.name.lower()
    for ending in _READERS:
        if name.endswith(ending):
            return ending
        if ending != ".parquet" and name.endswith(f"{ending}.gz"):  # parquet compresses by itself
            return ending
    return ""


def read_columns(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read the columns of ``file`` that ``pick`` chooses among those it has.

    CSV values are ``str``; the other formats keep their own types. Raises UsageError if the file is
    unreadable, damaged, truncated or not UTF-8, with the line if the format has lines.
    """
    reader = _READERS[extension(file)]
    with _explained(file):
        return reader(file, pick)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn the exceptions of the libraries into one sentence."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file}{_invalid_line(file)}: not valid UTF-8 ({error.reason}); save the file as "
            "UTF-8, or mend the line"
        ) from error
    except RecursionError as error:
        raise UsageError(
            f"{file}: cannot be read as {extension(file)} (values are nested too deeply); mend the "
            "file"
        ) from error
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        raise UsageError(
            f"{file}: cannot be read as {extension(file)} ({_reason(error)}); a whole file is "
            "needed: check or fetch it again"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first line of what a library says."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0][:SHOWN]


def _invalid_line(file: Path) -> str:
    """Return ``:LINE`` of the first line that is not UTF-8, if the file has lines."""
    if extension(file) == ".parquet":
        return ""
    with _open_bytes(file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f":{number}"
    return ""


def _open_bytes(file: Path) -> io.BufferedIOBase:
    return gzip.open(file) if _is_gzip(file) else file.open("rb")


def _open_text(file: Path) -> IO[str]:
    """Open without newline translation, as the csv module needs, and skip a byte order mark."""
    if _is_gzip(file):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _is_gzip(file: Path) -> bool:
    return file.name.lower().endswith(".gz")


# --- parquet --------------------------------------------------------------------------------------


def _parquet(file: Path, pick: Pick) -> tuple[Names, Columns]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            names = pick(parquet.schema_arrow.names)
            table = parquet.read(columns=list(names.values()))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    return names, {role: table[column].to_pylist() for role, column in names.items()}


# --- csv ------------------------------------------------------------------------------------------


def _csv(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read RFC 4180: a quoted field may hold line breaks and commas, and be of any length."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with _open_text(file) as lines:
            return _csv_columns(file, csv.reader(lines, strict=True), pick)
    finally:
        csv.field_size_limit(limit)


def _csv_columns(file: Path, reader: Reader, pick: Pick) -> tuple[Names, Columns]:
    header = next(reader, [])
    names = pick(header)
    places = {role: header.index(column) for role, column in names.items()}
    columns = _empty(names)
    for row in _csv_rows(file, reader, len(header)):
        for role, place in places.items():
            columns[role].append(row[place])
    return names, columns


def _csv_rows(file: Path, reader: Reader, width: int) -> Iterator[list[str]]:
    first_line = reader.line_num + 1
    try:
        for row in reader:
            if row and len(row) != width:
                raise UsageError(
                    f"{file}:{first_line}: the row has {len(row)} fields, the header {width}; "
                    "quote commas and line breaks"
                )
            if row:
                yield row
            first_line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"{file}:{first_line}: the row that begins here is broken ({error}); quote its fields "
            "or fetch the file again"
        ) from error


# --- json -----------------------------------------------------------------------------------------


def _json(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read a list of objects, or one object a line, which many tools write as ``.json`` too."""
    with _open_bytes(file) as stream:
        content = stream.read()
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return _json_lines(file, pick)
    try:
        rows = json.loads(content)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{file}:{error.lineno}: no JSON from here on ({error.msg}); a whole list of objects "
            "is needed: mend it"
        ) from error
    objects = [_object(file, f"row {number}", row) for number, row in enumerate(rows, 1)]
    names = pick(_keys(objects))
    return names, _json_columns(objects, names)


def _json_lines(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read twice, first the keys, then the requested values: the rows are never all in memory."""
    names = pick(_keys(_json_rows(file)))
    return names, _json_columns(_json_rows(file), names)


def _keys(rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> list[str]:
    """Return the keys of all rows, in order of appearance."""
    keys: dict[str, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
    return list(keys)


def _json_columns(
    rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]], names: Names
) -> Columns:
    """Return the values of the rows; a key that a row lacks is a missing value."""
    columns = _empty(names)
    for row in rows:
        for role, column in names.items():
            columns[role].append(row.get(column))
    return columns


def _json_rows(file: Path) -> Iterator[dict[str, Any]]:
    with _open_bytes(file) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _json_line(file, number, line)


def _json_line(file: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return _object(file, f"line {number}", json.loads(line))
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        raise UsageError(
            f"{file}:{number}: the line is no JSON ({reason}); a whole object per line is needed: "
            "mend it"
        ) from error


def _object(file: Path, place: str, row: object) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    raise UsageError(
        f"{file}: {place} is a {type(row).__name__}; a JSON object with the columns as keys is "
        "needed"
    )


def _empty(names: Names) -> Columns:
    return {role: [] for role in names}


_READERS: Mapping[str, Callable[[Path, Pick], tuple[Names, Columns]]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
}
