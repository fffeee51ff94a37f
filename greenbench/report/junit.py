"""A cell's numbers as properties of its test, for JUnit files and the dashboards that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.results.reading import mean_joules, mean_seconds, source_label, uncertainty, void

if TYPE_CHECKING:
    from collections.abc import Mapping


def properties(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of what is known: seconds, joules with uncertainty and source, scores, status."""
    cell = dict(record)
    found = {
        "seconds": mean_seconds(cell),
        "energy_j": mean_joules(cell),
        "energy_j_uncertainty": uncertainty(cell),
        "energy_source": source_label(cell),
        "status": void(cell) or record["status"],
        **{name: metric["value"] for name, metric in record["quality"].items()},
    }
    return [
        (f"greenbench.{name}", f"{value:.6g}" if isinstance(value, float) else str(value))
        for name, value in found.items()
        if value is not None
    ]
