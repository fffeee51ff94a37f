"""The rows of a split in any form that a suite gives: how many they are, and their checksums.

A split is a sequence of rows (a list, an array, a data frame, a data set), or columns of equal
length: a tuple like ``(X, y)``, or a dictionary.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from greenbench.protocols import Opaque

Split: TypeAlias = "Opaque"
"""Rows, in a form of the suite's own."""
PLAIN = (str, bytes, int, float, complex, type(None))


class ArrayLike(Protocol):
    """An array of NumPy, or one that gives its contents as it does."""

    dtype: object
    shape: tuple[int, ...]

    def tobytes(self) -> bytes:
        """Return the contents in row-major order."""


class UnpicklableError(Exception):
    """A value whose contents nothing tells."""


class Digest(Protocol):
    """A checksum in the making."""

    def update(self, data: bytes, /) -> None:
        """Add ``data``."""

    def digest(self) -> bytes:
        """Return the checksum."""
        ...

    def hexdigest(self) -> str:
        """Return the checksum in hexadecimal digits."""
        ...


def columns_of(split: Split) -> Sequence[Split] | None:
    """Return the columns of a split; None if it is a sequence of rows."""
    if isinstance(split, Mapping):
        return list(split.values())
    if isinstance(split, tuple):
        return split
    return None


def row_count(split: Split, what: str) -> int:
    """Return the number of rows; raises UsageError, which calls the split ``what``."""
    columns = columns_of(split)
    if columns is None:
        return _length(split, what)
    if not columns:
        raise UsageError(f"{what} has no columns; give rows, or columns like (X, y)")
    counts = [_length(column, what) for column in columns]
    if len(set(counts)) > 1:
        lengths = ", ".join(map(str, counts))
        raise UsageError(f"{what} has columns of {lengths} rows; they must have the same number")
    return counts[0]


def _length(rows: Split, what: str) -> int:
    shape = getattr(rows, "shape", None)
    if shape:
        return int(shape[0])
    try:
        return len(rows)
    except TypeError as error:
        kind = type(rows).__name__
        raise UsageError(
            f"{what} is of type {kind}, whose rows cannot be counted; give a list, an array, a "
            "data frame, or a tuple of columns like (X, y)"
        ) from error


def row_digests(split: Split, what: str) -> list[bytes]:
    """Return a checksum of each row, equal for equal contents.

    Raises UsageError, which calls the split ``what``, for rows that have none.
    """
    digests = []
    for row in rows_of(split):
        digests.append(_digest(row, what).digest())
    return digests


def checksum(rows: Iterable[bytes]) -> str:
    """Return the SHA-256 of the checksums of rows, in their order."""
    return hashlib.sha256(b"".join(rows)).hexdigest()


def contents_sha256(values: object, what: str) -> str:
    """Return the SHA-256 of any value's contents; raises UsageError, which calls them ``what``."""
    return _digest(values, what).hexdigest()


def _digest(values: object, what: str) -> Digest:
    digest = hashlib.sha256()
    try:
        _feed(digest, values)
    except UnpicklableError as error:
        raise UsageError(
            f"{what} cannot be compared: {error}; give numbers, texts, arrays, or lists of them"
        ) from error
    return digest


def rows_of(split: Split) -> Iterator[object]:
    """Yield each row of a split in any form; of columns, what they have in it."""
    columns = columns_of(split)
    if columns is not None:
        return zip(*map(rows_of, columns), strict=True)
    if hasattr(split, "itertuples"):  # a data frame, which iterates over its columns' names
        return iter(split.itertuples(index=False, name=None))
    if hasattr(split, "tocsr"):  # a sparse matrix
        return _sparse_rows(split.tocsr())
    if hasattr(split, "__iter__"):
        return iter(split)
    return (split[number] for number in range(len(split)))


def _sparse_rows(matrix: Split) -> Iterator[object]:
    for number in range(matrix.shape[0]):
        row = matrix[number]
        yield row.toarray()


def _feed(digest: Digest, value: object) -> None:
    """Add the contents of ``value``: of numbers, texts, arrays, and of what holds them."""
    if isinstance(value, PLAIN):
        digest.update(repr(value).encode("utf-8", "surrogatepass"))
    elif hasattr(value, "tobytes") and hasattr(value, "dtype"):
        array = cast("ArrayLike", value)
        _feed_array(digest, array)
    elif isinstance(value, Mapping):
        digest.update(b"{")
        for key, inner in value.items():
            _feed(digest, key)
            _feed(digest, inner)
    elif isinstance(value, list | tuple):
        digest.update(b"[")
        for inner in value:
            _feed(digest, inner)
    elif hasattr(value, "detach"):  # a tensor of torch
        tensor: Opaque = value
        _feed(digest, tensor.detach().cpu().numpy())
    else:
        digest.update(_pickled(value))
    digest.update(b"\0")


def _pickled(value: object) -> bytes:
    try:
        return pickle.dumps(value)
    except Exception as error:  # whatever its class raises
        kind = type(value).__name__
        raise UnpicklableError(f"a {kind} among them cannot be pickled ({error})") from error


def _feed_array(digest: Digest, array: ArrayLike) -> None:
    if array.dtype == object:
        listed: Opaque = array
        _feed(digest, listed.tolist())
        return
    form = f"{array.dtype} {array.shape}"
    digest.update(form.encode())
    digest.update(array.tobytes())
