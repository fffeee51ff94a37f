"""The cells of a task that can be analysed together, and why others cannot.

What a cell has turned on is read from its recorded options against those of V0, never from names:
variants of a folder and those that a session made up are treated alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from greenbench.analysis.work import unequal_work
from greenbench.gates.comparability import differences
from greenbench.gates.fleets import host_of
from greenbench.results.reading import is_baseline, primary_score
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.analysis.sessions import AnalysedSession
    from greenbench.gates.verdict import Measured
    from greenbench.types import Round

KnobSet: TypeAlias = "frozenset[tuple[str, str]]"
"""Knobs that differ from V0's, each with its value."""
FEWEST_BLOCKS = 2
MOST_ROUNDS = 4000
"""The covariance of so many takes 0.13 GB."""


class BlockKey(NamedTuple):
    """A block of a session: its rounds share the state of the machine."""

    session: int
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A cell that is left out, and why, in a clause."""

    cell: str
    reason: str


@dataclass(slots=True, kw_only=True)
class AnalysedCell:
    """A variant on a task with its rounds by block, over all sessions that measured it."""

    id: str
    on: KnobSet
    rounds: dict[BlockKey, Round] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEvidence:
    """What is known of one task."""

    task: str
    baseline: AnalysedCell
    cells: Mapping[str, AnalysedCell]
    """By id, V0 among them."""
    newest: Mapping[str, Measured]
    """The sound cells of the newest session with V0."""
    left_out: tuple[Exclusion, ...]
    hosts: Mapping[int, str] = field(default_factory=dict)
    """By session, the machine that measured it for a run on many machines."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """The machines that blocks come from, where some are of a run on many machines."""
        if not self.hosts:
            return ()
        return tuple(sorted({self.host_of(block) for block in self.blocks}))

    def host_of(self, block: BlockKey) -> str:
        """Return the machine of a block; a session that is of no run counts as one of its own."""
        return self.hosts.get(block.session, f"session {block.session}")

    @property
    def blocks(self) -> tuple[BlockKey, ...]:
        """The blocks of V0."""
        return tuple(sorted(self.baseline.rounds))

    @property
    def score(self) -> str:
        """The first primary score of the task that V0 has."""
        return primary_score([self.newest[self.baseline.id].record])

    @property
    def sessions(self) -> int:
        """Sessions that blocks come from."""
        return len({block.session for block in self.blocks})


def tasks_of(sessions: Sequence[AnalysedSession]) -> list[str]:
    """Return the tasks that any cell measured, in their order; plain functions have none."""
    tasks: dict[str, None] = {}
    for session in sessions:
        for cell in session.cells.values():
            if cell.record.task and cell.record.variant:
                tasks[cell.record.task] = None
    return sorted(tasks)


def evidence(
    task: str, sessions: Sequence[AnalysedSession], allow: Collection[str] = ()
) -> TaskEvidence | str:
    """Collect the cells of ``task``; return why there is nothing to analyse if there is not.

    The newest session with a sound V0 says what others must be alike in; ``allow`` names
    differences that do not matter, as ``--green-allow`` does.
    """
    number, reference = _reference(task, sessions)
    if reference is None:
        remedy = f"pytest bench -k {task} --green-rounds 5 measures one"
        return f"{_without_reference(task, sessions)}; {remedy}"
    gathered = _Gathered()
    for at, session in reversed(list(enumerate(sessions))):
        for measured in session.cells.values():
            if measured.record.task == task:
                reason = _flaw(measured, session, reference, allow)
                gathered.add(at, measured, knob_set(measured, reference), reason)
            if measured.id in gathered.cells and at == number:
                gathered.newest[measured.id] = measured
    baseline = gathered.cells[reference.id]
    left_out = gathered.exclusions(baseline)
    if len(baseline.rounds) < FEWEST_BLOCKS:
        return "one block shows no scatter; measure with --green-rounds 5"
    rounds = sum(len(cell.rounds) for cell in gathered.cells.values())
    if rounds > MOST_ROUNDS:
        return f"it has {rounds} rounds, and at most {MOST_ROUNDS} are analysed together; give less"
    return TaskEvidence(
        task=task,
        baseline=baseline,
        cells=dict(sorted(gathered.cells.items())),
        newest=gathered.newest,
        left_out=tuple(sorted(left_out, key=lambda exclusion: exclusion.cell)),
        hosts=gathered.hosts,
    )


@dataclass(slots=True)
class _Gathered:
    """The cells of a task while sessions are gone through, the newest first."""

    cells: dict[str, AnalysedCell] = field(default_factory=dict)
    newest: dict[str, Measured] = field(default_factory=dict)
    reasons: dict[str, dict[str, None]] = field(default_factory=dict)
    hosts: dict[int, str] = field(default_factory=dict)

    def add(self, session: int, measured: Measured, on: KnobSet, reason: str) -> None:
        """Add the rounds of a cell, unless there is a ``reason`` to leave them out."""
        cell = self.cells.get(measured.id) or AnalysedCell(id=measured.id, on=on)
        if not reason and cell.on != on:
            reason = "a newer session measured it with other options"
        if reason:
            self.reasons.setdefault(measured.id, {})[reason] = None
            return
        self.cells[measured.id] = cell
        if measured.header.allocation is not None:
            self.hosts[session] = host_of(measured)
        for one_round in measured.record.rounds:
            cell.rounds[BlockKey(session, one_round.block or 0)] = one_round

    def exclusions(self, baseline: AnalysedCell) -> list[Exclusion]:
        """Keep the rounds of V0's blocks; remove cells that have none, and say what is left out."""
        excluded = []
        for name, cell in list(self.cells.items()):
            shared = cell.rounds.keys() & baseline.rounds.keys()
            cell.rounds = {block: cell.rounds[block] for block in sorted(shared)}
            if not shared:
                del self.cells[name]
                excluded.append(Exclusion(cell=name, reason="it shares no block with V0"))
        for name, why in self.reasons.items():
            if name not in self.cells:
                excluded.append(Exclusion(cell=name, reason="; ".join(why)))
        return excluded


