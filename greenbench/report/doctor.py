"""What ``greenbench doctor`` shows: a line for each counter, then why something is missing and what would grant it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.numbers import plus_minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.energy.examination import Finding

COLUMNS = ("channel", "device", "measured", "source", "moves every", "shortest window", "idle", "permission")
WORDS = ("device", "source", "permission")
"""Columns that may be folded on a narrow terminal."""


def show(console: Console, findings: Sequence[Finding]) -> None:
    """Print the table, then a line for each reason and remedy."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column not in WORDS)
    for finding in findings:
        table.add_row(*row(finding))
    console.print(table)
    for line in advice(findings):
        console.print(line, soft_wrap=True, markup=False)


def row(found: Finding) -> tuple[str, ...]:
    """Return the entries of one line."""
    return (
        found.channel,
        found.device,
        "yes" if found.available else "no",
        found.source.partition(":")[0] if found.source.startswith("estimated:") else found.source,
        _milliseconds(found.update_seconds),
        _milliseconds(found.shortest_window_seconds),
        "-" if found.idle_w is None else plus_minus(found.idle_w, found.idle_uncertainty_w, "W"),
        found.permission or "-",
    )


def advice(findings: Sequence[Finding]) -> list[str]:
    """Return why channels are missing, each reason once, with the command that would help where there is one."""
    lines: dict[str, None] = {}
    for found in findings:
        if found.reason:
            channels = ", ".join(dict.fromkeys(f.channel for f in findings if f.reason == found.reason))
            lines[f"- {channels}: {found.reason}"] = None
        if found.source.startswith("estimated:"):
            lines[f"  instead: {found.source}"] = None
        if found.remedy:
            lines[f"  to grant it: {found.remedy}"] = None
    return list(lines)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3g} ms"
