"""What ``greenbench doctor`` shows: counters, what is missing, what grants it, what can be set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.numbers import plus_minus
from greenbench.report.texts import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from greenbench.machine.control.doctor import Capability
    from greenbench.machine.energy.doctor import Finding

COLUMNS = ("channel", "source", "updates", "windows", "idle")
"""``updates``: how often the counter changes; ``windows``: from which length on that is 5 %."""
ESTIMATE = "estimated:"
"""Beginning of the source of a channel without a counter."""
WITHOUT_COUNTERS = (
    "Without a counter, joules are estimated from CPU time: ratios between variants of one session "
    "are comparable, as ratios of CPU time; absolute joules are not."
)


def show(
    console: Console, findings: Sequence[Finding], capabilities: Sequence[Capability] = ()
) -> None:
    """Print the table of counters, the reasons and remedies, what can be set, and a conclusion."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=True)
    for finding in findings:
        table.add_row(*map(plain, table_row(finding)))
    console.print(table)
    lines = [*counter_lines(findings), *control_lines(capabilities), *conclusion(findings)]
    for line in lines:
        console.print(plain(line), soft_wrap=True)


def table_row(finding: Finding) -> tuple[str, ...]:
    """Return the entries of ``COLUMNS`` for one counter or missing channel."""
    idle = "-"
    if finding.idle_w is not None:
        idle = plus_minus(finding.idle_w, finding.idle_uncertainty_w, "W")
    updates = _duration("every", finding.update_seconds)
    windows = _duration("from", finding.shortest_window_seconds)
    return finding.channel, _source(finding), updates, windows, idle


def _source(finding: Finding) -> str:
    """Return the short name of a source; an estimate's formula is shown below the table."""
    if finding.source.startswith(ESTIMATE):
        return "estimated"
    if finding.available or finding.source == "none":
        return finding.source
    return f"{finding.source} (no reading)"


def counter_lines(findings: Sequence[Finding]) -> list[str]:
    """Return what each counter belongs to, and why channels have none, with the remedy."""
    lines = []
    for finding in findings:
        if finding.available:
            device, permission = finding.device, finding.permission
            lines.append(f"- {finding.channel}: {device}, permission: {permission}")
        if finding.reason:
            channels = _channels_with(finding.reason, findings)
            lines.append(f"- {channels}: {finding.reason}")
        if finding.source.startswith(ESTIMATE):
            lines.append(f"  instead: {finding.source}")
        if finding.remedy:
            lines.append(f"  to grant it: {finding.remedy}")
    return _without_repeats(lines)


def _channels_with(reason: str, findings: Sequence[Finding]) -> str:
    channels = [finding.channel for finding in findings if finding.reason == reason]
    return ", ".join(_without_repeats(channels))


def control_lines(capabilities: Sequence[Capability]) -> list[str]:
    """Return a line for each device setting, and each remedy once."""
    lines = []
    for capability in capabilities:
        title = f"{capability.setting} of {capability.device}"
        if capability.available:
            accepted = f" ({capability.takes})" if capability.takes else ""
            lines.append(f"- {title}: can be set by {capability.by}{accepted}")
        else:
            lines.append(f"- {title}: cannot be set: {capability.reason}")
        if capability.remedy:
            lines.append(f"  to grant it: {capability.remedy}")
    return _without_repeats(lines)


def conclusion(findings: Sequence[Finding]) -> list[str]:
    """Return what joules mean if they are estimated for want of any counter, and how to get one."""
    estimated = any(finding.source.startswith(ESTIMATE) for finding in findings)
    if not estimated or any(finding.available for finding in findings):
        return []
    if any(finding.remedy for finding in findings):
        return [WITHOUT_COUNTERS]
    from greenbench.machine.energy.rapl_absence import GRANT_RAPL

    measure = f"To measure joules, use a bare-metal machine and grant access there: {GRANT_RAPL}"
    return [WITHOUT_COUNTERS, measure]


def _without_repeats(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _duration(word: str, seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds >= 1:
        return f"{word} {seconds:.2g} s"
    return f"{word} {seconds * 1000:.3g} ms"
