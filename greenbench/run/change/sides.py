"""The results file of a job, read back: both sides, to be judged again by any gates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.gates import runs
from greenbench.results.consistency import check_rounds
from greenbench.results.fields import Fields, amount, count
from greenbench.run.change import judging
from greenbench.run.change.merging import merged
from greenbench.run.change.results import SCHEMA
from greenbench.run.change.sessions import BlockSession
from greenbench.run.change.trees import base_name, head_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from greenbench.gates.verdict import Measured, Verdict
    from greenbench.run.rules import Rules

UNCONFIRMED = "no second set of blocks was measured, which would confirm it or not"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSides:
    """Both sides of a job that has ended."""

    head: str
    """The change, as people read it."""
    base: str
    sets: Sequence[tuple[Mapping[str, Measured], Mapping[str, Measured]]]
    """The cells of the change and of the base in each set of blocks."""
    failed: bool
    """Whether a test failed."""
    notes: Sequence[str]

    @property
    def cells(self) -> list[Mapping[str, Measured]]:
        """The cells of the base and of the change in the first set."""
        head, base = self.sets[0]
        return [base, head]

    def verdicts(self, rules: Rules) -> list[Verdict]:
        """Judge the first set; alarms are confirmed by the second, where there is one."""
        allow, name = rules.allow, self.base
        (head, base), *fresh = self.sets
        first = judging.verdicts_on(rules.gates, head, base, base_name=name, allow=allow)
        alarms = [verdict for verdict in first if judging.is_alarm(verdict)]
        if not alarms:
            return first
        if not fresh:
            return [_unconfirmed(verdict) if verdict in alarms else verdict for verdict in first]
        head, base = fresh[0]
        second = judging.verdicts_on_alarms(alarms, head, base, base_name=name, allow=allow)
        return judging.confirmed(first, second)


def read_sides(contents: Mapping[str, object], path: Path) -> JobSides:
    """Read a job; raises UsageError where its file is malformed, or written by a newer version."""
    job = Fields(contents, str(path))
    schema = job.integer("schema")
    if schema > SCHEMA:
        raise UsageError(
            f"{path}: a job written with schema {schema}, and this greenbench reads up to "
            f"{SCHEMA}; update greenbench"
        )
    base, head = job.fields("base"), job.fields("head")
    name = base_name(base.text("ref"), base.text("commit"))
    labels = {"base": name, "head": "this session"}
    sets: dict[int, list[BlockSession]] = {}
    for fields in job.each("sessions", lambda session: session):
        sets.setdefault(count(fields, "set"), []).append(_session(fields, labels))
    if not sets:
        job.refuse("no sessions", "those of both sides")
    cells = []
    for number in sorted(sets):
        cells.append((_side(sets[number], "head", path), _side(sets[number], "base", path)))
    return JobSides(
        head=head_name(head.text("commit"), is_dirty=head.flag("dirty", default=False)),
        base=name,
        sets=cells,
        failed=any(session.failed for of_set in sets.values() for session in of_set),
        notes=job.texts("notes"),
    )


def _session(fields: Fields, labels: Mapping[str, str]) -> BlockSession:
    side = fields.text("side")
    if side not in labels:
        fields.refuse(f"side {side!r}", f"one of {', '.join(labels)}")
    saved_run = fields.fields("saved_run")
    cells = {}
    if saved_run.mapping("greenbench") and saved_run.each("benchmarks", Fields.whole):
        for name, cell in runs.saved(saved_run).cells.items():
            rounds = len(cell.record.rounds)
            if rounds != 1 and not cell.record.failed:
                saved_run.refuse(f"{rounds} rounds of {name}", "one of each cell")
            cells[name] = replace(cell, origin=labels[side])
    return BlockSession(
        side=side,
        block=count(fields, "block"),
        offset=count(fields, "position"),
        seconds=amount(fields, "seconds") or 0.0,
        failed=fields.flag("failed", default=False),
        cells=cells,
        saved_run=saved_run.whole(),
    )


def _side(sessions: Sequence[BlockSession], side: str, path: Path) -> dict[str, Measured]:
    """Return the cells of one side in a set of blocks; raises UsageError for a block twice."""
    cells = merged([session for session in sessions if session.side == side], f"the job {path}")
    for name, cell in cells.items():
        check_rounds(cell.record.rounds, f"{path}: {name} of {side}")
    return cells


def _unconfirmed(alarm: Verdict) -> Verdict:
    reason = f"{alarm.reason}; {UNCONFIRMED}" if alarm.reason else UNCONFIRMED
    return replace(alarm, reason=reason)
