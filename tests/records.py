"""Records of cells for tests: what a test does not name is filled in."""

from __future__ import annotations

from typing import Any

from greenbench.results.fields import Fields
from greenbench.results.reading import CellRecord, RunHeader, RunRecord


def cell_record(raw: dict[str, Any]) -> CellRecord:
    """Read a record whose cell or rounds lack what a test has no need of."""
    rounds = []
    for seed, one_round in enumerate(raw.get("rounds", ())):
        rounds.append({"seed": seed, "seconds": 1.0, **one_round})
    filled = {"task": "", "variant": "", "status": "ok", **raw, "rounds": rounds}
    return CellRecord.of(filled)


def run_record(cell: dict[str, Any], **header: Any) -> RunRecord:
    """Return a run of one cell, with what a test says of its circumstances."""
    return RunRecord(
        variant=cell.get("variant", ""),
        header=RunHeader.of(Fields(header, "made up")),
        cells=(cell_record(cell),),
        failed_gates=False,
    )
