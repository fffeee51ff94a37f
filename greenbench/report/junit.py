"""A cell's numbers as properties of its test, for JUnit files and the dashboards that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.texts import printable
from greenbench.results.reading import source_label

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord


def properties(cell: CellRecord) -> list[tuple[str, str]]:
    """Return name and value of what is known: seconds, joules, their source, scores, status."""
    values: dict[str, float | str | None] = {
        "seconds": cell.seconds,
        "energy_j": cell.joules,
        "energy_j_uncertainty": cell.uncertainty,
        "energy_source": source_label(cell),
        "status": cell.void or cell.status,
    }
    for name, metric in cell.quality.items():
        values[name] = metric.value
    pairs = []
    for name, value in values.items():
        if value is not None:
            text = f"{value:.6g}" if isinstance(value, float) else value
            pairs.append((f"greenbench.{printable(name)}", printable(text)))
    return pairs
