"""What power sweeps say: ``greenbench sweep-power`` in a table and bars, reports in a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.report.cost import plural
from greenbench.report.numbers import plus_minus
from greenbench.report.texts import plain
from greenbench.stats.curve import least, least_without_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.stats.curve import Point

COLUMNS = ("settings", "training", "inference", "both", "time", "vs first")
PARTS = ("training", "inference", "both")
BAR = 30
"""Characters of the longest bar."""
UNRESOLVED = (
    "the best point's interval overlaps with that of the machine as it is: "
    "more rounds (--green-rounds) would resolve it"
)
NO_ENERGY = "no energy is known for any point, so none is the best (greenbench doctor says why)"


def show(
    console: Console, points: Sequence[Point], best: Point | None, cheap: Point | None
) -> None:
    """Print a table of the points in the order they were measured, a bar chart, and ``lines``."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    for point in points:
        table.add_row(*map(plain, _row(point, points[0])))
    console.print(table)
    for line in (*chart(points), *lines(points, best, cheap)):
        console.print(plain(line), soft_wrap=True)


def _row(point: Point, first: Point) -> tuple[str, ...]:
    """Return the entries of ``COLUMNS`` for one point."""
    if not point.seconds:
        return settings_of(point), "not measured", "", "", "", ""
    joules = [_joules(point, stage) for stage in PARTS]
    share = point.time_s / first.time_s
    return settings_of(point), *joules, f"{point.time_s:.3g} s", f"{share:.0%}"


def chart(points: Sequence[Point]) -> list[str]:
    """Return two bars for each point: its energy and its time, relative to the largest of each."""
    known = [point for point in points if point.seconds and math.isfinite(point.energy_j)]
    if not known:
        return []
    width = max(len(settings_of(point)) for point in known)
    most_energy = max(point.energy_j for point in known)
    most_time = max(point.time_s for point in known)
    rows = []
    for point in known:
        rows.append(f"{settings_of(point):{width}}  energy {_bar(point.energy_j, most_energy)}")
        rows.append(f"{'':{width}}  time   {_bar(point.time_s, most_time)}")
    rows.append("")
    return rows


def _bar(value: float, largest: float) -> str:
    return "#" * max(1, round(BAR * value / largest))


def _joules(point: Point, stage: str) -> str:
    quantity = point.joules.get(stage)
    if quantity is None or quantity.value is None:
        return "-"
    return plus_minus(quantity.value, quantity.uncertainty, "J")


def settings_of(point: Point) -> str:
    """Return the settings of a point in one line."""
    settings = [f"{knob} {value:g}" for knob, value in point.settings.items()]
    return ", ".join(settings) or "as it is"


def lines(points: Sequence[Point], best: Point | None, cheap: Point | None) -> list[str]:
    """Return notes, the source of the joules, the two best points, and YAML for config.yaml.

    ``best`` has the least energy of all points, ``cheap`` the least of those at most 5 % slower
    than the first; None if no energy is known.
    """
    text = []
    for point in points:
        if point.note:
            text.append(f"- {settings_of(point)}: {point.note}")
    text.append(f"energy source: {', '.join(points[0].sources) or 'none'}")
    if best is None or cheap is None:
        text.append(NO_ENERGY)
        return text
    text.append(f"least energy: {_summary(best)}")
    text.append(f"least energy at most 5 % slower: {_summary(cheap)}")
    if _overlap(best, points[0]):
        text.append(UNRESOLVED)
    text += _yaml("least energy", best)
    text += _yaml("at most 5 % slower", cheap)
    return text


def answer(cell: str, points: Sequence[Point]) -> str:
    """Say with which setting a cell takes least, beside the machine as it is, the first point."""
    what = f"Training and inference of {cell}"
    if not points:
        return f"{what}: no point was measured."
    best = least(points)
    if best is None:
        return f"{what}: {NO_ENERGY}.{_failed(points)}"
    first = points[0]
    if best is first:
        return f"{what} take least on the machine as it is: {_taken(first)}.{_failed(points)}"
    text = f"{what} take least with {settings_of(best)}: {_taken(best)}; "
    text += f"on the machine as it is: {_taken(first)}."
    if _overlap(best, first):
        text += " They differ by less than their uncertainty: more rounds (--green-rounds) may "
        text += "tell the two apart."
    cheap = least_without_loss(points)
    if cheap is not None and cheap not in (best, first):
        text += f" At most 5 % slower: {settings_of(cheap)}, {_taken(cheap)}."
    return text + _failed(points)


def _taken(point: Point) -> str:
    if point.note or not point.seconds:
        return "not measured"
    joules = _joules(point, "both") if math.isfinite(point.energy_j) else "unknown joules"
    return f"{joules} in {point.time_s:.3g} s"


def _failed(points: Sequence[Point]) -> str:
    """Count the settings that did not hold; the first reason stands for all."""
    notes = [point.note for point in points if point.note]
    if not notes:
        return ""
    return f" {plural(len(notes), 'setting')} did not hold ({notes[0]})."


def _summary(point: Point) -> str:
    return f"{settings_of(point)}, {_taken(point)}"


def _yaml(title: str, point: Point) -> list[str]:
    """Return what to paste into config.yaml; nothing for the machine as it is."""
    if not point.settings:
        return []
    text = [f"# {title}: for config.yaml", "system:"]
    for knob, value in point.settings.items():
        text.append(f"  {knob}: {value:g}")
    return text


def _overlap(point: Point, first: Point) -> bool:
    """Whether the difference of two points is within its 95 % uncertainty."""
    if point is first or not math.isfinite(first.energy_j):
        return False
    half_width = point.joules["both"].uncertainty or 0.0
    first_half_width = first.joules["both"].uncertainty or 0.0
    return abs(first.energy_j - point.energy_j) < math.hypot(half_width, first_half_width)
