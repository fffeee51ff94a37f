"""The summary that a session prints at its end.

It begins with the answer, then come the table with its caption, the verdicts of gates, what is to
be known about the session, at most ten warnings about cells, and the files. It is as wide as
pytest's own lines: as the terminal, else as ``COLUMNS`` says, else 80 columns. So a CI log, whose
viewer may be of any width, and an e-mail or an issue that quotes it show whole lines;
``COLUMNS=120`` in the job shows every column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report import (
    answer,
    caption,
    details,
    energy_table,
    hints,
    paired,
    reuse,
    table,
    verdicts,
    warnings,
)
from greenbench.report.comparison import compare
from greenbench.report.layout import print_table
from greenbench.report.names import ShortNames
from greenbench.report.texts import plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from pytest import TerminalReporter  # noqa: PT013
    from rich.console import Console

    from greenbench.experiment.matrix import Experiment
    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.report.comparison import TaskComparison
    from greenbench.results.carbon import CarbonIntensity
    from greenbench.results.reading import CellRecord


class Summary:
    """Collects the session's records, and prints them."""

    def __init__(
        self, root: Path, *, verbose: bool = False, carbon: CarbonIntensity | None = None
    ) -> None:
        """Collect nothing yet; paths in ``root`` are printed relative to it.

        ``verbose`` prints every warning, and how rounds and answers differ; with the ``carbon``
        intensity of the electricity grams stand beside joules.
        """
        self._root, self._verbose, self._carbon = root, verbose, carbon
        self.records: list[CellRecord] = []
        self.problems: list[str] = []
        """What fails the session besides tests and gates."""
        self.notes: tuple[str, ...] = ()
        """Warnings about the session."""
        self.verdicts: list[Verdict] = []
        self.reports: list[Path] = []
        """Pages that were written about the session."""
        self.earlier: list[Measured] = []
        """V0 of earlier sessions, for tasks that this one measured without V0."""
        self.sessions: Mapping[str, Sequence[Measured]] = {}
        """Where there is one, the cells of all earlier sessions by id."""

    def show(
        self,
        terminal: TerminalReporter,
        *,
        measured: Sequence[Measured],
        selected: Sequence[str],
        paths: Sequence[Path],
        keyword: str,
        experiment: Experiment,
        allow: Collection[str] = (),
    ) -> None:
        """Print answer, table, verdicts, warnings and files.

        ``measured`` are the records of the matrix's cells with their circumstances, ``selected``
        the ids of the cells that were to run, ``keyword`` the argument of ``-k``; ``allow`` names
        differences that do not keep cells from being compared.
        """
        if not self.records and not self.problems and not self.verdicts:
            return
        terminal.section("greenbench", sep="=")
        console = console_of(terminal)
        ids = [record.id for record in self.records]
        names = ShortNames([*ids, *selected])
        comparisons = compare(measured, self.earlier, allow, self.sessions)
        self._show_answer(console, comparisons, names)
        self._show_tables(console, comparisons, names)
        self._show_verdicts(console)
        notes = [*hints.missing(self.records, selected), *hints.keyword_hints(keyword, experiment)]
        notes += hints.baseline_hints(self.records, self.earlier)
        notes += hints.settling(comparisons, names, measured)
        notes += [*reuse.notes(self.records), *self.notes]
        self._show_warnings(console, comparisons, names, notes)
        verdicts.print_lines(console, self.problems, bullet="! ")
        for path in (*paths, *self.reports):
            shown = path.relative_to(self._root) if path.is_relative_to(self._root) else path
            console.print(plain(f"wrote {shown}"), soft_wrap=True)

    def _show_answer(
        self, console: Console, comparisons: Sequence[TaskComparison], names: ShortNames
    ) -> None:
        texts = [answer.sentences(comparison, names) for comparison in comparisons]
        if self.verdicts:
            texts.append(f"Gates: {verdicts.counted(self.verdicts)}.")
        verdicts.print_lines(console, texts)
        if texts:
            console.print()

    def _show_tables(
        self, console: Console, comparisons: Sequence[TaskComparison], names: ShortNames
    ) -> None:
        if not self.records:
            return
        columns = table.columns(self.records, comparisons, names)
        shown = print_table(console, columns)
        sentences = caption.lines(self.records, comparisons, columns, shown, names)
        verdicts.print_lines(console, sentences)
        console.print()
        energy_table.show(console, self.records, names, self._carbon)

    def _show_verdicts(self, console: Console) -> None:
        if self.verdicts:
            verdicts.show(console, self.verdicts)
            verdicts.print_lines(console, verdicts.lines(self.verdicts), bullet="- ")

    def _show_warnings(
        self,
        console: Console,
        comparisons: Sequence[TaskComparison],
        names: ShortNames,
        notes: Sequence[str],
    ) -> None:
        """Print all ``notes`` about the session, and the warnings about cells that rank highest."""
        texts = list(dict.fromkeys(notes))
        if self._verbose:
            texts += self._details(comparisons)
        has_caption = bool(comparisons) and not self._verbose
        every = warnings.ranked(self.records, said=has_caption)
        texts += warnings.lines(every, self.records, names, verbose=self._verbose)
        verdicts.print_lines(console, texts, bullet="- ")

    def _details(self, comparisons: Sequence[TaskComparison]) -> list[str]:
        """Return how rounds differ, who is right alone, and which outputs failed."""
        scores = {comparison.task: comparison.score for comparison in comparisons}
        texts = []
        for record in self.records:
            spread = details.spread(record, scores.get(record.task, ""))
            phases = details.phases(record)
            texts += [text for text in (spread, phases) if text is not None]
        texts += paired.lines(self.records, scores, self._known)
        return texts + details.failures(self.records)

    @property
    def _known(self) -> list[CellRecord]:
        """All records that cells can be compared with."""
        return [*self.records, *(cell.record for cell in self.earlier)]


def console_of(terminal: TerminalReporter) -> Console:
    """Return a console on pytest's own stream, of its width and colours."""
    from rich.console import Console

    writer = terminal._tw  # noqa: SLF001  so that order and capturing hold
    return Console(
        file=writer._file,  # noqa: SLF001
        width=writer.fullwidth,
        force_terminal=writer.hasmarkup,
        color_system="standard" if writer.hasmarkup else None,
        no_color=not writer.hasmarkup,
        highlight=False,
        emoji=False,
    )
