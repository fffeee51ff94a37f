"""What ``greenbench sweep-power`` shows: a line and a bar for each point, the two best ones, and what to paste."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.report.numbers import plus_minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.stats.curve import Point

BAR = 30
"""Characters of the longest bar."""


def show(
    console: Console, points: Sequence[Point], best: Point | None, cheap: Point | None
) -> None:
    """Print the points in the order they were measured, and what follows from them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("settings", "training", "inference", "both", "time", "of first"):
        table.add_column(column, no_wrap=True)
    for point in points:
        table.add_row(*_row(point, points[0]))
    console.print(table)
    for line in (*chart(points), *lines(points, best, cheap)):
        console.print(line, soft_wrap=True, markup=False)


def _row(point: Point, first: Point) -> tuple[str, ...]:
    if not point.seconds:
        return named(point), "not measured", "", "", "", ""
    joules = [_joules(point, part) for part in ("training", "inference", "both")]
    return named(point), *joules, f"{point.time_s:.3g} s", f"{point.time_s / first.time_s:.0%}"


def chart(points: Sequence[Point]) -> list[str]:
    """Return the curve: for each point two bars, of its energy and of its time against the largest."""
    known = [p for p in points if p.seconds and math.isfinite(p.energy_j)]
    wide = max((len(named(p)) for p in known), default=0)
    top = max((p.energy_j for p in known), default=1.0), max((p.time_s for p in known), default=1.0)
    return [
        f"{named(p) if what == 'energy' else '':{wide}}  {what:6} {'#' * max(1, round(BAR * value / most))}"
        for p in known
        for what, value, most in (("energy", p.energy_j, top[0]), ("time", p.time_s, top[1]))
    ] + [""] * bool(known)


def _joules(point: Point, part: str) -> str:
    quantity = point.joules.get(part)
    return (
        "-"
        if quantity is None or quantity.value is None
        else plus_minus(quantity.value, quantity.uncertainty, "J")
    )


def named(point: Point) -> str:
    """Say what was set."""
    return ", ".join(f"{knob} {value:g}" for knob, value in point.settings.items()) or "as it is"


def lines(points: Sequence[Point], best: Point | None, cheap: Point | None) -> list[str]:
    """Return the two best points with what to paste, and what a reader should know."""
    found = [f"- {named(p)}: {p.note}" for p in points if p.note]
    found += [f"energy source: {', '.join(points[0].sources) or 'none'}"]
    if best is None or cheap is None:
        return [
            *found,
            "no energy is known for any point, so none is the best (greenbench doctor says why)",
        ]
    found.append(f"least energy: {named(best)}, {_joules(best, 'both')} in {best.time_s:.3g} s")
    found.append(
        f"least energy at most 5 % slower: {named(cheap)}, {_joules(cheap, 'both')} in {cheap.time_s:.3g} s"
    )
    if _overlap(best, points[0]):
        found.append(
            "the best point's interval overlaps with that of the machine as it is: more rounds (--green-rounds) would tell"
        )
    for text, point in (("least energy", best), ("at most 5 % slower", cheap)):
        if point.settings:
            found += [
                f"# {text}: for config.yaml",
                "system:",
                *(f"  {knob}: {value:g}" for knob, value in point.settings.items()),
            ]
    return found


def _overlap(one: Point, first: Point) -> bool:
    """Whether two points cannot be told apart, what they have in common set aside or not."""
    if one is first:
        return False
    halves = [p.joules["both"].uncertainty or 0.0 for p in (one, first)]
    return abs(first.energy_j - one.energy_j) < math.hypot(*halves)
