"""The tidy table as Arrow record batches, in bounded memory, and as a pandas DataFrame."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from greenbench.export.cells import measured_cells
from greenbench.export.columns import GROUPS, OTHER_SCORES, SCORES
from greenbench.export.tidy import rows
from greenbench.extras import require

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pandas as pd
    import pyarrow as pa

BATCH_ROWS = 16_384
"""Rows of a batch: some 6 MB."""


def types() -> dict[str, str]:
    """Return the columns in their order: name to Arrow's name of its type."""
    arrow = {str: "string", int: "int64", float: "double", bool: "bool"}
    columns = {}
    for group in GROUPS:
        for name, annotation in get_type_hints(group).items():
            kinds = getattr(annotation, "__args__", (annotation,))
            columns[name] = arrow[kinds[0]]
    for score in SCORES:
        columns[f"score_{score}"] = "double"
    columns[OTHER_SCORES] = "string"
    return columns


def schema() -> pa.Schema:
    """Return the schema of the table."""
    import pyarrow as pa

    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types().items()])


def batches(paths: Sequence[Path], only: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """Yield the table of ``paths`` in pieces, with one file in memory at a time.

    ``only`` are ids of cells, by default all. Raises UsageError as ``measured_cells`` does.
    """
    import pyarrow as pa

    columns = schema()
    table = rows(measured_cells(paths, only))
    while piece := list(islice(table, BATCH_ROWS)):
        arrays = []
        for values, column in zip(zip(*piece, strict=True), columns, strict=True):
            arrays.append(pa.array(values, column.type))
        yield pa.RecordBatch.from_arrays(arrays, schema=columns)


def load(*paths: Path | str) -> pd.DataFrame:
    """Return results as a tidy table: a row for each cell, round, window and channel.

    ``paths`` are results files, folders of them, and saved runs. The columns, their units, and what
    not to add up are in docs/results.md. Raises UsageError for what cannot be read, and
    UnavailableError without pandas.
    """
    require("export", "greenbench.load")
    import pandas as pd
    import pyarrow as pa

    table = pa.Table.from_batches(batches([Path(path) for path in paths]), schema())
    # Numbers and flags that may be null stay whole numbers and flags.
    kinds: dict[Any, Any] = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=kinds.get)
