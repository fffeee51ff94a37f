"""Verdicts of gates: tables for the terminal, the same in Markdown, and the sentences below.

On a narrow terminal the reference's value is left out first, then the cell's own; the cell, the
change with its interval, and the verdict always stay.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenbench.gates.interleaved import WITHOUT_FIRST
from greenbench.report.layout import Column, print_table
from greenbench.report.names import without_files
from greenbench.report.numbers import UNKNOWN, unit
from greenbench.report.texts import markdown as escaped
from greenbench.report.texts import plain, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from greenbench.gates.verdict import Verdict

COLUMNS = ("cell", "here", "there", "change (95 %)", "verdict")
COUNTED = ("FLOP", "B")
MOST_ROWS = 200
"""Cells that a terminal's table lists of a gate, the worst ones if there are more."""
OTHER_ROUNDS = (
    "the machine was still warming up in the first block, which is left out of them; means are of "
    "all blocks"
)
STYLES = {"PASS": "green", "INCONCLUSIVE": "yellow"}


def show(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print a table for each gate, with a line a verdict."""
    for gate in dict.fromkeys(verdict.gate for verdict in verdicts):
        of_gate = [verdict for verdict in verdicts if verdict.gate == gate]
        shown = of_gate
        if len(of_gate) > MOST_ROWS:
            shown = sorted(of_gate, key=_severity)[:MOST_ROWS]
        console.print(plain(gate, style="bold"), soft_wrap=True)
        print_table(console, columns(shown))
        if len(of_gate) > MOST_ROWS:
            console.print(f"and {len(of_gate) - MOST_ROWS} more with better verdicts")
        console.print()


def columns(verdicts: Sequence[Verdict]) -> list[Column]:
    """Return the columns of one gate's table, all entries written."""
    cells, here, there, changes, words = zip(*map(row, verdicts), strict=True)
    styles = [STYLES.get(verdict.outcome, "red") for verdict in verdicts]
    short = without_files(cells)
    names = [short.get(cell, cell) for cell in cells]
    return [
        Column(heading=COLUMNS[0], texts=names),
        Column(heading=COLUMNS[1], texts=here, dropped=2, numbers=True),
        Column(heading=COLUMNS[2], texts=there, dropped=1, numbers=True),
        Column(heading=COLUMNS[3], texts=changes, numbers=True),
        Column(heading=COLUMNS[4], texts=words, styles=styles),
    ]


def _severity(verdict: Verdict) -> int:
    """Return 0 for what fails, 1 for what is inconclusive, 2 for what passes."""
    return {"PASS": 2, "INCONCLUSIVE": 1}.get(verdict.outcome, 0)


def print_comparison(console: Console, verdicts: Sequence[Verdict], title: str) -> None:
    """Print a title, the counts, the tables, and the sentences below them."""
    print_lines(console, [title, counted(verdicts)])
    console.print()
    show(console, verdicts)
    sentences = lines(verdicts)
    if any(WITHOUT_FIRST in verdict.how for verdict in verdicts):
        sentences.insert(0, f"changes: {OTHER_ROUNDS}")
    print_lines(console, sentences[:MOST_ROWS], bullet="- ")
    if len(sentences) > MOST_ROWS:
        more = len(sentences) - MOST_ROWS
        print_lines(console, [f"and {more} more of such sentences: --json has all"], bullet="- ")


def print_lines(console: Console, texts: Iterable[str], bullet: str = "") -> None:
    """Print texts wrapped to the console's width, without markup."""
    for text in texts:
        for line in wrapped(text, console.width, bullet):
            console.print(plain(line), soft_wrap=True)


def row(verdict: Verdict) -> tuple[str, str, str, str, str]:
    """Return cell, value here, value there, change and verdict as text."""
    here, there = _number(verdict.here, verdict.unit), _number(verdict.there, verdict.unit)
    return verdict.cell, here, there, _change(verdict), verdict.word


def _number(value: float | None, name: str) -> str:
    if value is None:
        return UNKNOWN
    if name in COUNTED:
        return f"{value:.4g} {name}"
    return unit(value, name) if name else f"{value:.3f}"


def _change(verdict: Verdict) -> str:
    if verdict.change is None:
        return UNKNOWN
    if verdict.form == "ratio":
        return _interval(verdict, "x {:.3f}")
    if verdict.form == "difference":
        return _interval(verdict, "{:+.3g}")
    return UNKNOWN if verdict.low is None else _interval(verdict, "{:.4g}")


def _interval(verdict: Verdict, form: str) -> str:
    text = form.format(verdict.change)
    if verdict.low is None or verdict.high is None or verdict.low == verdict.high:
        return text
    low = form.format(verdict.low).removeprefix("x ")
    high = form.format(verdict.high).removeprefix("x ")
    return f"{text} ({low} to {high})"


def lines(verdicts: Iterable[Verdict]) -> list[str]:
    """Return a sentence for each verdict that needs one, cells of the same reason together.

    It says why a cell is not judged or inconclusive, or which earlier cell it is compared with.
    """
    cells: dict[tuple[str, str, str], list[str]] = {}
    for verdict in verdicts:
        reason = _reason(verdict)
        if reason:
            key = (verdict.word, verdict.gate, reason)
            cells.setdefault(key, []).append(verdict.cell)
    sentences = []
    for (word, gate, reason), ids in cells.items():
        sentences.append(f"{word}: {gate}: {', '.join(ids)}: {reason}")
    return sentences


def _reason(verdict: Verdict) -> str:
    parts = []
    if verdict.reason:
        parts.append(" ".join(verdict.reason.split()))
    own_name = f"{verdict.cell} of "
    if " of " in verdict.reference and not verdict.reference.startswith(own_name):
        parts.append(f"compared with {verdict.reference}")
    if verdict.between_hosts is not None:
        is_ratio = verdict.form == "ratio"
        spread = (
            f"{100 * verdict.between_hosts:.2g} %" if is_ratio else f"{verdict.between_hosts:.3g}"
        )
        parts.append(f"hosts differ in it by {spread} (standard deviation, {verdict.how})")
    return "; ".join(parts)


def markdown(verdicts: Sequence[Verdict], title: str) -> str:
    """Return the verdicts as a Markdown section, with a line that counts them."""
    texts = [
        f"## {escaped(title)}",
        "",
        counted(verdicts),
        "",
        f"| gate | {' | '.join(COLUMNS)} |",
        "|---|---|---:|---:|---:|---|",
    ]
    for verdict in verdicts:
        entries = map(escaped, (verdict.gate, *row(verdict)))
        texts.append(f"| {' | '.join(entries)} |")
    sentences = lines(verdicts)
    if sentences:
        texts.append("")
    for sentence in sentences:
        texts.append(f"- {escaped(sentence)}")
    return "\n".join(texts)


def counted(verdicts: Iterable[Verdict]) -> str:
    """Return the numbers of verdicts by word, ``3 PASS, 1 FAIL``."""
    counts = Counter(verdict.word for verdict in verdicts)
    texts = [f"{count} {word}" for word, count in counts.items()]
    return ", ".join(texts) or "no verdict"
