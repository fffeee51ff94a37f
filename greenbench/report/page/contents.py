"""What a report says, in the order in which it says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from greenbench import __version__
from greenbench.report import answer, choice, numbers, table, warnings
from greenbench.report.caveats import caveats
from greenbench.report.charts.palette import PALETTE
from greenbench.report.cost import plural
from greenbench.report.counted import LEFT_OUT, leaves_out_first
from greenbench.report.findings import findings
from greenbench.report.page.circumstances import NumberedSessions
from greenbench.report.page.figures import FolderFigures, folder_figures
from greenbench.report.page.glossary import WORDS, glossary
from greenbench.report.page.hosts import COLUMNS as HOST_COLUMNS
from greenbench.report.page.hosts import host_rows
from greenbench.report.page.matrix import Matrix, matrix, settings, source_badges
from greenbench.report.page.power_sweeps import PowerSweepView, power_sweeps
from greenbench.report.page.provenance import Provenance, provenance
from greenbench.report.page.records import packed
from greenbench.report.page.rendering import rendered
from greenbench.report.page.same_rows import DiscordantRows, discordant_rows
from greenbench.report.page.searches import SearchView, searches
from greenbench.report.page.side_by_side import side_by_side
from greenbench.report.page.telling_rows import TellingRows, telling_rows
from greenbench.report.page.verdict_words import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.report.caveats import Caveat
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.report_data import ReportData

MOST_SESSIONS = 2
"""Sessions whose starts are named in a line; of more it names the first and the last."""

MOST_CAVEATS = 6
"""Warnings that stand before the matrix; further ones are folded away."""


class TaskAnswer(NamedTuple):
    """What a report says of a task."""

    sentence: str
    choice: str
    """The greenest variant that keeps the score; empty where nothing is analysed."""
    sets: str
    """What the variant sets that saves most; empty if none is shown to save."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderView:
    """One folder, file or session on the page."""

    number: int
    name: str
    answers: tuple[TaskAnswer, ...]
    basis: str
    """What all cells stand on: rounds, sessions, profile, machine, sources; empty without any."""
    sweeps: tuple[PowerSweepView, ...]
    searches: tuple[SearchView, ...]
    glossary: str
    caveats: Sequence[Caveat]
    further: tuple[str, ...]
    """All warnings of the cells."""
    matrix: Matrix
    functions: tuple[tuple[str, ...], ...]
    hosts: tuple[tuple[str, ...], ...]
    """Of a run on many machines: a row each."""
    disagreements: str
    """Which counters contradict its joules; empty if none does."""
    figures: FolderFigures
    discordant: tuple[DiscordantRows, ...]
    telling: tuple[TellingRows, ...]


def page(
    folders: Sequence[ReportData],
    *,
    allow: Collection[str] = (),
    made: datetime | None = None,
) -> str:
    """Return the HTML file about ``folders``; ``made`` is the time that it states, by default now.

    ``allow`` names differences to compare folders in spite of, as ``--green-allow`` does. Raises
    UnavailableError without the extra ``report``.
    """
    sessions = NumberedSessions(_every_cell(folders))
    views = []
    for number, folder in enumerate(folders, start=1):
        views.append(_view(number, folder))
    records, places = _records(folders, sessions)
    made = made or datetime.now(UTC)
    contents = {
        "version": __version__,
        "title": _title(folders),
        "subtitle": _subtitle(folders, sessions),
        "made": f"{made:%Y-%m-%d at %H:%M}",
        "reports": views,
        "kinds": KINDS,
        "words": WORDS,
        "host_columns": HOST_COLUMNS,
        "most_caveats": MOST_CAVEATS,
        "sides": side_by_side(folders, allow),
        "sessions": sessions.lines(),
        "has_sessions": bool(sessions.lines()) or any(folder.sweeps for folder in folders),
        "differences": sessions.differences(),
        "records": packed(records),
        "places": places,
    }
    return rendered(contents, PALETTE)


def _every_cell(folders: Sequence[ReportData]) -> Iterator[Measured]:
    for folder in folders:
        yield from folder.cells
        yield from folder.older


def _title(folders: Sequence[ReportData]) -> str:
    if len(folders) == 1:
        return f"Energy report of {folders[0].name}"
    return f"Energy report of {len(folders)} results"


def _subtitle(folders: Sequence[ReportData], sessions: NumberedSessions) -> str:
    count = sum(len(folder.cells) for folder in folders)
    starts = [session.started for session in sessions.lines()]
    when = " and ".join(starts)
    if len(starts) > MOST_SESSIONS:
        when = f"{starts[0]} to {starts[-1]}"
    parts = []
    if count:
        parts.append(f"{plural(count, 'cell')} of {plural(len(starts), 'session')}, {when}")
    kinds = {
        "power sweep": sum(len(folder.sweeps) for folder in folders),
        "search journal": sum(len(folder.searches) for folder in folders),
    }
    for kind, found in kinds.items():
        if found:
            parts.append(plural(found, kind))
    return "; ".join(parts)


