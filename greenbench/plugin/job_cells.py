"""The cells of a job of ``greenbench submit``: what a plan collects, and what a job measures.

Jobs and plans load this plugin by ``-p greenbench.plugin.job_cells``; environment variables say
which of the two is asked for.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.machine.processes import end_with_parent
from greenbench.options import differences
from greenbench.plugin.errors import usage_errors
from greenbench.plugin.hooks import suite_of
from greenbench.plugin.selection import cell_of, selected_cells
from greenbench.results import loading
from greenbench.results.forecast import forecast
from greenbench.run.plan import forecast_keys

if TYPE_CHECKING:
    from greenbench.results.forecast import ForecastKey
    from greenbench.results.reading import RunRecord
    from greenbench.results.record import Json
    from greenbench.run.session import Session
    from greenbench.types import Cell

COLLECTED = "GREENBENCH_COLLECTED"
"""The file that the selected cells are written to."""
CELLS = "GREENBENCH_JOB_CELLS"
"""The file with the ids of the cells that are measured; others are left out."""


def pytest_configure() -> None:
    """Let a job's session end with its worker, however that ends: nobody would take its block."""
    if os.environ.get(CELLS):
        end_with_parent()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not the job's: a test that measures no cell is no part of a block."""
    file = os.environ.get(CELLS)
    if not file:
        return
    wanted = set(json.loads(Path(file).read_text("utf-8")))
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        cell = cell_of(item)
        (kept if cell is not None and cell.id in wanted else others).append(item)
    items[:] = kept
    if others:
        config.hook.pytest_deselected(items=others)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the selected cells, each with what earlier results say of a round of it."""
    file = os.environ.get(COLLECTED)
    if not file:
        return
    with usage_errors():
        suite = suite_of(session.config).session
        suite.selected = tuple(selected_cells(session.items))
        keys = forecast_keys(suite)
        runs, _ = loading.load_folder(suite.settings.results)
        cells = [_described(cell, suite, runs, keys) for cell in suite.selected]
    Path(file).write_text(json.dumps(cells), "utf-8")


def _described(
    cell: Cell, suite: Session, runs: list[RunRecord], keys: dict[str, ForecastKey]
) -> Json:
    control = suite.settings.control == "on"
    knobs = [change.knob for change in differences(cell.options)]
    prediction = forecast([replace(cell, rounds=1)], runs, keys)
    return {
        "id": cell.id,
        "task": cell.task,
        "variant": cell.variant,
        "rounds": cell.rounds,
        "sets": [knob for knob in knobs if control and knob.startswith("system.")],
        "seconds": prediction.seconds if prediction else None,
        "joules": prediction.joules if prediction else None,
        "sources": list(prediction.sources) if prediction else [],
    }
