"""The second table: each cell's joules by channel, net of idle, and by work done.

It is printed only if it adds to the first one. On a narrow terminal columns are left out in this
order: total, J/sample, machine and DRAM, CPU, GPU, net of idle, J/correct, CO2e.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.layout import Column, print_table
from greenbench.report.numbers import UNKNOWN, quantity
from greenbench.report.verdicts import print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.report.names import ShortNames
    from greenbench.results.carbon import CarbonIntensity
    from greenbench.results.reading import CellRecord


class Joules(NamedTuple):
    """A column: its heading, where the quantity stands in a record, and when it is dropped."""

    heading: str
    place: str
    key: str
    dropped: int


CHANNELS = (
    Joules("GPU", "energy", "gpu_j", 5),
    Joules("CPU", "energy", "cpu_j", 4),
    Joules("DRAM", "energy", "dram_j", 3),
)
TOTAL = Joules("total", "energy", "total_j", 1)
DERIVED = (
    Joules("machine", "energy", "node_j", 3),
    Joules("net of idle", "energy", "total_net_j", 6),
    Joules("J/sample", "efficiency", "j_per_sample", 2),
    Joules("J/correct", "efficiency", "j_per_correct", 7),
)
CO2E = 8


def show(
    console: Console,
    records: Sequence[CellRecord],
    names: ShortNames,
    carbon: CarbonIntensity | None = None,
) -> None:
    """Print the table, if it adds to the first one, and what grams are."""
    shown = columns(records, names, carbon)
    if not shown:
        return
    print_table(console, shown)
    if carbon is not None:
        line = f"CO2e: total times {carbon}; as measured or estimated as the total."
        print_lines(console, [line])
    console.print()


def columns(
    records: Sequence[CellRecord], names: ShortNames, carbon: CarbonIntensity | None = None
) -> list[Column]:
    """Return the columns that are known of any cell; none if they would only repeat the total.

    The joules of a single channel are the total, which the first table has. With the ``carbon``
    intensity of the electricity the grams stand beside it.
    """
    channels = _known(records, CHANNELS)
    shown = _known(records, DERIVED)
    if carbon is not None:
        shown = [*_known(records, [TOTAL]), grams(records, carbon), *shown]
        shown = [column for column in shown if not column.is_empty]
    elif len(channels) > 1:
        shown = [*_known(records, [TOTAL]), *shown]
    if len(channels) > 1:
        shown = [*channels, *shown]
    if not shown:
        return []
    cells = Column(heading="cell", texts=[names[record.id] for record in records])
    return [cells, *shown]


def grams(records: Sequence[CellRecord], carbon: CarbonIntensity) -> Column:
    """Return the column of CO2 equivalents: the total energy times the intensity."""
    texts = []
    for record in records:
        total = record.energy.get("total_j")
        texts.append(quantity(carbon.of(total) if total is not None else None, "g"))
    return Column(heading="CO2e", texts=texts, dropped=CO2E, numbers=True)


def _known(records: Sequence[CellRecord], choice: Sequence[Joules]) -> list[Column]:
    """Return a column for each of ``choice`` that is known of any cell."""
    columns = []
    for joules in choice:
        texts = [entry(record, joules) for record in records]
        column = Column(heading=joules.heading, texts=texts, dropped=joules.dropped, numbers=True)
        if not column.is_empty:
            columns.append(column)
    return columns


def entry(record: CellRecord, joules: Joules) -> str:
    """Return one entry; ``-`` if it is unknown."""
    if joules.key == "j_per_correct" and record.degenerate:
        return UNKNOWN  # one answer for everything is right most of the time
    quantities = record.energy if joules.place == "energy" else record.efficiency
    return quantity(quantities.get(joules.key), "J")
