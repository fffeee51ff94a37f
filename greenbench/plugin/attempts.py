"""Takes the records of finished cells into the report and the results files, one for each cell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from greenbench.errors import GreenbenchError
from greenbench.results.files import AGAIN, continues
from greenbench.results.reading import CellRecord
from greenbench.run.session_means import restate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.report.summary import Summary
    from greenbench.results.record import Json
    from greenbench.run.session import Session


class Attempts:
    """The latest record of each cell; plugins that rerun failed tests make several."""

    def __init__(self, session: Session, summary: Summary) -> None:
        """Begin without any."""
        self._session = session
        self._summary = summary
        self._latest: dict[str, Json] = {}
        self._lost: dict[str, str] = {}

    def take_over(self, record: Json) -> None:
        """Take a record that another session measured, and that this one may add rounds to."""
        self._latest[record["id"]] = record
        self._summary.records = _with_latest(self._summary.records, CellRecord.of(record))

    def keep(self, record: Json) -> None:
        """Write a record in the place of the cell's earlier one, and say if that was measured anew.

        A cell that lost a round stays failed: another worker may report an earlier one later. What
        cannot be written is a problem of the session.
        """
        if record["id"] in self._lost:
            record.update(_failed(self._lost[record["id"]]))
        earlier = self._latest.get(record["id"])
        self._latest[record["id"]] = record
        if earlier is not None and not continues(record, earlier):
            record["doubts"] += [AGAIN, f"the attempt before the last one {earlier['outcome']}"]
        self._write(record)

    def lose(self, cell: str, error: str) -> Json | None:
        """Let a cell fail whose process was killed in a round; its other rounds count.

        Returns its record, if it has one.
        """
        self._lost[cell] = error
        record = self._latest.get(cell)
        if record is not None:
            record = {**record, **_failed(error)}
            self._latest[cell] = record
            self._write(record)
        return record

    def _write(self, record: Json) -> None:
        try:
            records = _with_latest(self._summary.records, CellRecord.of(record))
            self._summary.records = sorted(records, key=self._place)
            if record["variant"]:
                self._session.results.record(record)
        except GreenbenchError as error:
            problem = str(error)  # the same after each round of a cell
            if problem not in self._summary.problems:
                self._summary.problems.append(problem)

    def _place(self, record: CellRecord) -> int:
        """Return the place of a cell among the selected ones; workers may end them in another."""
        ids = [cell.id for cell in self._session.selected]
        return ids.index(record.id) if record.id in ids else len(ids)

    def restate_means(self) -> None:
        """State the cells' means again, with the uncertainty that all rounds together show."""
        cells = [record for record in self._summary.records if record.variant]
        restate(cells, self._latest)
        for cell in cells:
            with contextlib.suppress(GreenbenchError):  # reported when the cell was kept
                latest = CellRecord.of(self._latest[cell.id])
                self._summary.records = _with_latest(self._summary.records, latest)

    def write_means(self) -> None:
        """Restate the means in the results files too; a failure is a problem of the session."""
        self.restate_means()
        try:
            self._session.results.conclude()
        except OSError as error:
            self._summary.problems.append(
                f"the results files have each cell's uncertainty by its own rounds alone: that by "
                f"all rounds of the session could not be written ({error})"
            )


def _failed(error: str) -> Json:
    return {"status": "failed", "outcome": "failed", "error": error}


def _with_latest(records: Sequence[CellRecord], latest: CellRecord) -> list[CellRecord]:
    """Return ``records`` with the ``latest`` one, in the place of the cell's earlier one if any."""
    kept = list(records)
    for index, record in enumerate(kept):
        if record.id == latest.id:
            kept[index] = latest
            return kept
    return [*kept, latest]


def last_attempts(benchmarks: Sequence[Json]) -> list[Json]:
    """Return the benchmarks of a saved run without earlier attempts at the same test."""
    latest: dict[object, Json] = {}
    for benchmark in benchmarks:
        latest.pop(benchmark["fullname"], None)
        latest[benchmark["fullname"]] = benchmark
    return list(latest.values())
