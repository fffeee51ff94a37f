"""Verdicts as people read them: a table for the terminal, the same in Markdown, and the sentences below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.numbers import unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

    from greenbench.gates.verdict import Verdict

COLUMNS = ("cell", "here", "there", "change (95 %)", "verdict")
NUMBERS = COLUMNS[1:4]
COUNTED = ("FLOP", "B")
MOST_ROWS = 200
"""Cells that a terminal's table lists of a gate, the worst ones where there are more."""


def show(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Print one line a verdict, below its gate."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in COLUMNS:
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            no_wrap=name in NUMBERS,
            overflow="fold",
        )
    for gate in dict.fromkeys(v.gate for v in verdicts):
        of_it = [v for v in verdicts if v.gate == gate]
        table.add_row(f"[bold]{escape(gate)}[/]")
        for verdict in (
            of_it if len(of_it) <= MOST_ROWS else sorted(of_it, key=_by_weight)[:MOST_ROWS]
        ):
            table.add_row(*map(escape, row(verdict)))
        if len(of_it) > MOST_ROWS:
            table.add_row(f"and {len(of_it) - MOST_ROWS} more, better ones")
    console.print(table)


def _by_weight(one: Verdict) -> int:
    """Return 0 for what fails, 1 for what is open, 2 for what passes."""
    return {"PASS": 2, "INCONCLUSIVE": 1}.get(one.outcome, 0)


def tell(console: Console, verdicts: Sequence[Verdict], title: str) -> None:
    """Print a titled table, the sentences below it, and the counts."""
    console.print(title, soft_wrap=True, markup=False)
    show(console, verdicts)
    said = lines(verdicts)
    for line in said[:MOST_ROWS]:
        console.print(f"- {line}", soft_wrap=True, markup=False)
    if len(said) > MOST_ROWS:
        console.print(f"- and {len(said) - MOST_ROWS} more such sentences, which --json has")
    console.print(counted(verdicts))


def row(one: Verdict) -> tuple[str, ...]:
    """Return a verdict's cells as text."""
    return (
        one.cell,
        _number(one.here, one.unit),
        _number(one.there, one.unit),
        _change(one),
        one.word,
    )


def _number(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    if name in COUNTED:
        return f"{value:.4g} {name}"
    return unit(value, name) if name else f"{value:.3f}"


def _change(one: Verdict) -> str:
    if one.change is None or one.form == "number":
        return _interval(one, "{:.4g}") if one.form == "number" and one.low is not None else "-"
    return _interval(one, "x {:.3f}" if one.form == "ratio" else "{:+.3g}")


def _interval(one: Verdict, form: str) -> str:
    told = form.format(one.change)
    if one.low is None or one.high is None or one.low == one.high:
        return told
    return f"{told} ({form.format(one.low).removeprefix('x ')} to {form.format(one.high).removeprefix('x ')})"


def lines(verdicts: Iterable[Verdict]) -> list[str]:
    """Return a sentence for each verdict that needs one: why it is not judged, or not settled, or what it was held against."""
    told: dict[str, list[str]] = {}
    for one in verdicts:
        elsewhere = " of " in one.reference and not one.reference.startswith(f"{one.cell} of ")
        beside = f"held against {one.reference}" if elsewhere else ""
        if said := "; ".join(filter(None, (" ".join(one.reason.split()), beside))):
            told.setdefault(f"{one.word}: {one.gate}: {{}}: {said}", []).append(one.cell)
    return [text.replace("{}", ", ".join(cells), 1) for text, cells in told.items()]


def markdown(verdicts: Sequence[Verdict], title: str) -> str:
    """Return the verdicts as a Markdown section, with a line that counts them."""
    head = [
        f"## {title}",
        "",
        counted(verdicts),
        "",
        f"| gate | {' | '.join(COLUMNS)} |",
        "|---|---|---:|---:|---:|---|",
    ]
    rows = [f"| {' | '.join(_escaped(text) for text in (v.gate, *row(v)))} |" for v in verdicts]
    below = [f"- {_escaped(line)}" for line in lines(verdicts)]
    return "\n".join([*head, *rows, *([""] if below else []), *below])


def counted(verdicts: Sequence[Verdict]) -> str:
    """Count the verdicts by outcome."""
    counts: dict[str, int] = {}
    for one in verdicts:
        counts[one.word] = counts.get(one.word, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "no verdict"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
