"""Read parquet and Arrow files through Hugging Face ``datasets``, batch by batch.

A file is streamed from where it is, this machine or the hub: only the requested columns of a
parquet file are transferred and decoded, one batch of Arrow data is in memory at a time, and no
second copy is written to a cache. Data files are named one by one, so that no loading script, no
configuration of a repository and no pattern in a file's name is ever interpreted.
"""

from __future__ import annotations

import glob
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.data import hub_files
from greenbench.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath
    from typing import BinaryIO

    import pyarrow as pa

Columns = dict[str, list[Any]]
"""Name of a column to its values, row by row."""
READERS = ("datasets", "pyarrow")
BATCH = 1_000
"""Rows that are in memory as Arrow data at a time."""


def parquet_columns(file: PurePath) -> list[str]:
    """Return the column names of a parquet file.

    Raises ValueError or OSError if the file is damaged or cannot be reached, and UnavailableError
    without the packages that read it.
    """
    require("suite", str(file), READERS)
    with _arrow_errors():
        return list(_parquet_schema(file).names)


def read_parquet(file: PurePath, names: Sequence[str]) -> Columns:
    """Read the columns ``names`` of a parquet file. Raises what ``parquet_columns`` raises."""
    import pyarrow as pa
    from datasets import Features

    with _arrow_errors():
        schema = _parquet_schema(file)
        # The types of the requested columns only: others may have one that datasets does not know
        requested = pa.schema([schema.field(name) for name in names])
        features = Features.from_arrow_schema(requested)
        return _values(
            file, "parquet", names, columns=list(names), features=features, batch_size=BATCH
        )


def arrow_columns(file: PurePath) -> list[str]:
    """Return the column names of an Arrow IPC file or stream.

    ``datasets`` writes such files by ``save_to_disk``. Raises what ``parquet_columns`` raises.
    """
    require("suite", str(file), READERS)
    import pyarrow as pa

    with _arrow_errors(), _open(file) as stream:
        try:
            schema = pa.ipc.open_stream(stream).schema
        except pa.ArrowInvalid:
            schema = pa.ipc.open_file(stream).schema
        return list(schema.names)


def read_arrow(file: PurePath, names: Sequence[str]) -> Columns:
    """Read the columns ``names`` of an Arrow file. Raises what ``arrow_columns`` raises."""
    with _arrow_errors():
        return _values(file, "arrow", names)


@contextmanager
def _arrow_errors() -> Iterator[None]:
    """Turn the errors of Arrow that are neither ValueError nor OSError into ValueError."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _open(file: PurePath) -> BinaryIO:
    if isinstance(file, Path):
        return file.open("rb")
    return hub_files.open_file(file)


def _parquet_schema(file: PurePath) -> pa.Schema:
    import pyarrow.parquet as pq

    with _open(file) as stream:
        return pq.read_schema(stream)


def _values(file: PurePath, builder: str, names: Sequence[str], **options: object) -> Columns:
    """Return the values of the columns; ``builder`` is a packaged one of ``datasets``."""
    from datasets import load_dataset

    location = glob.escape(str(file)) if isinstance(file, Path) else hub_files.url(file)
    columns: Columns = {name: [] for name in names}
    # Streaming stores nothing, but a builder locks a folder in its cache
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        rows = load_dataset(
            builder,
            data_files={"train": [location]},
            split="train",
            streaming=True,
            cache_dir=scratch,
            **options,
        )
        batches = rows.select_columns(list(names)).with_format("arrow").iter(batch_size=BATCH)
        for batch in batches:
            for name in names:
                columns[name] += batch[name].to_pylist()
    return columns


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log of ``datasets``, and keep it from counting downloads over the network."""
    import datasets

    verbosity = datasets.logging.get_verbosity()
    counts_downloads = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = counts_downloads
