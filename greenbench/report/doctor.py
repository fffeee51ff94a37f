"""What ``greenbench doctor`` shows: a line for each counter, then why something is missing and what would grant it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.numbers import plus_minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.machine.control.doctor import Ability
    from greenbench.machine.energy.doctor import Finding

COLUMNS = ("channel", "source", "updates", "windows", "idle")
"""``updates``: how often the counter moves; ``windows``: from which length on that is at most 5 %."""


def show(console: Console, findings: Sequence[Finding], abilities: Sequence[Ability] = ()) -> None:
    """Print the table, then a line for each reason and remedy, then what can be set."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=True)
    for finding in findings:
        table.add_row(*row(finding))
    console.print(table)
    for line in (*advice(findings), *settable(abilities)):
        console.print(line, soft_wrap=True, markup=False)


def row(found: Finding) -> tuple[str, ...]:
    """Return the entries of one line."""
    return (
        found.channel,
        _source(found),
        _time("every", found.update_seconds),
        _time("from", found.shortest_window_seconds),
        "-" if found.idle_w is None else plus_minus(found.idle_w, found.idle_uncertainty_w, "W"),
    )


def _source(found: Finding) -> str:
    """Say how the channel is known; an estimate's formula stands below the table."""
    if found.source.startswith("estimated:"):
        return "estimated"
    return (
        found.source
        if found.available or found.source == "none"
        else f"{found.source} (no reading)"
    )


def advice(findings: Sequence[Finding]) -> list[str]:
    """Return why channels are missing, each reason once, with the command that would help where there is one."""
    lines: dict[str, None] = {}
    for found in findings:
        if found.available:
            lines[f"- {found.channel}: {found.device}, may be {found.permission}"] = None
        if found.reason:
            channels = ", ".join(
                dict.fromkeys(f.channel for f in findings if f.reason == found.reason)
            )
            lines[f"- {channels}: {found.reason}"] = None
        if found.source.startswith("estimated:"):
            lines[f"  instead: {found.source}"] = None
        if found.remedy:
            lines[f"  to grant it: {found.remedy}"] = None
    return list(lines)


def settable(abilities: Sequence[Ability]) -> list[str]:
    """Return a line for each setting, each remedy once."""
    lines: dict[str, None] = {}
    for one in abilities:
        takes = f" ({one.takes})" if one.takes else ""
        said = f"may be set by {one.by}{takes}" if one.available else f"cannot be set: {one.reason}"
        lines[f"- {one.setting} of {one.device}: {said}"] = None
        if one.remedy:
            lines[f"  to grant it: {one.remedy}"] = None
    return list(lines)


def _time(word: str, seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{word} {seconds:.2g} s" if seconds >= 1 else f"{word} {seconds * 1000:.3g} ms"
