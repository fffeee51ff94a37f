"""What a session says of itself: the forecast before the first cell, and table, doubts and files at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenbench.experiment import matrix
from greenbench.report import energy_table as breakdown
from greenbench.report import numbers, table
from greenbench.report import paired as pairs
from greenbench.report import verdicts as gates
from greenbench.results import loading, reading
from greenbench.results.forecast import forecast
from greenbench.results.reading import CellRecord
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.results.forecast import ForecastKey
    from greenbench.types import Cell

PRIMARY = {name: task.primary for name, task in TASKS.items()}
"""Each task's metrics for the table, the first one that is known first."""
WIDTH = 132
"""Columns of the table where the output is no terminal."""


class Summary:
    """Collects the session's records, and prints them."""

    def __init__(self, results: Path, root: Path) -> None:
        """``results`` holds earlier files; paths are printed relative to ``root`` where they lie in it."""
        self._results, self._root = results, root
        self.records: list[CellRecord] = []
        self.problems: list[str] = []
        self.notes: tuple[str, ...] = ()
        """What the session's end showed."""
        self.verdicts: list[Verdict] = []
        self.earlier: list[Measured] = []
        """V0 of earlier sessions, where this one has none."""

    def forecast(self, cells: Sequence[Cell], keys: Mapping[str, ForecastKey]) -> list[str]:
        """Return the line that says what the run will cost, and one for each results file that could not be read."""
        if not cells:
            return []
        runs, problems = loading.load_folder(self._results)
        known = forecast(cells, runs, keys)
        if known is None:
            return [
                f"greenbench: {_count(cells)}; no earlier results here to estimate the time from",
                *problems,
            ]
        joules = (
            ""
            if known.joules is None
            else f", {numbers.unit(known.joules, 'J')} ({', '.join(known.sources)})"
        )
        of_them = "" if known.known == known.asked else f" for the {known.known} seen before"
        about = f"{numbers.unit(known.seconds, 's')}{joules} measured{of_them}"
        return [f"greenbench: {_count(cells)}; by earlier results about {about}", *problems]

    def show(
        self,
        terminal: Any,
        asked: Sequence[str],
        paths: Sequence[Path],
        keyword: str,
        experiment: matrix.Experiment,
    ) -> None:
        """Print the table, then spreads, doubts, hints and the files. ``asked`` names the cells that were to run."""
        if not self.records and not self.problems and not self.verdicts:
            return
        terminal.section("greenbench", sep="=")
        self._table(terminal)
        metrics = table.shown_metrics(self.records, PRIMARY)
        spreads = [line for r in self.records if (line := table.spread(r, metrics.get(r.task, "")))]
        lines = [
            *spreads,
            *pairs.lines(self.records, metrics, self._known),
            *table.failures(self.records),
            *table.doubts(self.records),
            *self.notes,
            *self._missing(asked),
            *self._hints(keyword, experiment),
            *gates.lines(self.verdicts),
        ]
        for line in [f"- {text}" for text in lines] + [f"! {text}" for text in self.problems]:
            terminal.line(line)
        for path in paths:
            terminal.line(
                f"wrote {path.relative_to(self._root) if path.is_relative_to(self._root) else path}"
            )

    def _table(self, terminal: Any) -> None:
        from rich.console import Console

        file = terminal._tw._file  # noqa: SLF001  pytest's own stream, so that order and capturing hold
        console = Console(
            file=file, width=None if file.isatty() else WIDTH, highlight=False, soft_wrap=False
        )
        if self.records:
            table.show(console, self.records, PRIMARY, self._known)
            breakdown.show(console, self.records)
        if self.verdicts:
            gates.show(console, self.verdicts)

    @property
    def _known(self) -> list[CellRecord]:
        """All records that others can be held against."""
        return [*self.records, *(m.record for m in self.earlier)]

    def _missing(self, asked: Sequence[str]) -> list[str]:
        """Name the cells that were to run and left no record: interrupted, or never started."""
        known = {r.id for r in self.records}
        lost = [name for name in asked if name not in known]
        return [f"{', '.join(lost)}: no record, interrupted or not started"] if lost else []

    def _hints(self, keyword: str, experiment: matrix.Experiment) -> list[str]:
        hint = matrix.ambiguous_keyword(keyword, [v.name for v in experiment.variants])
        hints = [hint] if hint else []
        with_variant = [r for r in self.records if r.variant]
        hints += [f"V0 of {m.record.task} is that of {m.origin}" for m in self.earlier]
        lacking = {r.task for r in with_variant} - {
            r.task for r in self._known if r.variant == reading.BASELINE
        }
        if lacking:
            hints.append(
                f"V0 of {', '.join(sorted(lacking))} is not in this session, and no comparable one in earlier results: nothing "
                'is held against it; -k "V0 or ..." adds it'
            )
        return hints


def _count(cells: Sequence[Cell]) -> str:
    rounds = sum(c.rounds for c in cells)
    return f"{len(cells)} cell{'s' * (len(cells) != 1)}, {rounds} round{'s' * (rounds != 1)}"
