"""The machine over a session: what else it did, how warm and how fast it was, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from greenbench.report.charts import marks
from greenbench.report.charts.drawing import Drawing, Sheet
from greenbench.report.charts.labels import Span
from greenbench.report.charts.marks import Axes, Group
from greenbench.report.cost import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.charts.figure import EntryRow, Figure
    from greenbench.report.charts.marks import Row
    from greenbench.report.report_data import ReportData
    from greenbench.results.reading import CellRecord
    from greenbench.types import Facts, Round

HEIGHT = 170
COLUMNS = ("switch", "place of the round", "series", "value", "unit")
LEAST = 2
"""Values from which on there is a course of time to draw."""
MOST_VALUES = 300
"""Values of a switch that are drawn."""
LOOKS = (
    ("variant", "circle"),
    ("baseline", "diamond"),
    ("good", "square"),
    ("architecture", "triangle-up"),
    ("inference", "cross"),
    ("other", "triangle-down"),
)
"""Colours and shapes of series; further ones are not drawn."""
CAPTION = (
    "What may have changed joules besides the variants: other programs' use of the processors, "
    "temperatures, clocks, throttling, and the rate of the reference kernels beside their median. "
    "{} of the newest session; at most the first 300 values and six series of a switch are drawn."
)


class Value(NamedTuple):
    """Something of the machine in one round."""

    place: int
    """Of the round in the session's order, from 1."""
    series: str
    value: float


class TimedRound(NamedTuple):
    """A round in the order of its session."""

    place: int
    cell: CellRecord
    round: Round


KERNELS = {"operations": "operations_per_second", "memory": "bytes_per_second"}
"""Series to the rate of the reference kernel."""
UNITS = {
    "other programs": "busy cores",
    "temperature": "degrees Celsius",
    "clock": "MHz",
    "throttling": "share of readings",
    "CPU throttling": "events in the round",
    "reference kernel": "rate / its median",
}


def figures(report: ReportData, width: int) -> list[Figure]:
    """Return the figure of the newest session; none where no round says anything."""
    timed = session_rounds(report)
    by_switch = {}
    for switch, values in _values(timed).items():
        if len(values) >= LEAST:
            by_switch[switch] = values[:MOST_VALUES]
    return [_figure(by_switch, len(timed), width)] if by_switch else []


def _figure(by_switch: Mapping[str, Sequence[Value]], count: int, width: int) -> Figure:
    sheet = Sheet("machine", "The machine over the session", width)
    rounds = plural(count, "round")
    subtitle = f"newest session, {rounds} in the order in which they ran"
    drawings = {}
    rows: list[EntryRow] = []
    for switch, values in by_switch.items():
        unit = UNITS[switch]
        drawing = _drawing(values, unit, subtitle, width)
        drawings[switch] = sheet.drawn(drawing, switch)
        for one in values:
            rows.append((switch, one.place, one.series, one.value, unit))
    return sheet.figure(CAPTION.format(rounds), drawings, COLUMNS, rows)


def session_rounds(report: ReportData) -> list[TimedRound]:
    """Return the rounds of the newest session in their order."""
    starts = [cell.header.started for cell in report.cells]
    newest = max(starts, default="")
    rounds: list[tuple[tuple[int, int], CellRecord, Round]] = []
    for number, measured in enumerate(report.cells):
        cell = measured.record
        if measured.header.started != newest:
            continue
        for one_round in cell.rounds:
            order = _order(one_round, number)
            rounds.append((order, cell, one_round))
    rounds.sort(key=lambda entry: entry[0])
    timed = []
    for place, (_, cell, one_round) in enumerate(rounds, start=1):
        timed.append(TimedRound(place, cell, one_round))
    return timed


def _order(one_round: Round, number: int) -> tuple[int, int]:
    """Return the place of a round; those of a cell follow one another where no block has them."""
    if one_round.position is None:
        return number, one_round.seed
    return one_round.position, 0


# --- what was recorded ----------------------------------------------------------------------------


