"""The gates of a session: what they are held against is found before a joule is spent, the verdicts come with its end."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench import gates as verdicts
from greenbench.errors import UsageError
from greenbench.experiment.cells import cells_of
from greenbench.gates import Against, Measured, runs
from greenbench.gates.expression import SAVED
from greenbench.gates.judging import is_named
from greenbench.gates.runs import readable
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.gates import Verdict
    from greenbench.gates.runs import Run
    from greenbench.run.session import Session

BASELINE = "V0"
"""What the table holds variants against."""


class Gatekeeper:
    """Judges the cells of one session."""

    def __init__(
        self,
        session: Session,
        compared: Callable[[], Path | Sequence[Path] | None],
        *,
        selective: str,
    ) -> None:
        """Hold them; ``compared`` finds the file to compare with, or those to choose from, newest last; None: nobody asked.

        ``selective`` says what a person chose among, ``tests``, ``files`` or nothing: only what was not chosen may be left out.
        """
        self._session, self._compared, self._selective = session, compared, selective
        self.gates = session.settings.gate
        self.notes: list[str] = []
        self._verdicts: list[Verdict] | None = None

    def check(self) -> None:
        """Find what the gates refer to; raises UsageError where that is not there, or names no single cell."""
        ids = [c.id for c in self._session.asked]
        if twice := sorted({i for i in ids if ids.count(i) > 1}):
            raise UsageError(
                f"--green-gate: several tests measure {twice[0]}, and a verdict is about one; run them apart"
            )
        names = {gate.reference: gate for gate in self.gates if gate.reference}
        if SAVED in names:
            _ = self.saved
        known = [
            Measured(record={"id": i, "task": t, "variant": v}, header={})
            for i, t, v in self._matrix()
        ]
        for name, gate in names.items():
            if name != SAVED and not any(is_named(cell, name) for cell in known):
                same = sorted(
                    {
                        c.id.partition("-")[2]
                        for c in known
                        if str(c.record["variant"]).partition("_")[0] == name
                    }
                )
                what = (
                    f"names {len(same)} cells a task, {', '.join(same)}"
                    if same
                    else "is no variant of the matrix"
                )
                raise UsageError(
                    f"--green-gate: {gate.text}: {name} {what}; write 'saved' or one cell, such as V0 or V1-b16"
                )

    @functools.cached_property
    def saved(self) -> Run | None:
        """The compared run: what a file's name says, else the newest that failed no gate. Raises UsageError."""
        found = self._compared()
        wanted = next((gate.text for gate in self.gates if gate.reference == SAVED), "")
        if found is None:
            raise UsageError(
                f"--green-gate: {wanted}: nothing is compared with; add --benchmark-compare=FILE"
            )
        if isinstance(found, Path):
            return runs.read(found)
        newest = next(
            (run for file in reversed(found) if not (run := runs.read(file)).failed), None
        )
        if newest is None:
            raise UsageError(
                f"--green-gate: {wanted}: no saved run here that passed its gates; --benchmark-compare=FILE names one"
            )
        self.notes.append(f"gates are held against {newest.name}")
        return newest

    def _matrix(self) -> list[tuple[str, str, str]]:
        """Return id, task and variant of every cell of the matrix, whether or not it was selected."""
        session = self._session
        names = [t.name for t in session.matrix.tasks if t.name in TASKS]
        cells = [
            c
            for t in names
            for c in cells_of(t, session.matrix.variants, session.profile, seed=0, rounds=None)
        ]
        return [(c.id, c.task, c.variant) for c in cells]

    def judge(self, records: Sequence[Mapping[str, Any]]) -> list[Verdict]:
        """Return a verdict for each gate and cell; the first answer stands."""
        if self._verdicts is None:
            cells = (
                {r["id"]: Measured(record=r, header=self._session.header) for r in records}
                if self.gates
                else {}
            )
            against = self._against(cells) if self.gates else Against()
            with readable(against.saved_name or "the session's results"):
                self._verdicts = [
                    v for gate in self.gates for v in verdicts.judge(gate, cells, against)
                ]
        return self._verdicts

    def _against(self, cells: Mapping[str, Measured]) -> Against:
        saved = self.saved if any(gate.reference == SAVED for gate in self.gates) else None
        return Against(
            saved=saved.cells if saved else None,
            saved_name=Path(saved.name).name if saved else "",
            earlier=self.earlier,
            expected=[c.id for c in self._session.asked],
            gone=self._gone(saved, cells) if saved else {},
            allow=self._session.settings.allow,
        )

    def earlier(self, reference: str, cell: Measured) -> Measured | None:
        """Return the newest comparable cell that ``reference`` names in the results folder."""
        settings = self._session.settings
        own = str(self._session.header["session"]["id"])
        return runs.newest(settings.results, reference, cell, but=own, allow=settings.allow)

    def baselines(self, records: Sequence[Mapping[str, Any]]) -> list[Measured]:
        """Return V0 of an earlier session for each task of this one that ran without it."""
        with_v0 = {r["task"] for r in records if r["variant"].partition("_")[0] == BASELINE}
        lacking = {
            r["task"]: r
            for r in records
            if r["variant"] and r["rounds"] and r["task"] not in with_v0
        }
        cells = [Measured(record=r, header=self._session.header) for r in lacking.values()]
        return [found for cell in cells if (found := self.earlier(BASELINE, cell)) is not None]

    def _gone(self, saved: Run, cells: Mapping[str, Measured]) -> dict[str, str]:
        """Return the cells of the compared run that this one should have; others are told of, where a person chose."""
        lost = [name for name in saved.cells if name not in cells]
        session = self._session
        matrix = {name for name, _, _ in self._matrix()}
        chosen = {
            "tests": set(session.offered) - {c.id for c in session.asked},
            "files": matrix or set(lost),
        }
        left_out = [name for name in lost if name in chosen.get(self._selective, ())]
        if left_out:
            self.notes.append(
                f"not selected, and so not judged: {', '.join(left_out)} of {Path(saved.name).name}"
            )
        why = f"{Path(saved.name).name} has it and this run has not: removed, renamed or not collected"
        return {name: why for name in lost if name not in left_out}

    @property
    def failed(self) -> bool:
        """Whether a verdict fails the session."""
        strict = "inconclusive" in self._session.settings.strict
        return any(verdicts.fails(v, strict=strict) for v in self._verdicts or ())
