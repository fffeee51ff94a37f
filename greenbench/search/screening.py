"""Which knobs matter: each alone at the far ends of its levels, beside V0, before any are combined.

One factor at a time, in two levels (Box, Hunter and Hunter, Statistics for Experimenters 2005): a
factorial design would turn on half of the knobs in each run, and where some of them ruin the score
nothing is learnt of the others'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.search.racing import PointStanding
    from greenbench.search.space import Axis, Point, Space

NOTHING_SEEN = 1.5
"""Standard errors within which a knob's effect counts as none."""


def screening_points(space: Space) -> list[Point]:
    """Return the points that set one knob: a number's ends, and each other choice."""
    points = []
    for place, axis in enumerate(space.axes):
        if axis.late:
            continue
        for level in _levels(axis):
            point = space.with_level(space.baseline, place, level)
            if not space.impossible(point):
                points.append(point)
    return points


def _levels(axis: Axis) -> list[int]:
    count = len(axis.levels)
    levels = [0, count - 1] if axis.ordered else list(range(count))
    return [level for level in dict.fromkeys(levels) if level != axis.baseline]


def without_effect(space: Space, standings: Sequence[PointStanding], noise: float) -> list[int]:
    """Return the knobs, by their places, of which no level took less than V0.

    One round does not show the few per cent that a knob may save, and several such knobs together
    save much: so none has to be significant. A knob stays in that could not be measured alone, and
    a number that changes something at one of its ends, in units of ``noise``, the standard error of
    a ratio that was measured once: between them it may save.
    """
    alone: dict[int, list[PointStanding]] = {}
    for one in standings:
        changed = [place for place, level in enumerate(one.point) if level != space.baseline[place]]
        if len(changed) == 1:
            alone.setdefault(changed[0], []).append(one)
    silent = []
    for place, measured in alone.items():
        shown = [one for one in measured if abs(one.effect) > NOTHING_SEEN * noise]
        saving = [one for one in measured if one.effect < 0]
        complete = len(measured) >= len(_levels(space.axes[place]))
        between = space.axes[place].ordered and shown
        if complete and not saving and not between:
            silent.append(place)
    return silent
