"""What workers measured in, for the process that writes the results files for them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from greenbench.results.record import Json, builtin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.machine.gpu_records import Gpu
    from greenbench.run.session_results import SessionResults

HEADER = ("profile", "profile_changes", "session", "environment", "carbon")


def circumstances(results: SessionResults) -> Json:
    """Return what the session's files state besides its cells: the header, and what was noted."""
    return {**results.header, **builtin(results.noted)}


def adopt(results: SessionResults, stated: Json, *, workers: int, gpus: Sequence[Gpu]) -> None:
    """Take the circumstances of the first worker that ends a cell for those of all ``workers``.

    A session that continues another one has its header. ``gpus`` are the workers' own, one for
    each; empty if they share what there is.
    """
    header = {key: stated.pop(key) for key in HEADER}
    if "header" not in vars(results):
        header["session"] = {**results.new_session(), "workers": workers}
        if gpus:
            header["environment"]["gpus"] = builtin([asdict(gpu) for gpu in gpus])
        results.header = header
    elif results.continues:
        results.header["session"]["resumed"][-1]["workers"] = workers
    if not results.noted:
        results.note(stated)
