"""The second table: each cell's joules side by side, by channel, in all, above the idle machine's, and by work done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.numbers import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.results.reading import CellRecord

COLUMNS = (
    ("GPU", "energy", "gpu_j", "J"),
    ("CPU", "energy", "cpu_j", "J"),
    ("DRAM", "energy", "dram_j", "J"),
    ("in all", "energy", "total_j", "J"),
    ("above idle", "energy", "total_net_j", "J"),
    ("inference: a sample", "efficiency", "j_per_sample", "J"),
    ("a correct one", "efficiency", "j_per_correct", "J"),
)
"""Heading, where the quantity stands in a record, and its unit."""


NAME = 14
"""Letters of a cell's name that stand in one line at least."""


def show(console: Console, records: Sequence[CellRecord]) -> None:
    """Print one line a cell that has joules; columns that nobody knows, or that repeat the only channel, are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown = [c for c in COLUMNS if any(text(r, c) != "-" for r in records)]
    channels = [c for c in shown if c[2] in {"gpu_j", "cpu_j", "dram_j"}]
    if len(channels) == 1:
        shown = [c for c in shown if c[2] != "total_j"]
    if not shown:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", overflow="fold", min_width=NAME)
    for heading, *_ in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    for record in records:
        table.add_row(escape(record.id), *(text(record, c) for c in shown))
    console.print(table)


def text(record: CellRecord, column: tuple[str, str, str, str]) -> str:
    """Return one entry; ``-`` where it is not known."""
    _, place, name, unit = column
    if name == "j_per_correct" and record.degenerate:
        return "-"  # a model that always says the commoner thing is right most of the time
    quantities = record.energy if place == "energy" else record.efficiency
    return quantity(quantities.get(name), unit)
