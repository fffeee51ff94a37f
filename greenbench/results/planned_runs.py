"""What a run on many machines planned, beside the results files of it that were fetched.

A cell or a block that no machine delivered leaves no results file. This file says that it lacks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results.fields import Fields
from greenbench.results.files import write_atomically
from greenbench.results.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCHEMA = 1
PLAN_FILES = "plan_*.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBlocks:
    """What machines of one class were to measure of a run."""

    run: str
    blocks: Mapping[str, int]
    """Of each cell, by its id; without those that machines of another class measured."""

    def write(self, folder: Path) -> None:
        """Write it beside the results files of the run; raises OSError."""
        contents = {"plan_schema": SCHEMA, "run": self.run, "blocks": dict(self.blocks)}
        write_atomically(folder / f"plan_{self.run}.json", json.dumps(contents, indent=1))


def load_planned(folder: Path) -> dict[str, PlannedBlocks]:
    """Return what ``folder`` says was planned, by run; raises UsageError, which names the file."""
    planned = {}
    for path in sorted(folder.glob(PLAN_FILES)):
        try:
            data = read_json(path)
        except ValueError as error:
            raise UsageError(
                f"{path}: no plan of a run ({error}); `greenbench fetch` writes it again"
            ) from error
        fields = Fields(data, str(path))
        schema = fields.integer("plan_schema")
        if not 1 <= schema <= SCHEMA:
            fields.refuse(f"plan_schema {schema}", f"one from 1 to {SCHEMA}: update greenbench")
        counts = fields.fields("blocks")
        blocks = {}
        for cell in counts.whole():
            blocks[cell] = counts.integer(cell)
        run = fields.text("run")
        planned[run] = PlannedBlocks(run=run, blocks=blocks)
    return planned