def _values(timed: Sequence[TimedRound]) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = {}
    for switch in UNITS:
        found[switch] = []
    for one in timed:
        _add_cpu(found, one)
        for number, gpu in enumerate(_gpus(one.round)):
            _add_gpu(found, one.place, f"GPU {number}", gpu)
    for switch in ("throttling", "CPU throttling"):
        found[switch] = _ever(found[switch])
    found["reference kernel"] = _kernels(timed)
    return found


def _add_cpu(found: dict[str, list[Value]], one: TimedRound) -> None:
    cpu = _facts(one.round.machine, "cpu")
    temperature = _facts(cpu, "temperature_c")
    frequency = _facts(cpu, "frequency_mhz")
    others = found["other programs"]
    place = one.place
    _add(others, place, "other programs", cpu.get("others_cores"))
    _add(others, place, "other guests (stolen)", cpu.get("stolen_cores"))
    _add(found["temperature"], place, "CPU", temperature.get("end"))
    _add(found["clock"], place, "CPU", frequency.get("end"))
    _add(found["CPU throttling"], place, "CPU", cpu.get("throttle_events"))


def _add_gpu(found: dict[str, list[Value]], place: int, card: str, gpu: Facts) -> None:
    temperature = _facts(gpu, "temperature_c")
    clock = _facts(gpu, "sm_clock_mhz")
    _add(found["temperature"], place, card, temperature.get("max"))
    _add(found["clock"], place, card, clock.get("mean"))
    for reason, share in _facts(gpu, "throttle").items():
        _add(found["throttling"], place, f"{card} {reason}", share)


def _facts(record: Facts, key: str) -> Facts:
    """Return an object of a record; an empty one for anything else: records are foreign."""
    value = record.get(key)
    return value if isinstance(value, Mapping) else {}


def _gpus(one_round: Round) -> list[Facts]:
    gpus = one_round.machine.get("gpus")
    if not isinstance(gpus, (list, tuple)):
        return []
    return [gpu for gpu in gpus if isinstance(gpu, Mapping)]


def _add(values: list[Value], place: int, series: str, value: object) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, (int, float)):
        values.append(Value(place, series, float(value)))


def _ever(values: Sequence[Value]) -> list[Value]:
    """Return the series that were ever above 0."""
    present = {one.series for one in values if one.value > 0}
    return [one for one in values if one.series in present]


def _kernels(timed: Sequence[TimedRound]) -> list[Value]:
    """Return the rates of both kernels around each cell, relative to their medians."""
    found = []
    for series, rate in KERNELS.items():
        readings: list[Value] = []
        for cell, first, last in _extents(timed):
            rates = cell.kernel_rates(rate)
            places = (first, last)
            for place, value in zip(places, rates, strict=False):
                readings.append(Value(place, series, value))
        if readings:
            middle = median(one.value for one in readings)
            for one in readings:
                relative = one.value / middle
                found.append(one._replace(value=relative))
    return found


def _extents(timed: Sequence[TimedRound]) -> list[tuple[CellRecord, int, int]]:
    """Return each cell with the places of its first and last round."""
    first: dict[str, TimedRound] = {}
    last: dict[str, TimedRound] = {}
    for one in timed:
        first.setdefault(one.cell.id, one)
        last[one.cell.id] = one
    extents = []
    for name, one in first.items():
        end = last[name].place
        extents.append((one.cell, one.place, end))
    return extents


# --- what is drawn --------------------------------------------------------------------------------


def _drawing(values: Sequence[Value], unit: str, subtitle: str, width: int) -> Drawing:
    series = list(dict.fromkeys(one.series for one in values))
    groups = []
    for name, look in zip(series, LOOKS, strict=False):
        groups.append(Group(name, *look))
    shown = {group.name for group in groups}
    rows: list[Row] = []
    for one in values:
        if one.series in shown:
            rows.append({"x": one.place, "y": one.value, "group": one.series})
    places = Span.of([one.place for one in values])
    x = marks.across("round", places.scale, tickMinStep=1, format="d")
    heights = Span.of([one.value for one in values])
    y = marks.up(unit, heights.scale)
    axes = Axes(x, y, width)
    return Drawing([axes.grouped_points(rows, groups, size=34)], HEIGHT, subtitle)
