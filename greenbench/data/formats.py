"""Read the asked columns of one parquet, csv, json or jsonl file, and say on which line it is broken.

CSV and JSON are read with the standard library and not with pyarrow, whose readers break on a field longer than a
block, guess types, and cannot always name the line. Nothing here knows what a column means or whether its values are
any good.
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
    from pathlib import Path

Names = Mapping[str, str]
"""Role to the column that serves it."""
Columns = dict[str, list[Any]]
"""Role to the values, row by row."""
Pick = Callable[[Sequence[str]], Names]
"""Given the columns that a file has: which of them serves which role."""


def extension(path: Path) -> str:
    """Return ``.csv`` for ``a.csv`` and ``a.csv.gz``, empty for what cannot be read (parquet compresses by itself)."""
    name = path.name.lower()
    fits = [
        s for s in _READERS if name.endswith(s) or (s != ".parquet" and name.endswith(f"{s}.gz"))
    ]
    return fits[0] if fits else ""


def read_columns(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read the columns of ``file`` that ``pick`` chooses among those it has.

    CSV values are ``str``; the other formats keep their own types. Raises UsageError where the file is unreadable,
    broken, cut off or not UTF-8, with the line where the format has lines.
    """
    with _explained(file):
        return _READERS[extension(file)](file, pick)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turn what the libraries raise on a broken file into one sentence."""
    try:
        yield
    except UnicodeDecodeError as error:
        msg = f"{file}{_not_utf8(file)}: not valid UTF-8 ({error.reason}); save the file as UTF-8, or mend the line"
        raise UsageError(msg) from error
    except RecursionError as error:
        raise UsageError(
            f"{file}: cannot be read as {extension(file)} (values are nested too deeply); mend the file"
        ) from error
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        reason = (
            getattr(error, "strerror", None) or str(error) or type(error).__name__
        ).splitlines()[0][:200]
        msg = f"{file}: cannot be read as {extension(file)} ({reason}); a whole file is needed: check or fetch it again"
        raise UsageError(msg) from error


def _not_utf8(file: Path) -> str:
    """Return ``:LINE`` of the first line that is not UTF-8, where the file has lines."""
    if extension(file) == ".parquet":
        return ""
    with _bytes(file) as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f":{number}"
    return ""


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


def _csv(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read RFC 4180: a quoted field may hold line breaks and commas, and may be a function of any length."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with _text(file) as lines:
            return _csv_columns(file, csv.reader(lines, strict=True), pick)
    finally:
        csv.field_size_limit(limit)


def _csv_columns(file: Path, reader: Any, pick: Pick) -> tuple[Names, Columns]:
    header: list[str] = next(reader, [])
    names = pick(header)
    places = {role: header.index(column) for role, column in names.items()}
    columns: Columns = {role: [] for role in names}
    for row in _csv_rows(file, reader, len(header)):
        for role, place in places.items():
            columns[role].append(row[place])
    return names, columns


def _csv_rows(file: Path, reader: Any, width: int) -> Iterator[list[str]]:
    line = reader.line_num + 1
    try:
        for row in reader:
            if row and len(row) != width:
                msg = f"{file}:{line}: the row has {len(row)} fields, the header {width}; quote commas and line breaks"
                raise UsageError(msg)
            if row:
                yield row
            line = reader.line_num + 1
    except csv.Error as error:
        msg = f"{file}:{line}: the row that begins here is broken ({error}); quote its fields or fetch the file again"
        raise UsageError(msg) from error


def _json(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read a list of objects; many tools write one object per line under this ending too."""
    with _bytes(file) as stream:
        content = stream.read()
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return _json_lines(file, pick)
    try:
        rows = json.loads(content)
    except json.JSONDecodeError as error:
        msg = f"{file}:{error.lineno}: no JSON from here on ({error.msg}); a whole list of objects is needed: mend it"
        raise UsageError(msg) from error
    return _json_columns([_object(file, f"row {n}", row) for n, row in enumerate(rows, 1)], pick)


def _json_lines(file: Path, pick: Pick) -> tuple[Names, Columns]:
    """Read twice, first for the keys of all lines, then for the asked ones: no line is held whole."""
    names = pick(list(dict.fromkeys(key for row in _json_rows(file) for key in row)))
    columns: Columns = {role: [] for role in names}
    for row in _json_rows(file):
        for role, column in names.items():
            columns[role].append(row.get(column))
    return names, columns


def _json_rows(file: Path) -> Iterator[dict[str, Any]]:
    with _bytes(file) as lines:
        yield from (_json_line(file, n, line) for n, line in enumerate(lines, 1) if line.strip())


def _json_line(file: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return _object(file, f"line {number}", json.loads(line))
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        msg = f"{file}:{number}: the line is no JSON ({reason}); a whole object per line is needed: mend it"
        raise UsageError(msg) from error


def _object(file: Path, place: str, row: object) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    msg = f"{file}: {place} is a {type(row).__name__}; a JSON object with the columns as keys is needed"
    raise UsageError(msg)


def _json_columns(rows: Sequence[Mapping[str, Any]], pick: Pick) -> tuple[Names, Columns]:
    """Take the keys of all rows together as the columns: an object that leaves one out has a missing value there."""
    names = pick(list(dict.fromkeys(key for row in rows for key in row)))
    return names, {role: [row.get(column) for row in rows] for role, column in names.items()}


def _bytes(file: Path) -> io.BufferedIOBase:
    return gzip.open(file) if file.name.lower().endswith(".gz") else file.open("rb")


def _text(file: Path) -> IO[str]:
    """Open without newline translation, as the csv module asks; a byte order mark is no part of the first name."""
    if file.name.lower().endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


_READERS: dict[str, Callable[[Path, Pick], tuple[Names, Columns]]] = {
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
}
ALLOWED = "allowed are .parquet, .jsonl, .json and .csv, the last three also with .gz"
"""The endings that can be read, for error sentences."""
