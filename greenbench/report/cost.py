"""What a run will cost by earlier results: the line before the first cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.report.numbers import unit
from greenbench.results import loading
from greenbench.results.forecast import forecast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.results.forecast import Forecast, ForecastKey
    from greenbench.types import Cell


def lines(results: Path, cells: Sequence[Cell], keys: Mapping[str, ForecastKey]) -> list[str]:
    """Return what ``cells`` will cost by the files in ``results``, and which are unreadable."""
    if not cells:
        return []
    runs, problems = loading.load_folder(results)
    prediction = forecast(cells, runs, keys)
    count = f"{plural(len(cells), 'cell')}, {rounds_of(cells)}"
    if prediction is None:
        cost = "no earlier results here to estimate the time from"
    else:
        cost = f"by earlier results about {predicted(prediction)} measured"
        at_most = forecast(with_most_rounds(cells), runs, keys)
        if at_most is not None and at_most.seconds > prediction.seconds:
            cost += f", at most {predicted(at_most)}"
        if prediction.known != prediction.asked:
            cost += f" for the {prediction.known} seen before"
    return [f"greenbench: {count}; {cost}", *problems]


def with_most_rounds(cells: Sequence[Cell]) -> list[Cell]:
    """Return cells with all the rounds that they may have until they are settled."""
    return [replace(cell, rounds=cell.most_rounds or cell.rounds) for cell in cells]


def rounds_of(cells: Sequence[Cell]) -> str:
    """Return ``5 rounds``, or ``3 to 8 rounds`` if they end with what is settled."""
    fewest = most = 0
    for cell in cells:
        fewest += cell.rounds
        most += cell.most_rounds or cell.rounds
    rounds = plural(most, "round")
    if most == fewest:
        return rounds
    return f"{fewest} to {rounds}"


def predicted(prediction: Forecast) -> str:
    """Return ``20 s, 100 J (zeus:rapl)``: seconds, joules and their sources."""
    text = unit(prediction.seconds, "s")
    if prediction.joules is None:
        return text
    sources = ", ".join(prediction.sources)
    return f"{text}, {unit(prediction.joules, 'J')} ({sources})"


def plural(count: int, noun: str) -> str:
    """Return ``1 cell``, ``2 cells``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
