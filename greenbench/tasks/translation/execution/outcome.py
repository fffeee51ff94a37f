"""What can come of a translation that was run on its tests."""

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
class Verdict:
    """What came of one translation."""

    outcome: Outcome
    note: str = ""
    """The first line of what went wrong."""
    isolation: Isolation | None = None


def verdict(outcome: Outcome, note: str, ran: Ran | NotBuilt) -> Verdict:
    """Return a verdict with a note that is short."""
    return Verdict(outcome=outcome, note=note[:_LONGEST_NOTE], isolation=ran.isolation)


def refused(built: NotBuilt) -> Verdict:
    """Return the verdict on a program that does not compile."""
    return verdict("does_not_compile", built.note, built)


def failed(ran: Ran, note: str = "") -> Verdict | None:
    """Return the verdict on a run that did not come to its end in peace: with exit code 0; else None."""
    if ran.end == "timeout":
        return verdict("timeout", f"ended after {ran.seconds:.1f} s", ran)
    if ran.end != "exit" or ran.exit_code != 0:
        return verdict("runtime_error", note or complaint(ran), ran)
    return None
