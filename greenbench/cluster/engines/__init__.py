"""What starts the jobs of a run, on engines that exist: submitit's and execnet's.

Each is a module with the same six names::

    SETTINGS           names of the command line's arguments that it takes
    check()            raise UnavailableError where it cannot be used
    script(plan, path) what would be submitted, line by line
    submit(run, names) hand jobs to it; nothing of this process stays resident
    queue(run)         the state of what it still has, by its own ids; None without a queue
    cancel(run)        end what it still has
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.cluster.plan import RunPlan
    from greenbench.cluster.run_folder import RunFolder
    from greenbench.cluster.status import EngineQueue


class JobEngine(Protocol):
    """A module of this package."""

    SETTINGS: tuple[str, ...]

    def check(self) -> None:
        """Raise UnavailableError where the engine cannot be used."""

    def script(self, plan: RunPlan, path: Path) -> list[str]:
        """Return what would be submitted."""

    def submit(self, run: RunFolder, names: Sequence[str]) -> None:
        """Hand jobs to it."""

    def queue(self, run: RunFolder) -> EngineQueue | None:
        """Return what it still has."""

    def cancel(self, run: RunFolder) -> None:
        """End what it still has."""


def engine_of(name: str) -> JobEngine:
    """Return ``local``, ``slurm`` or ``ssh``; what it needs is imported when it is used."""
    return cast("JobEngine", import_module(f"greenbench.cluster.engines.{name}"))
