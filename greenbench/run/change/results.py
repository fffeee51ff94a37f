"""The results file of a job: both sides, session by session, and the verdicts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from greenbench.results import files
from greenbench.results.record import Json, builtin

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.run.change.job import ChangeOutcome
    from greenbench.run.change.sessions import BlockSession

SCHEMA = 1
"""Of this file; its saved runs have schemas of their own."""
NAME = "ci"
"""Begins the file's name. Results files of variants begin with V, and are read apart."""


def write(outcome: ChangeOutcome, folder: Path) -> Path:
    """Write the file into ``folder`` and return its path; raises OSError."""
    path = files.file_name(folder, NAME, files.now_stamp())
    files.write_atomically(path, json.dumps(record(outcome), indent=1))
    return path


def record(outcome: ChangeOutcome) -> Json:
    """Return a job as builtins. ``position`` is the place of a session's first round in the job."""
    checkout = outcome.checkout
    verdicts = [verdict.record() for verdict in outcome.verdicts]
    first = [verdict.record() for verdict in outcome.first]
    return {
        "schema": SCHEMA,
        "base": {"ref": checkout.ref, "commit": checkout.base},
        "head": {"commit": checkout.head, "dirty": checkout.is_dirty},
        "failed": outcome.failed,
        "gates_of": outcome.rules.gates_of,
        "notes": list(outcome.notes),
        "verdicts": builtin(verdicts),
        "first_verdicts": builtin(first),
        "sessions": [_session(session, outcome.blocks) for session in outcome.sessions],
    }


def _session(session: BlockSession, blocks: int) -> Json:
    """Return a session of a job whose sets have so many ``blocks``."""
    return {
        "side": session.side,
        "set": 1 + session.block // blocks,
        "block": session.block,
        "position": session.offset,
        "seconds": session.seconds,
        "failed": session.failed,
        "saved_run": session.saved_run,
    }
