"""One side of a job: the rounds of its sessions put together, block by block, into cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.run.efficiency import efficiency_values
from greenbench.stats.over_seeds import mean_quality
from greenbench.stats.uncertainty import energies, means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.run.change.sessions import BlockSession
    from greenbench.types import Round, Status

WORST_FIRST: tuple[Status, ...] = ("failed", "partial", "ok")


def merged(sessions: Sequence[BlockSession], job: str) -> dict[str, Measured]:
    """Return the cells of one side, by id, with the rounds of all its ``sessions``.

    Both sides get ``job`` as the id of their session: their blocks ran in turns, so that the gates
    compare them within blocks, as cells of one session. Raises UsageError for a test that measures
    several rounds by itself.
    """
    names: dict[str, None] = {}
    for session in sessions:
        names.update(dict.fromkeys(session.cells))
    cells = {}
    for name in names:
        having = [session for session in sessions if name in session.cells]
        record = _merged_record(name, having)
        if len(having) < len(sessions) and not record.failed:
            reason = f"it left a record in {len(having)} of {len(sessions)} sessions"
            record = replace(record, status="failed", error=reason)
        first = having[0].cells[name]
        header = replace(first.header, session_id=job)
        cells[name] = replace(first, record=record, header=header)
    return cells


def _merged_record(name: str, sessions: Sequence[BlockSession]) -> CellRecord:
    records = [session.cells[name].record for session in sessions]
    for record in records:
        if record.failed:
            return record
    rounds = [_placed(name, session) for session in sessions]
    return replace(
        records[0],
        status=min((record.status for record in records), key=WORST_FIRST.index),
        rounds=tuple(rounds),
        quality=mean_quality(rounds),
        energy=energies([one_round.whole.energy for one_round in rounds]),
        efficiency=means(efficiency_values(rounds)) if records[0].variant else {},
        kernel={"before": _kernel(records[0], "before"), "after": _kernel(records[-1], "after")},
        degenerate=_of_most([record.degenerate for record in records]),
        effect=next((record.effect for record in records if record.effect), ""),
        without_effect=_distinct([record.without_effect for record in records]),
        doubts=_distinct([record.doubts for record in records]),
    )


def _placed(name: str, session: BlockSession) -> Round:
    """Return the one round of a cell in a session, with its place in the whole job.

    A plain function has no seed of its own: the block's number pairs its rounds up.
    """
    record = session.cells[name].record
    if len(record.rounds) != 1:
        raise UsageError(
            f"greenbench ci: {name} measures {len(record.rounds)} rounds in a session, and a job "
            "needs one in each of its blocks; leave out rounds=... of measure()"
        )
    (one_round,) = record.rounds
    return replace(
        one_round,
        seed=one_round.seed if record.variant else session.block,
        block=session.block,
        position=session.offset + (one_round.position or 0),
    )


def _kernel(record: CellRecord, when: str) -> dict[str, float]:
    return dict(record.kernel.get(when, {}))


def _of_most(reasons: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return why a cell is void, where most of its rounds say so."""
    void = [of_round for of_round in reasons if of_round]
    return _distinct(void) if 2 * len(void) > len(reasons) else ()


def _distinct(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    texts: dict[str, None] = {}
    for group in groups:
        texts.update(dict.fromkeys(group))
    return tuple(texts)