def _records(
    folders: Sequence[ReportData], sessions: NumberedSessions
) -> tuple[list[Provenance], dict[tuple[int, str], int]]:
    """Return the provenance of every cell, and its place among them by folder and id."""
    records: list[Provenance] = []
    places = {}
    for number, folder in enumerate(folders, start=1):
        for cell in folder.cells:
            places[number, cell.id] = len(records)
            records.append(provenance(cell, sessions.number_of(cell)))
    return records, places


def _view(number: int, data: ReportData) -> FolderView:
    records = data.records
    ranked = warnings.ranked(records)
    further = warnings.lines(ranked, records, data.names, verbose=True)
    command = data.cells[0].header.command if data.cells else ""
    unsettled = caveats(data.comparisons, data.names, command)
    answers = []
    for comparison in data.comparisons:
        answers.append(_answer(comparison, data))
    basis = _basis(data)
    words = glossary(data.comparisons, [cell.header.profile for cell in data.cells])
    functions = tuple(_functions(data))
    figures = folder_figures(data, number)
    discordant = tuple(discordant_rows(data))
    telling = tuple(telling_rows(data))
    return FolderView(
        number=number,
        name=data.name,
        answers=tuple(answers),
        basis=basis,
        sweeps=power_sweeps(data),
        searches=searches(data),
        glossary=words,
        caveats=unsettled,
        further=tuple(further),
        matrix=matrix(data),
        functions=functions,
        hosts=tuple(host_rows(data)),
        disagreements=data.disagreements,
        figures=figures,
        discordant=discordant,
        telling=telling,
    )


def _answer(comparison: TaskComparison, data: ReportData) -> TaskAnswer:
    chosen = ""
    analysis = data.analysis(comparison.task)
    if analysis is not None and analysis.choice is not None:
        chosen = choice.sentence(analysis.choice, data.names)
    return TaskAnswer(answer.sentences(comparison, data.names), chosen, _sets(comparison, data))


def _sets(comparison: TaskComparison, data: ReportData) -> str:
    """Say what the variant sets that saves most, as the sentences have its short name alone."""
    best = next(iter(findings(comparison).keepers), "")
    for record in comparison.cells:
        knobs = settings(record)
        if record.id == best and knobs:
            return f"{data.names.variant(best)} sets {knobs}."
    return ""


def _basis(data: ReportData) -> str:
    """Say what the answers stand on; nothing without a cell."""
    if not data.cells:
        return ""
    rounds = [len(record.rounds) for record in data.records if record.rounds]
    least = min(rounds, default=0)
    most = max(rounds, default=0)
    measured = plural(most, "round")
    if least != most:
        measured = f"{least} to {measured}"
    profiles: dict[str, None] = {}
    sources: dict[str, None] = {}
    for cell in data.cells:
        profiles[cell.header.profile or "unknown"] = None
        if cell.record.sources:
            sources.update(dict.fromkeys(source_badges(cell.record)))
    machines = "; ".join(_machines(data.cells)) or "an unknown machine"
    profile = ", ".join(profiles)
    joules = ", ".join(sources) or "unknown"
    lacking = len(data.records) - len(rounds)
    if any(map(leaves_out_first, data.comparisons)):
        measured += f" a cell, of whose joules and times the first one {LEFT_OUT}"
    else:
        measured += " a cell"
    text = f"{measured}; profile {profile}; on {machines}; joules: {joules}."
    if lacking:
        text += f" {plural(lacking, 'cell')} ended before a whole round."
    return text


def _machines(cells: Sequence[Measured]) -> list[str]:
    """Name the kinds of machine that cells were measured on."""
    machines: dict[str, None] = {}
    for cell in cells:
        environment = cell.header.environment
        names = []
        cpu = environment.get("cpu") or {}
        if cpu.get("model"):
            names.append(f"{cpu['model']} with {cpu.get('usable_cores')} cores")
        for gpu in environment.get("gpus") or ():
            names.append(str(gpu.get("name")))
        if names:
            machines[" and ".join(names)] = None
    return list(machines)


def _functions(data: ReportData) -> Iterator[tuple[str, ...]]:
    """Return a line for each test that belongs to no variant."""
    for record in data.records:
        if record.variant:
            continue
        name, status = data.names[record.id], table.status(record)
        energy = numbers.plus_minus(record.joules, record.uncertainty, "J")
        seconds = numbers.unit(record.seconds, "s")
        sources = ", ".join(source_badges(record))
        yield name, energy, seconds, sources, status
