"""One side of a job: the rounds of its sessions put together, block by block, into cells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.stats.over_seeds import mean_quality

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
    first, last = records[0], records[-1]
    statuses = [record.status for record in records]
    effects = [record.effect for record in records]
    degenerate = [record.degenerate for record in records]
    without_effect = [record.without_effect for record in records]
    doubts = [record.doubts for record in records]
    return replace(
        first,
        status=min(statuses, key=WORST_FIRST.index),
        rounds=tuple(rounds),
        quality=mean_quality(rounds),
        energy={},  # gates read the rounds; the means of a session are not those of a job
        efficiency={},
        kernel={"before": _kernel(first, "before"), "after": _kernel(last, "after")},
        degenerate=_of_most(degenerate),
        effect=next(filter(None, effects), ""),
        without_effect=_distinct(without_effect),
        doubts=_distinct(doubts),
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
