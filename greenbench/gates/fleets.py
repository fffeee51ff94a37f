"""The sessions of one run on many machines, read as one: each cell with all of its blocks.

What a cell's blocks have in common is the run, not a machine. So a joined cell keeps the sessions
that it comes from, and is compared with another one session by session (``gates/hosts.py``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.gates.comparability import machine_class
from greenbench.stats.over_seeds import mean_quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.types import Round, Status

OF_ONE_ROUND = "1 round: "
"""Beginning of a session's warning about its single round, which is none about all of a run's."""
WORST_FIRST: tuple[Status, ...] = ("failed", "partial", "ok")


def joined(cells: Sequence[Measured]) -> list[Measured]:
    """Return ``cells`` with those of one run and id joined, in the place of the last of them.

    Raises UsageError if the machines of a run are of several classes, whose ratios may differ.
    """
    parts: dict[tuple[str, str], list[Measured]] = {}
    classes: dict[str, dict[str, str]] = {}
    for cell in cells:
        allocation = cell.header.allocation
        if allocation is not None:
            of_cell = parts.setdefault((allocation.run, cell.id), [])
            of_cell.append(cell)
            of_run = classes.setdefault(allocation.run, {})
            machine = machine_class(cell.header.environment)
            of_run.setdefault(machine, cell.origin)
    for run, of_run in classes.items():
        _refuse_classes(run, of_run)
    found = []
    for cell in cells:
        allocation = cell.header.allocation
        if allocation is None:
            found.append(cell)
            continue
        of_cell = parts[allocation.run, cell.id]
        if cell is of_cell[-1]:
            found.append(_joined(allocation.run, of_cell))
    return found


def hosts_of(cell: Measured) -> dict[str, int]:
    """Return how many blocks each host measured of a joined cell; of others none."""
    hosts: dict[str, int] = {}
    for part in cell.apart:
        host = host_of(part)
        hosts[host] = hosts.get(host, 0) + len(part.record.rounds)
    return hosts


def host_of(cell: Measured) -> str:
    """Return the host that measured a cell, as its engine calls it."""
    allocation = cell.header.allocation
    if allocation is not None and allocation.host:
        return allocation.host
    return str(cell.header.environment.get("host", "unknown"))


def _refuse_classes(run: str, classes: Mapping[str, str]) -> None:
    """Raise UsageError for several classes of machine, each with a file or folder that has it."""
    if len(classes) > 1:
        (one, first), (other, second), *_ = classes.items()
        where = first if first == second else f"{first} and {second}"
        raise UsageError(
            f"{where}: run {run} was measured on machines of {len(classes)} classes ({one}; "
            f"{other}), which are not pooled; give the folder of one class, as `greenbench fetch` "
            "makes them"
        )


def _joined(run: str, parts: Sequence[Measured]) -> Measured:
    parts = sorted(parts, key=_started)
    first = parts[0]
    header = replace(first.header, session_id=run)
    record = _record(parts)
    return replace(first, record=record, header=header, apart=tuple(parts))


def _started(cell: Measured) -> tuple[str, str]:
    header = cell.header
    session = str(header.session_id)
    return header.started, session


def _record(parts: Sequence[Measured]) -> CellRecord:
    """Return the record of all blocks; one that failed anywhere is the whole cell's."""
    records = []
    statuses = []
    degenerate = []
    doubts: dict[str, None] = {}
    idle: dict[str, None] = {}
    effect = ""
    for part in parts:
        record = part.record
        if record.failed:
            return record
        records.append(record)
        statuses.append(record.status)
        degenerate.append(record.degenerate)
        doubts.update(dict.fromkeys(record.doubts))
        idle.update(dict.fromkeys(record.without_effect))
        effect = effect or record.effect
    rounds = _rounds(records)
    return replace(
        records[0],
        status=min(statuses, key=WORST_FIRST.index),
        rounds=rounds,
        quality=mean_quality(rounds),
        energy={},  # the means of one session are not those of the run
        efficiency={},
        degenerate=_of_most(degenerate),
        effect=effect,
        without_effect=tuple(idle),
        doubts=_of_all(doubts, len(rounds)),
    )


def _of_all(doubts: Iterable[str], rounds: int) -> tuple[str, ...]:
    """Return the warnings that hold of so many rounds."""
    kept = []
    for text in doubts:
        if rounds == 1 or not text.startswith(OF_ONE_ROUND):
            kept.append(text)
    return tuple(kept)


def _rounds(records: Sequence[CellRecord]) -> tuple[Round, ...]:
    """Return a round of each seed: V0 is measured in every job of a block, and counts here once."""
    by_seed: dict[int, Round] = {}
    for record in records:
        for one_round in record.rounds:
            by_seed.setdefault(one_round.seed, one_round)
    rounds = []
    for seed in sorted(by_seed):
        rounds.append(by_seed[seed])
    return tuple(rounds)


def _of_most(reasons: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return why a cell is void, where most of its sessions say so."""
    void: dict[str, None] = {}
    sessions = 0
    for of_session in reasons:
        if of_session:
            sessions += 1
            void.update(dict.fromkeys(of_session))
    if 2 * sessions <= len(reasons):
        return ()
    return tuple(void)
