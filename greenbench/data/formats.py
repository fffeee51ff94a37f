"""Read the requested columns of one table file, and say on which line it is damaged.

Parquet and Arrow files are read through ``datasets`` (``arrow_files``). CSV and JSON are read with
the standard library, because pyarrow's readers fail on a field longer than a block, guess types,
and cannot always name the line. Nothing here knows what a column means or whether its values are
valid.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from greenbench.data import arrow_files, hub_files
from greenbench.errors import UsageError

if TYPE_CHECKING:
    import io
    from _csv import Reader
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import PurePath

    from greenbench.data.arrow_files import Columns


class UndecodableError(UsageError):
    """A file is not valid UTF-8."""


ALLOWED = "allowed are .parquet, .arrow, .jsonl, .json and .csv, the last three also with .gz"
"""The endings that can be read, for error messages."""
_BINARY = (".parquet", ".arrow")
_LINES = (".jsonl", ".json", ".csv")
NAMED = 10
"""Files that one error message names at most."""
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""JSON may write a character as two escapes. Half of it alone is no text: no tokenizer takes it.

Python's reader takes a half in UTF-8's form too, which UTF-8 itself forbids.
"""
_HALF_OF_A_PAIR = re.compile("[\ud800-\udfff]")
SHOWN = 200
"""Characters of a library's message that an error message repeats at most."""


def extension(path: PurePath) -> str:
    """Return ``.csv`` for ``a.csv`` and ``a.csv.gz``, and an empty text for an unknown format."""
    name = path.name.lower()
    for ending in (*_BINARY, *_LINES):
        if name.endswith(ending):
            return ending
    for ending in _LINES:
        if name.endswith(f"{ending}.gz"):  # the others compress by themselves
            return ending
    return ""


def column_names(file: PurePath) -> list[str]:
    """Return the names of the columns of ``file``. Raises what ``read_columns`` raises."""
    ending = extension(file)
    with _explained(file):
        if ending == ".parquet":
            return arrow_files.parquet_columns(file)
        if ending == ".arrow":
            return arrow_files.arrow_columns(file)
        if ending == ".csv":
            return _csv_header(_local(file))
        return _keys(_json_rows(_local(file)))


def read_columns(file: PurePath, names: Sequence[str]) -> Columns:
    """Read the columns ``names`` of ``file``, which has them.

    A file that is not a ``Path`` is on the hub. CSV values are ``str``; the other formats keep
    their own types. Raises UsageError if the file is unreadable, damaged, truncated or not UTF-8,
    with the line if the format has lines, and UnavailableError if the hub cannot be reached.
    """
    ending = extension(file)
    with _explained(file):
        if ending == ".parquet":
            return arrow_files.read_parquet(file, names)
        if ending == ".arrow":
            return arrow_files.read_arrow(file, names)
        if ending == ".csv":
            return _csv_columns(_local(file), names)
        return _json_columns(_json_rows(_local(file)), names)


def _local(file: PurePath) -> Path:
    """Return a file of a format that is read on this machine only."""
    if isinstance(file, Path):
        return file
    raise UsageError(f"{file}: only parquet is read from the hub")


@contextmanager
def _explained(file: PurePath) -> Iterator[None]:
    """Turn the exceptions of the libraries into one sentence."""
    if isinstance(file, Path):
        with _explained_damage(file):
            yield
    else:
        with hub_files.explained_stream(file):
            yield


@contextmanager
def _explained_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise _undecodable(file, error) from error
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


def decoded(file: Path) -> str:
    """Return the text of a file. Raises UsageError, with the line, if it is not valid UTF-8."""
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise _undecodable(file, error) from error


def _undecodable(file: Path, error: UnicodeDecodeError) -> UndecodableError:
    return UndecodableError(
        f"{file}{_invalid_line(file)}: not valid UTF-8 ({error.reason}); save the file as UTF-8, "
        "or mend the line"
    )


