"""What a run will cost by earlier results: the line before the first cell."""

from __future__ import annotations

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
    count = f"{plural(len(cells), 'cell')}, {plural(sum(c.rounds for c in cells), 'round')}"
    if prediction is None:
        cost = "no earlier results here to estimate the time from"
    else:
        cost = f"by earlier results about {predicted(prediction)} measured"
        if prediction.known != prediction.asked:
            cost += f" for the {prediction.known} seen before"
    return [f"greenbench: {count}; {cost}", *problems]


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
