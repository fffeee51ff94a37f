"""The hosts of a run on many machines: a row each, with what variants have to V0 on it."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from greenbench.gates.expression import parse
from greenbench.gates.fleets import host_of
from greenbench.gates.hosts import block_values, session_values
from greenbench.report import numbers
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.report.report_data import ReportData

COLUMNS = ("host", "task", "blocks", "V0's energy", "energy over V0's, mean of the host's blocks")
GATE = parse("energy <= 1*V0")
MOST_VARIANTS = 8
"""That a row names; it counts the others."""


def host_rows(data: ReportData) -> list[tuple[str, ...]]:
    """Return a row for each host and task of a run on many machines; none for other results."""
    rows: list[tuple[str, ...]] = []
    for baseline in data.cells:
        if baseline.apart and is_baseline(baseline.record.variant):
            task = baseline.record.task
            variants = [c for c in data.cells if c.record.task == task and c.id != baseline.id]
            rows += _of_task(baseline, variants, data)
    return rows


def _of_task(
    baseline: Measured, variants: Sequence[Measured], data: ReportData
) -> Iterator[tuple[str, ...]]:
    ratios = {}
    of_baseline = session_values(GATE, baseline)
    for cell in variants:
        if not cell.record.failed:
            name = data.names[cell.id]
            ratios[name] = block_values(session_values(GATE, cell), of_baseline)
    by_host: dict[str, list[Measured]] = {}
    for part in baseline.apart:
        of_host = by_host.setdefault(host_of(part), [])
        of_host.append(part)
    for host, parts in sorted(by_host.items()):
        words = []
        for name, values in ratios.items():
            if host in values:
                ratio = math.exp(statistics.fmean(values[host]))
                words.append(f"{name} x {ratio:.3f}")
        text = ", ".join(words[:MOST_VARIANTS])
        more = len(words) - MOST_VARIANTS
        if more > 0:
            text += f" and {more} more"
        yield host, baseline.record.task, str(len(parts)), _energy(parts), text


def _energy(parts: Sequence[Measured]) -> str:
    """Return the mean joules of a host's blocks."""
    known = []
    for part in parts:
        joules = part.record.joules
        if joules is not None:
            known.append(joules)
    if not known:
        return numbers.UNKNOWN
    mean = statistics.fmean(known)
    return numbers.unit(mean, "J")
