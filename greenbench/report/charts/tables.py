"""The data of a figure as tables for papers: LaTeX with booktabs and siunitx, and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.report.charts.figure import shown
from greenbench.report.texts import markdown as escaped_markdown
from greenbench.report.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.charts.figure import Entry, Figure

MADE_BY = "made by greenbench report --figures"
MOST_ROWS = 60
"""Rows of a table that fit a page."""
LATEX = (
    rf"% {MADE_BY}; the preamble needs \usepackage{{booktabs,graphicx,siunitx}}".replace(
        "%", "%%", 1
    )
    + r"""
\begin{table}
  \centering
  \caption{%(caption)s}
  \label{tab:%(name)s}
  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%%
  \begin{tabular}{%(columns)s}
    \toprule
%(headings)s
    \midrule
%(rows)s
    \bottomrule
  \end{tabular}}
\end{table}
"""
)
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}
"""What LaTeX would read as something else than the character."""


def latex(figure: Figure) -> str:
    """Return a figure's data as a table of LaTeX, shrunk to the width of a line if it is wider."""
    numeric = _numeric(figure)
    columns = ""
    for place, is_number in enumerate(numeric):
        columns += _column(figure, place) if is_number else "l"
    headings = []
    for column in figure.columns:
        headings.append(f"{{{latex_text(column)}}}")
    rows = []
    for row in figure.rows:
        entries = []
        for is_number, entry in zip(numeric, row, strict=True):
            entries.append(_number(entry) if is_number else latex_text(shown(entry)))
        rows.append(_latex_row(entries))
    title, caption = latex_text(figure.title), latex_text(figure.caption)
    return LATEX % {
        "caption": f"{title}. {caption}",
        "name": figure.name,
        "columns": columns,
        "headings": _latex_row(headings),
        "rows": "\n".join(rows),
    }


def _latex_row(entries: Sequence[str]) -> str:
    joined = " & ".join(entries)
    return f"    {joined} \\\\"


def latex_text(text: str) -> str:
    """Return a text that LaTeX sets as it is: no command of it comes through."""
    escaped = "".join(SPECIAL.get(character, character) for character in printable(text))
    return escaped.replace("--", "-{}-")  # two hyphens, not a dash


def markdown(figure: Figure) -> str:
    """Return a figure's title, caption and data in Markdown."""
    numeric = _numeric(figure)
    lines = [f"<!-- {MADE_BY} -->", "", f"**{escaped_markdown(figure.title)}**", ""]
    lines += [_markdown_row(figure.columns)]
    sides = ["---:" if is_number else "---" for is_number in numeric]
    lines.append(f"|{'|'.join(sides)}|")
    for row in figure.rows:
        lines.append(_markdown_row(row))
    return "\n".join([*lines, "", escaped_markdown(figure.caption), ""])


def _markdown_row(entries: Sequence[Entry]) -> str:
    return f"| {' | '.join(escaped_markdown(shown(entry)) for entry in entries)} |"


def _numeric(figure: Figure) -> list[bool]:
    """Return which columns hold numbers alone, as far as they are known."""
    numeric = []
    for column in zip(*figure.rows, strict=True):
        known = [entry for entry in column if entry is not None]
        texts = [entry for entry in known if isinstance(entry, str)]
        numeric.append(bool(known) and not texts)
    return numeric


def _column(figure: Figure, place: int) -> str:
    """Return an S column with room for the digits before and after the point."""
    sign, before, after = "", 1, 0
    for row in figure.rows:
        digits = _digits(row[place])
        if "e" in digits:
            return "S"
        if digits.startswith("-"):
            sign = "-"
        whole, _, fraction = digits.lstrip("-").partition(".")
        before = max(before, len(whole))
        after = max(after, len(fraction))
    return f"S[table-format={sign}{before}.{after}]"


def _number(entry: Entry) -> str:
    """Return an entry of an S column, which takes what is no number in braces."""
    return _digits(entry) or "{--}"


def _digits(entry: Entry) -> str:
    """Return a number for an S column; empty for one that is not known."""
    if entry is None or isinstance(entry, str):
        return ""
    return shown(entry)
