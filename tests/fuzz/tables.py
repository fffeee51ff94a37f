"""Readers of a user's data: tables of functions (T2) and of pairs (T1)."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import TYPE_CHECKING

from fuzz.contract import Reader, refusals
from fuzz.mutations import Decisions, Tree, damaged, decided, mutated

from greenbench.data.layouts import choosing
from greenbench.data.splits import Wanted
from greenbench.tasks.vulnerability.load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FUNCTIONS: Tree = [
    {"func": f"int f{n}(int a) {{ return a + {n}; }}", "target": n % 2, "project": f"p{n % 5}"}
    for n in range(24)
]
PAIRS: Tree = [
    {"source": f"int f(int a) {{ return a + {n}; }}", "target": f"def f(a):\n    return a + {n}"}
    for n in range(24)
]


def as_lines(rows: Tree) -> str:
    """Write a row a line."""
    return "\n".join(map(json.dumps, rows if isinstance(rows, list) else [rows]))


def as_csv(rows: Tree) -> str:
    """Write rows as a table; what is no row becomes a row of one value."""
    file = io.StringIO()
    writer = csv.writer(file)
    rows = rows if isinstance(rows, list) else [rows]
    first = next((row for row in rows if isinstance(row, dict)), {})
    writer.writerow(first)
    for row in rows:
        writer.writerow(list(row.values()) if isinstance(row, dict) else [row])
    return file.getvalue()


FORMS = {"jsonl": as_lines, "json": json.dumps, "csv": as_csv}


def table(decisions: Decisions, rows: Tree) -> tuple[str, bytes]:
    """Return the ending and the bytes of a table with changed values or damaged text."""
    ending = decisions.one_of(sorted(FORMS))
    write = FORMS[ending]
    if decisions.below(2):
        return ending, write(mutated(decisions, rows)).encode("utf-8", "surrogatepass")
    return ending, damaged(decisions, write(rows))


@contextlib.contextmanager
def open_functions(folder: Path) -> Iterator[Callable[[tuple[str, bytes]], None]]:
    """Read and split a table of T2."""

    def read(file: tuple[str, bytes]) -> None:
        ending, raw = file
        place = folder / f"table.{ending}"
        place.write_bytes(raw)
        with refusals(str(place)):
            splits = load(place, columns={}, wanted=Wanted(seed=0))
            texts = [example.text for example in (*splits.train, *splits.valid, *splits.test)]
            assert len(set(texts)) == len(texts)
            assert all(isinstance(text, str) and text.strip() for text in texts)

    yield read


@contextlib.contextmanager
def open_pairs(folder: Path) -> Iterator[Callable[[tuple[str, bytes]], None]]:
    """Read and split a table of T1."""

    def read(file: tuple[str, bytes]) -> None:
        ending, raw = file
        place = folder / f"table.{ending}"
        place.write_bytes(raw)
        with refusals():
            (train, valid, test), _facts = choosing.load(place, {}, "java:python", 0)
            assert all(isinstance(p.source, str) and p.source for p in (*train, *valid, *test))

    yield read


FUNCTION_TABLE = Reader(
    name="table of T2",
    inputs=decided(lambda decisions: table(decisions, FUNCTIONS)),
    open=open_functions,
    dear=True,
)
PAIR_TABLE = Reader(
    name="table of T1",
    inputs=decided(lambda decisions: table(decisions, PAIRS)),
    open=open_pairs,
)
