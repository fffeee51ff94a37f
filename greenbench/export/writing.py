"""Writes tables to Parquet and CSV, batch by batch; a file appears once it is whole."""

from __future__ import annotations

import contextlib
import sys
from typing import IO, TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.export.table import batches, schema
from greenbench.extras import require
from greenbench.results.files import replacing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

STDOUT = "-"
FORMULA = r"^([=+\-@])"
"""How a text begins that a spreadsheet would calculate."""


def write_parquet(paths: Sequence[Path], file: Path, only: Collection[str] = ()) -> int:
    """Write the table of ``paths`` to a Parquet file; return its rows. Raises UsageError."""
    require("export", "--parquet", ("pyarrow",))
    from pyarrow import parquet

    if str(file) == STDOUT:
        raise UsageError("--parquet: found -; a Parquet file cannot go to stdout, name a file")
    columns = schema()
    count = 0
    with _place(file) as sink, parquet.ParquetWriter(sink, columns) as writer:
        for batch in batches(paths, only):
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def write_csv(paths: Sequence[Path], file: Path, only: Collection[str] = ()) -> int:
    """Write the table of ``paths`` as CSV, to stdout for ``-``; return its rows.

    A text that a spreadsheet would take for a formula gets an apostrophe before it. Raises
    UsageError.
    """
    require("export", "--csv", ("pyarrow",))
    from pyarrow import csv

    columns = schema()
    count = 0
    with _sink(file) as sink, csv.CSVWriter(sink, columns) as writer:
        for batch in batches(paths, only):
            writer.write_batch(_without_formulas(batch))
            count += batch.num_rows
    return count


def write_text(file: Path, text: str) -> None:
    """Write a whole text file, or stdout for ``-``."""
    with _sink(file) as sink:
        sink.write(text.encode("utf-8"))


@contextlib.contextmanager
def _sink(file: Path) -> Iterator[IO[bytes]]:
    if str(file) != STDOUT:
        with _place(file) as sink:
            yield sink
        return
    with _explained("stdout"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _place(file: Path) -> Iterator[IO[bytes]]:
    with _explained(str(file)), replacing(file) as sink:
        yield sink


@contextlib.contextmanager
def _explained(place: str) -> Iterator[None]:
    """Raise UsageError for a place that takes no more, like a full disk."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(
            f"{place}: cannot be written ({error.strerror or error}); free it, or give another"
        ) from error


def _without_formulas(batch: pa.RecordBatch) -> pa.RecordBatch:
    import pyarrow as pa
    from pyarrow import compute

    columns: list[Any] = []
    for column in batch.columns:
        if pa.types.is_string(column.type):
            replaced = compute.replace_substring_regex(column, FORMULA, r"'\1")
            columns.append(replaced)
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