@contextmanager
def undecodable_together(folder: PurePath, files: Iterable[PurePath]) -> Iterator[None]:
    """Name all of ``files`` that are not valid UTF-8 if one turns out to be, to mend them at once.

    Raises UsageError.
    """
    try:
        yield
    except UndecodableError as error:
        places = []
        for file in files:
            line = _invalid_line(file) if isinstance(file, Path) else ""
            if line:
                places.append(f"{file.relative_to(folder)}{line}")
        if len(places) < 2:  # noqa: PLR2004  the one file is named already
            raise
        listing = ", ".join(places[:NAMED])
        if len(places) > NAMED:
            listing += f" and {len(places) - NAMED} more"
        raise UndecodableError(
            f"{folder}: {len(places)} files are not valid UTF-8: {listing}; save them "
            "as UTF-8, or remove them"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first line of what a library says."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0][:SHOWN]


def _invalid_line(file: Path) -> str:
    """Return ``:LINE`` of the first line that is not UTF-8, if the file has lines."""
    if extension(file) in _BINARY:
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


# --- csv ------------------------------------------------------------------------------------------


@contextmanager
def _csv_reader(file: Path) -> Iterator[Reader]:
    """Read RFC 4180: a quoted field may hold line breaks and commas, and be of any length."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with _open_text(file) as lines:
            yield csv.reader(lines, strict=True)
    finally:
        csv.field_size_limit(limit)


def _csv_header(file: Path) -> list[str]:
    with _csv_reader(file) as reader:
        return next(reader, [])


def _csv_columns(file: Path, names: Sequence[str]) -> Columns:
    columns: Columns = {name: [] for name in names}
    with _csv_reader(file) as reader:
        header = next(reader, [])
        places = {name: header.index(name) for name in names}
        for row in _csv_rows(file, reader, len(header)):
            for name, place in places.items():
                columns[name].append(row[place])
    return columns


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


def _json_rows(file: Path) -> Iterator[dict[str, object]]:
    """Yield the objects of a list, or one object a line, which many tools write as .json too."""
    if extension(file) == ".json":
        with _open_bytes(file) as stream:
            content = stream.read()
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
            yield from _json_list(file, content)
            return
    with _open_bytes(file) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _json_line(file, number, line)


def _json_list(file: Path, content: bytes) -> Iterator[dict[str, object]]:
    try:
        rows = json.loads(content)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{file}:{error.lineno}: no JSON from here on ({error.msg}); a whole list of objects "
            "is needed: mend it"
        ) from error
    halves = _HALVES.search(content)
    for number, row in enumerate(rows, 1):
        columns = _object(file, f"row {number}", row)
        if halves:
            _refuse_half_characters(file, f"row {number}", columns)
        yield columns


def _keys(rows: Iterator[dict[str, object]]) -> list[str]:
    """Return the keys of all rows, in order of appearance."""
    keys: dict[str, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
    return list(keys)


def _json_columns(rows: Iterator[dict[str, object]], names: Sequence[str]) -> Columns:
    """Return the values of the rows; a key that a row lacks is a missing value."""
    columns: Columns = {name: [] for name in names}
    for row in rows:
        for name in names:
            columns[name].append(row.get(name))
    return columns


def _json_line(file: Path, number: int, line: bytes) -> dict[str, object]:
    try:
        row = _object(file, f"line {number}", json.loads(line))
    except UnicodeDecodeError:  # explained for all formats alike
        raise
    except ValueError as error:
        reason = getattr(error, "msg", str(error))
        raise UsageError(
            f"{file}:{number}: the line is no JSON ({reason}); a whole object per line is needed: "
            "mend it"
        ) from error
    if _HALVES.search(line):
        _refuse_half_characters(file, f"line {number}", row)
    return row


def _object(file: Path, place: str, row: object) -> dict[str, object]:
    if not isinstance(row, dict):
        raise UsageError(
            f"{file}: {place} is a {type(row).__name__}; a JSON object with the columns as keys is "
            "needed"
        )
    return row


def _refuse_half_characters(file: Path, place: str, row: dict[str, object]) -> None:
    half = _HALF_OF_A_PAIR.search(json.dumps(row, ensure_ascii=False))
    if half:
        raise UsageError(
            f"{file}: {place} has \\u{ord(half[0]):x}, half of a character, which no text can "
            "hold: write it with its other half, or remove it"
        )
