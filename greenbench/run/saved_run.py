"""The saved run that a session's gates compare with, and what of it this session left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenbench.errors import UsageError
from greenbench.gates import runs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from greenbench.gates.runs import Run


class LeftOut(NamedTuple):
    """The cells of a saved run that this session has not."""

    missing: dict[str, str]
    """Those that it should have, with the reason."""
    unselected: list[str]
    """Those that a person did not select."""


def choose(files: Path | Sequence[Path] | None, gate: str) -> tuple[Run, bool]:
    """Return the run of the named file, or the newest of several that failed no gate.

    ``files`` stand oldest first. The second value says whether it was chosen among several. Raises
    UsageError, which names the ``gate``, if there is none.
    """
    if files is None:
        raise UsageError(
            f"--green-gate: {gate}: nothing is compared with; add --benchmark-compare=FILE"
        )
    if isinstance(files, Path):
        return runs.read(files), False
    for file in reversed(files):
        run = runs.read(file)
        if not run.failed:
            return run, True
    raise UsageError(
        f"--green-gate: {gate}: no saved run here that passed its gates; "
        "--benchmark-compare=FILE names one"
    )


def left_out(saved: Run, measured: Collection[str], selectable: Collection[str]) -> LeftOut:
    """Return the cells of ``saved`` that are not among ``measured``, the ids of this session.

    ``selectable`` are ids that a person may have left out on purpose.
    """
    name = Path(saved.name).name
    reason = f"{name} has it and this run has not: removed, renamed or not collected"
    missing, unselected = {}, []
    for cell in saved.cells:
        if cell in measured:
            continue
        if cell in selectable:
            unselected.append(cell)
        else:
            missing[cell] = reason
    return LeftOut(missing, unselected)