def knob_set(measured: Measured, baseline: Measured) -> KnobSet:
    """Return the knobs that differ from V0's, with their values."""
    on = []
    for knob, value in measured.record.knobs.items():
        if value != baseline.record.knobs.get(knob):
            on.append((knob, str(value)))
    return frozenset(on)


def _reference(task: str, sessions: Sequence[AnalysedSession]) -> tuple[int, Measured | None]:
    """Return V0 of the newest session that has a sound one, and the session's number."""
    for number, session in reversed(list(enumerate(sessions))):
        for measured in session.cells.values():
            record = measured.record
            if record.task == task and is_baseline(record.variant) and not _unsound(measured):
                return number, measured
    return -1, None


def _without_reference(task: str, sessions: Sequence[AnalysedSession]) -> str:
    """Say that there is no V0, or why the newest one is no evidence."""
    for session in reversed(sessions):
        for measured in session.cells.values():
            if measured.record.task == task and is_baseline(measured.record.variant):
                return f"its V0 is no evidence ({_unsound(measured)})"
    return "no session has V0"


def _flaw(
    measured: Measured,
    session: AnalysedSession,
    reference: Measured,
    allow: Collection[str],
) -> str:
    """Say why a cell is no evidence; empty if it is."""
    reason = _unsound(measured)
    if reason:
        return reason
    for name, (here, there) in differences(measured, reference).items():
        if name not in allow:
            return f"NOT-COMPARABLE: {name} {here}, and V0's is {there}"
    for other in session.cells.values():
        if other.record.task == measured.record.task and is_baseline(other.record.variant):
            return unequal_work(measured.record, other.record)
    return ""


def _unsound(measured: Measured) -> str:
    record = measured.record
    if record.flaw is not None:
        return f"{record.flaw.verdict}: {record.flaw.reason}"
    if record.status == "partial":
        idle = ", ".join(record.without_effect) or _unapplied(measured) or "a knob"
        return f"partial: {idle} did not act as requested"
    for stage, name in REUSABLE.items():
        if any(one_round.is_of_another_block(stage) for one_round in record.rounds):
            return f"its {name} was measured in another session, in no block of this one"
    if not record.rounds or not record.knobs:
        return "its record has no rounds or states no options"
    if len(record.rounds) > 1 and any(r.block is None for r in record.rounds):
        return "its rounds did not run in blocks (--green-interleave off)"
    return ""


def _unapplied(measured: Measured) -> str:
    """Name the knobs whose read-back values are not those that were requested."""
    names: dict[str, None] = {}
    for one_round in measured.record.rounds:
        for proof in one_round.applied:
            if not proof.holds:
                names[f"{proof.stage}.{proof.knob}"] = None
    return ", ".join(names)
