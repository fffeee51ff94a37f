"""Prints an analysis: the answer first, then tables, what was left out, and warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report import additivity, attribution, choice, pairs
from greenbench.report.layout import print_table
from greenbench.report.names import ShortNames
from greenbench.report.texts import listed
from greenbench.report.texts import markdown as escaped
from greenbench.report.verdicts import print_lines
from greenbench.report.warnings import ESTIMATE, NUMBER, REPEATED

if TYPE_CHECKING:
    from rich.console import Console

    from greenbench.analysis.analyse import Analysis, TaskAnalysis
    from greenbench.report.additivity import AnalysisTable

MOST_WARNINGS = 10


def show(console: Console, analysis: Analysis) -> None:
    """Print all tasks."""
    for task in analysis.tasks:
        names = _names(task)
        print_lines(console, answers(task, names))
        print_lines(console, [_design(task)] if not task.refusal else [])
        console.print()
        for table in tables(task, names):
            print_lines(console, [table.title])
            print_table(console, table.columns)
            console.print()
        print_lines(console, notes(task), bullet="- ")


def markdown(analysis: Analysis) -> str:
    """Return the same in Markdown."""
    lines: list[str] = []
    for task in analysis.tasks:
        names = _names(task)
        lines += [f"## {escaped(task.task)}", ""]
        for sentence in answers(task, names):
            lines += [escaped(sentence), ""]
        if not task.refusal:
            lines += [escaped(_design(task)), ""]
        for table in tables(task, names):
            lines += [f"**{escaped(table.title)}**", "", *_markdown_table(table), ""]
        lines += [f"- {escaped(note)}" for note in notes(task)]
        lines.append("")
    return "\n".join(lines).rstrip()


def answers(task: TaskAnalysis, names: ShortNames) -> list[str]:
    """Return what the analysis says of a task, a paragraph each."""
    if task.refusal:
        return [f"On {task.task}, nothing is analysed: {task.refusal}."]
    found = [additivity.answer(task, names), *pairs.sentences(task)]
    found += attribution.sentences(task, names)
    if task.choice is not None:
        found.append(choice.sentence(task.choice, names))
    return found


def tables(task: TaskAnalysis, names: ShortNames) -> list[AnalysisTable]:
    """Return all tables of a task."""
    if task.refusal:
        return []
    found = [*additivity.tables(task, names), *pairs.tables(task)]
    found += attribution.tables(task, names)
    return [*found, *choice.tables(task, names)]


def notes(task: TaskAnalysis) -> list[str]:
    """Return what is left out and what to beware of, at most ten lines."""
    lines = []
    for exclusion in task.left_out:
        lines.append(f"{exclusion.cell} is left out: {exclusion.reason}")
    for exclusion in task.without_parts:
        lines.append(f"{exclusion.cell} is compared with no parts: {exclusion.reason}")
    for exclusion in task.not_attributed:
        lines.append(f"{exclusion.cell}: {exclusion.reason}")
    for one in task.additivity:
        for exclusion in one.left_out:
            lines.append(f"{exclusion.cell} is left out of {one.measure}: {exclusion.reason}")
        lines += one.warnings
    lines += _doubts(task)
    lines = list(dict.fromkeys(lines))
    if len(lines) > MOST_WARNINGS:
        hidden = len(lines) - MOST_WARNINGS + 1
        lines = [*lines[: MOST_WARNINGS - 1], f"and {hidden} more, which --json has"]
    return lines


def _doubts(task: TaskAnalysis) -> list[str]:
    """Return the warnings of the cells' records; those that differ in numbers only are one."""
    names = _names(task)
    texts: dict[str, str] = {}
    cells: dict[str, list[str]] = {}
    for cell, doubts in (task.doubts or {}).items():
        for doubt in doubts:
            pattern = NUMBER.sub("#", REPEATED.sub("", doubt))
            if not ESTIMATE.match(doubt):  # the line on joules has said it
                texts.setdefault(pattern, doubt)
                cells.setdefault(pattern, []).append(names[cell])
    lines = []
    for pattern, of_cells in cells.items():
        which = listed(list(dict.fromkeys(of_cells)))
        lines.append(f"{which}: {texts[pattern]}")
    return lines


def _names(task: TaskAnalysis) -> ShortNames:
    left_out = [exclusion.cell for exclusion in task.left_out]
    return ShortNames([*task.cells, *left_out])


def _design(task: TaskAnalysis) -> str:
    blocks = f"{task.blocks} blocks of up to {len(task.cells)} cells"
    sessions = "1 session" if task.sessions == 1 else f"{task.sessions} sessions"
    if len(task.hosts) > 1:
        sessions += f" on {len(task.hosts)} hosts, whose means are compared: n is their number"
    text = f"{blocks}, {sessions}; joules: {task.source}"
    energy = task.energy
    if energy is not None and energy.correlation:
        text += f"; neighbouring rounds are correlated by {energy.correlation:.2f}"
    return text


def _markdown_table(table: AnalysisTable) -> list[str]:
    headings = [escaped(column.heading) for column in table.columns]
    sides = ["---:" if column.numbers else "---" for column in table.columns]
    lines = [f"| {' | '.join(headings)} |", f"|{'|'.join(sides)}|"]
    for row in zip(*(column.texts for column in table.columns), strict=True):
        lines.append(f"| {' | '.join(map(escaped, row))} |")
    return lines
