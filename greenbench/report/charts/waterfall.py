"""Combinations in joules: what the parts predict beside what was observed, and who gave what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.figure import bounds, slug
from greenbench.report.charts.labels import Span, from_zero
from greenbench.report.charts.marks import Axes, Group, row_key
from greenbench.report.cost import plural
from greenbench.report.numbers import unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.additivity import CombinedEffect
    from greenbench.analysis.analyse import TaskAnalysis
    from greenbench.analysis.attribution import Attribution, PartShare
    from greenbench.analysis.simultaneous import Bounded
    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.names import ShortNames

ROW = 26
"""Pixels of a row."""
AXIS = "J a round"
EXPECTED, OBSERVED = "expected from the parts", "observed"
POINTS = (Group(EXPECTED, "inference", "diamond"), Group(OBSERVED, "variant", "circle"))
EXPECTED_CAPTION = (
    "Joules of a round of each combination: what its parts predict, stage by stage, and what was "
    "observed. The ratio of the two, with its interval, is in the figure before. {}."
)
EXPECTED_COLUMNS = ("combination", "expected (J)", "observed (J)", "verdict")
WHOLE, SAVED, ADDED = "takes", "saves", "adds"
BARS = (Group(WHOLE, "other"), Group(SAVED, "good"), Group(ADDED, "bad"))
SHARES_CAPTION = (
    "What each part saves, averaged over all orders of turning the parts on (Shapley values), with "
    "its 95 % interval; the intervals hold for all parts at once. {}."
)
SHARES_COLUMNS = (
    "part",
    "saves (J)",
    "saves low (J)",
    "saves high (J)",
    "share of the saving",
    "share low",
    "share high",
)


def expected_figure(
    task: TaskAnalysis, combinations: Sequence[CombinedEffect], names: ShortNames, width: int
) -> Figure:
    """Draw what each combination takes beside what its parts predict."""
    title = f"{task.task}: expected beside observed"
    sheet = Sheet(slug("expected", task.task), title, width)
    drawing = _dumbbells(combinations, names, design(task), width)
    rows: list[EntryRow] = []
    for one in combinations:
        expected = one.expected[0]
        cell = names.variant(one.cell)
        rows.append((cell, expected.value, one.observed, expected.verdict))
    caption = EXPECTED_CAPTION.format(design(task))
    drawings = {"total": sheet.drawn(drawing)}
    return sheet.figure(caption, drawings, EXPECTED_COLUMNS, rows)


def design(task: TaskAnalysis) -> str:
    """Return the end of a caption: ``n = 5 blocks; joules: cpu estimated``."""
    blocks = plural(task.blocks, "block")
    if len(task.hosts) > 1:
        blocks = plural(len(task.hosts), "host")
    return f"n = {blocks}; joules: {task.source}"


def _dumbbells(
    combinations: Sequence[CombinedEffect], names: ShortNames, subtitle: str, width: int
) -> Drawing:
    points: list[Row] = []
    lines: list[Row] = []
    joules: list[float] = []
    for number, one in enumerate(combinations):
        key = row_key(number, names.variant(one.cell))
        expected = one.expected[0].value or 0.0
        observed = one.observed
        points.append({"row": key, "x": expected, "group": EXPECTED})
        points.append({"row": key, "x": observed, "group": OBSERVED})
        lines.append({"row": key, "x": expected, "end": observed})
        joules += [expected, observed]
    span = Span.of(joules)
    x = marks.across(AXIS, span.scale)
    axes = Axes(x, marks.down(width), width)
    layers = [axes.spans(lines, "grid", strokeWidth=2)]
    layers.append(axes.grouped_points(points, POINTS))
    return Drawing(layers, ROW * len(combinations), subtitle)


# --- whose saving it is ---------------------------------------------------------------------------


class _Step(NamedTuple):
    """A bar of a waterfall, from one level of joules to the next."""

    name: str
    begin: float
    end: float
    kind: str
    text: str
    whisker: tuple[float, float] | None = None


def shares_figure(
    task: TaskAnalysis, attribution: Attribution, names: ShortNames, width: int
) -> Figure:
    """Draw the way from V0's joules to a combination's, a part at a time by its Shapley value."""
    combination = names.variant(attribution.cell)
    title = f"{task.task}: whose saving is {combination}'s?"
    sheet = Sheet(slug("shares", attribution.cell), title, width)
    steps = _steps(task, attribution, names)
    drawing = _waterfall(steps, design(task), width)
    rows: list[EntryRow] = []
    for part in attribution.parts:
        name = names.variant(part.part)
        rows.append((name, *_numbers(part)))
    caption = SHARES_CAPTION.format(design(task))
    drawings = {"total": sheet.drawn(drawing)}
    return sheet.figure(caption, drawings, SHARES_COLUMNS, rows)


def _numbers(part: PartShare) -> list[float | None]:
    amount = bounds(part.amount)
    if part.share is None:
        return [*amount, None, None, None]
    share = bounds(part.share)
    return [*amount, *share]


def _steps(task: TaskAnalysis, attribution: Attribution, names: ShortNames) -> list[_Step]:
    """Return the bars from V0 to the combination; a saving begins where the one before ended."""
    level = _baseline_joules(task, attribution)
    steps = [_whole(names.variant(task.baseline), level)]
    for part in sorted(attribution.parts, key=_amount, reverse=True):
        step = _part_step(names.variant(part.part), level, part.amount)
        steps.append(step)
        level = step.end
    steps.append(_whole(names.variant(attribution.cell), level))
    return steps


def _part_step(name: str, level: float, amount: Bounded) -> _Step:
    """Return the bar of a part that saves ``amount`` of the joules that are left."""
    end = level - amount.value
    kind = SAVED if amount.value > 0 else ADDED
    text = f"{-amount.value:+.3g} J"
    low = level - amount.high
    high = level - amount.low
    return _Step(name, level, end, kind, text, (low, high))


def _amount(part: PartShare) -> float:
    return part.amount.value


def _baseline_joules(task: TaskAnalysis, attribution: Attribution) -> float:
    """Return V0's joules on the scale of the saving, by what the analysis says of combinations."""
    combinations = task.energy.combinations if task.energy is not None else ()
    for one in combinations:
        if one.cell == attribution.cell:
            return one.observed + attribution.whole.value
    return attribution.whole.value


def _whole(name: str, joules: float) -> _Step:
    return _Step(name, 0.0, joules, WHOLE, unit(joules, "J"))


def _waterfall(steps: Sequence[_Step], subtitle: str, width: int) -> Drawing:
    bars: list[Row] = []
    whiskers: list[Row] = []
    texts: list[Row] = []
    furthest = 0.0
    for number, step in enumerate(steps):
        key = row_key(number, step.name)
        right = max(step.begin, step.end)
        bar = {"row": key, "x": step.begin, "end": step.end}
        bars.append({**bar, "group": step.kind})
        if step.whisker is not None:
            low, high = step.whisker
            right = max(right, high)
            whiskers.append({"row": key, "x": low, "end": high})
        texts.append({"row": key, "x": right, "text": step.text})
        furthest = max(furthest, right)
    x = marks.across(AXIS, from_zero(1.25 * furthest))
    axes = Axes(x, marks.down(width), width)
    layers = [axes.bars(bars, BARS, height=16)]
    layers.append(axes.spans(whiskers, "ink", strokeWidth=1.5))
    layers.append(axes.texts(texts, "left", 6))
    return Drawing(layers, ROW * len(steps), subtitle)
