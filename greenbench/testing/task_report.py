"""What a look at a task found."""

from __future__ import annotations

from dataclasses import dataclass

from greenbench.errors import Disagreements


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReport:
    """What is wrong with a task, and what a person should know of it: one sentence each."""

    task: str
    """Its name."""
    problems: tuple[str, ...] = ()
    """What makes its results worthless, or keeps it from running."""
    warnings: tuple[str, ...] = ()
    """What may be meant so, and what could not be looked at."""

    def require(self) -> None:
        """Raise Disagreements, with all problems, if there are any."""
        if self.problems:
            raise Disagreements(list(self.problems))

    def __str__(self) -> str:
        """Return all of it, a line each."""
        lines = [f"problem: {problem}" for problem in self.problems]
        lines += [f"warning: {warning}" for warning in self.warnings]
        return "\n".join(lines) or f"{self.task}: nothing is wrong"


@dataclass(slots=True)
class TaskFaults:
    """Problems and warnings while a task is looked at."""

    task: str
    problems: list[str]
    warnings: list[str]

    def report(self) -> TaskReport:
        """Return each of them once."""
        return TaskReport(
            task=self.task,
            problems=tuple(dict.fromkeys(self.problems)),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )
