"""The journal of a search: a file to which each measured block is added, and from which it goes on.

A line is a JSON object, written and flushed to the disk before the next block begins. So a search
that was killed at any moment loses the block that it was measuring, and nothing else: a line that
was being written has no end yet, and is taken away.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.search.readings import BlockPlan, PointReading, SearchBlock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any, BinaryIO, Self, TypeAlias

    from greenbench.search.space import Point, Space

    Line: TypeAlias = Mapping[str, Any]
    """What a line says, as plain builtins."""

FORMAT = 2
"""Of the file. 2: blocks state their conditions."""


class SearchJournal:
    """An open journal, locked against a second search; a context that closes it."""

    def __init__(self, path: Path, about: Line, space: Space) -> None:
        """Open or begin the file.

        ``about`` is what the search is about. Raises UsageError if the file is of another search,
        damaged, or open in another process.
        """
        self.path = path
        self._space = space
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            self._lock()
            lines = self._whole_lines()
            if not lines:
                self._append({"format": FORMAT, "about": about})
            else:
                self._check(lines[0], about)
            self.blocks = [self._block(number, line) for number, line in enumerate(lines[1:])]
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def add(self, block: SearchBlock) -> None:
        """Add a measured block, and wait until it is on the disk.

        Raises UsageError if it was measured on another machine, or of other data or another model,
        than those before it.
        """
        self._check_conditions(block)
        self._append(_line(block, self._space))
        self.blocks.append(block)

    def _check_conditions(self, block: SearchBlock) -> None:
        """Compare a block with the latest one that scored the same rows."""
        alike = [one for one in self.blocks if one.plan.confirms == block.plan.confirms]
        if not alike:
            return
        before = alike[-1].conditions
        for name, now in block.conditions.items():
            if before.get(name, now) != now:
                raise UsageError(
                    f"{self.path}: its blocks were measured with {name} {before[name]}, and this "
                    f"one with {now}; restore that and repeat the command, or give another file "
                    "with --journal"
                )

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{self.path}: another search writes this journal; wait for it, or give another "
                "one with --journal"
            ) from error

    def _whole_lines(self) -> list[Line]:
        """Return the lines, and take away what a killed search had not ended."""
        self._file.seek(0)
        content = self._file.read()
        end = content.rfind(b"\n") + 1
        if end < len(content):
            self._file.truncate(end)
        lines: list[Line] = []
        for number, text in enumerate(content[:end].splitlines(), start=1):
            try:
                line = json.loads(text)
            except ValueError as error:
                raise UsageError(
                    f"{self.path}:{number} is no line of a search's journal ({error}); give "
                    "another file with --journal"
                ) from error
            lines.append(line)
        return lines

    def _append(self, line: Line) -> None:
        _write(self._file, line)

    def _check(self, first: Line, about: Line) -> None:
        """Raise UsageError unless the journal is of this search."""
        remedy = "repeat the command as it was, or give another file with --journal"
        if not isinstance(first, dict) or first.get("format") != FORMAT:
            raise UsageError(f"{self.path} is no journal of a search of this version; {remedy}")
        earlier = first.get("about", {})
        now = json.loads(json.dumps(about))
        for name in {**earlier, **now}:
            if earlier.get(name) != now.get(name):
                raise UsageError(
                    f"{self.path} is of a search with another {name}: {earlier.get(name)}, and not "
                    f"{now.get(name)}; {remedy}"
                )

    def _block(self, number: int, line: Line) -> SearchBlock:
        try:
            return block_of(line)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{self.path}:{number + 2} is no measured block ({error!r}); give another file "
                "with --journal"
            ) from error


def _write(file: BinaryIO, line: Line) -> None:
    text = json.dumps(line, allow_nan=False, separators=(",", ":"))
    file.write(text.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _line(block: SearchBlock, space: Space) -> Line:
    """Return a block as plain builtins; settings are there for people, levels for the reader."""
    readings = []
    for point, reading in block.readings.items():
        described = {"levels": point, "settings": space.text(point), **asdict(reading)}
        readings.append(described)
    return {
        "phase": block.plan.phase,
        "number": block.plan.number,
        "baseline": asdict(block.baseline),
        "readings": readings,
        "joules": block.joules,
        "seconds": block.seconds,
        "source": block.source,
        "conditions": dict(block.conditions),
    }


def block_of(line: Line) -> SearchBlock:
    """Return the block of a line; raises KeyError, TypeError or ValueError if it is of none."""
    readings: dict[Point, PointReading] = {}
    for described in line["readings"]:
        rest = dict(described)
        rest.pop("settings")
        levels = tuple(int(level) for level in rest.pop("levels"))
        readings[levels] = PointReading(**rest)
    plan = BlockPlan(number=line["number"], phase=line["phase"], points=tuple(readings))
    return SearchBlock(
        plan=plan,
        baseline=PointReading(**line["baseline"]),
        readings=readings,
        joules=line["joules"],
        seconds=line["seconds"],
        source=line["source"],
        conditions=line["conditions"],
    )
