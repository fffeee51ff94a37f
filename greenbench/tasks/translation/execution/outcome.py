"""What can come of running a translation on its tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from greenbench.tasks.translation.execution.building import complaint

if TYPE_CHECKING:
    from greenbench.sandbox import Isolation, Ran
    from greenbench.tasks.translation.execution.building import NotBuilt

Outcome = Literal["passed", "does_not_compile", "runtime_error", "wrong_output", "timeout"]
FAILURES: tuple[Outcome, ...] = ("does_not_compile", "runtime_error", "wrong_output", "timeout")
"""As Pan et al., "Lost in Translation" (ICSE 2024), sort unsuccessful translations."""
_LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramOutcome:
    """What came of one translation."""

    outcome: Outcome
    note: str = ""
    """The first line of what went wrong."""
    isolation: Isolation | None = None
    """What isolated the program; None if it was not run."""


def concluded(outcome: Outcome, note: str, ran: Ran | NotBuilt) -> ProgramOutcome:
    """Return the outcome of a run, with a short note."""
    return ProgramOutcome(outcome=outcome, note=note[:_LONGEST_NOTE], isolation=ran.isolation)


def refused(built: NotBuilt) -> ProgramOutcome:
    """Return the outcome of a program that does not compile."""
    return concluded("does_not_compile", built.note, built)


def failure(ran: Ran) -> ProgramOutcome | None:
    """Return the outcome of a run that did not end with exit code 0; else None."""
    if ran.end == "timeout":
        return concluded("timeout", f"ended after {ran.seconds:.1f} s", ran)
    if ran.end != "exit" or ran.exit_code != 0:
        return concluded("runtime_error", complaint(ran), ran)
    return None
