"""Files of power sweeps: what a cell took with each setting of the devices.

A file holds the points that are measured so far, and is valid JSON at any moment. It is no results
file: what a cell took under a power limit is no measurement of its variant.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.results import parsing
from greenbench.results.fields import Fields
from greenbench.results.files import STAMP, write_atomically
from greenbench.results.json_files import read_json
from greenbench.results.record import builtin
from greenbench.stats.curve import Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from greenbench.results.record import Json
    from greenbench.types import Facts

SCHEMA = 1
SWEEP_FILES = "sweep_*Z.json"
"""Of the names of these files: ``sweep_T2-V0_baseline_20261130T120000Z.json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRecord:
    """A power sweep of a cell."""

    cell: str
    task: str
    started: str
    """In ISO 8601."""
    rounds: int
    """Rounds of each point."""
    points: tuple[Point, ...]
    """The machine as it is, then each knob by itself."""
    profile: str = ""
    environment: Facts = field(default_factory=dict)
    """The machine and its software, as in a results file."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the joules come from, over all points."""
        return tuple(dict.fromkeys(source for point in self.points for source in point.sources))


class SweepFile:
    """The file of a sweep that runs."""

    def __init__(self, folder: Path, moment: datetime, about: Json) -> None:
        """Take a name that is free; ``about`` is the cell, its task and rounds, and the machine."""
        while True:
            self.path = folder / f"sweep_{about['cell']}_{moment.strftime(STAMP)}.json"
            if not self.path.exists():
                break
            moment += timedelta(seconds=1)
        self._contents: Json = {"sweep_schema": SCHEMA, **about, "points": []}

    def append(self, point: Point) -> None:
        """Add a point and write the file as a whole; raises OSError."""
        self._contents["points"].append(builtin(point))
        write_atomically(self.path, json.dumps(self._contents, indent=1, allow_nan=False))


def load_sweeps(folder: Path) -> tuple[SweepRecord, ...]:
    """Return the sweeps in ``folder``, the newest of each cell, by cell.

    Raises Disagreements, which names every file that is none, is damaged, or is newer than this
    greenbench.
    """
    newest: dict[str, SweepRecord] = {}
    problems = []
    for path in sorted(folder.glob(SWEEP_FILES)):
        try:
            sweep = load_sweep(path)
        except UsageError as error:
            problems.append(str(error))
            continue
        known = newest.get(sweep.cell)
        if known is None or known.started <= sweep.started:
            newest[sweep.cell] = sweep
    if problems:
        raise Disagreements(problems)
    return tuple(newest[cell] for cell in sorted(newest))


def load_sweep(path: Path) -> SweepRecord:
    """Read the file of a sweep; raises UsageError, which names it, for what is none."""
    try:
        data = read_json(path)
    except ValueError as error:
        raise UsageError(f"{path}: no file of a sweep ({error}); delete it") from error
    fields = Fields(data, str(path))
    schema = fields.integer("sweep_schema")
    if not 1 <= schema <= SCHEMA:
        fields.refuse(f"sweep_schema {schema}", f"one from 1 to {SCHEMA}: update greenbench")
    return SweepRecord(
        cell=fields.text("cell"),
        task=fields.text("task"),
        started=fields.text("started"),
        rounds=fields.integer("rounds"),
        points=fields.each("points", _point),
        profile=fields.text("profile", ""),
        environment=fields.mapping("environment"),
    )


def _point(fields: Fields) -> Point:
    return Point(
        settings=_numbers(fields.fields("settings")),
        seconds=_numbers(fields.fields("seconds")),
        joules=parsing.quantities(fields.fields("joules")),
        sources=fields.texts("sources"),
        note=fields.text("note", ""),
    )


def _numbers(fields: Fields) -> dict[str, float]:
    """Return an object of numbers; a null among them is left out."""
    found = {}
    for key in fields.whole():
        number = fields.number(key)
        if number is not None:
            found[key] = number
    return found


def measured_points(points: Iterable[Point]) -> Sequence[Point]:
    """Return the points whose settings held, and whose time is known."""
    return [point for point in points if not point.note and point.seconds]
