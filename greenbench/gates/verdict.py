"""The data of a judgement: measured cells and estimates go in, verdicts come out."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from greenbench.gates.expression import SAVED, parse
from greenbench.stats.looks import Look
from greenbench.stats.student import ALPHA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenbench.gates.expression import Gate
    from greenbench.results.reading import CellRecord, RunHeader

Outcome = Literal[
    "PASS",
    "REGRESSED",
    "INCONCLUSIVE",
    "UNMEASURED",
    "MISSING",
    "DEGENERATE",
    "NO-EFFECT",
    "NOT-COMPARABLE",
]

REFUSALS = ("UNMEASURED", "MISSING", "DEGENERATE", "NO-EFFECT", "NOT-COMPARABLE")
"""Outcomes that say why nothing could be judged. Each fails: nothing passes by being absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A cell's record with the circumstances that it was measured in."""

    record: CellRecord
    header: RunHeader
    origin: str = "this session"
    """The file that it comes from."""
    apart: tuple[Measured, ...] = ()
    """The cell in each session of a run on many machines, which ``gates.fleets`` joined."""

    @property
    def id(self) -> str:
        """The pytest id."""
        return self.record.id

    @property
    def look(self) -> Look | None:
        """The look at it by the blocks that it has; None if its session took none."""
        numbers = [one_round.block for one_round in self.record.rounds]
        if self.header.looks is None or None in numbers or not numbers:
            return None
        return Look(self.header.looks, len(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How a cell compares, in numbers: ``margin`` is above zero if the gate is met.

    For ratios the margin is a difference of logarithms, otherwise it is in the metric's unit.
    ``below`` and ``above`` are its standard uncertainties to either side, with ``freedom`` degrees
    of freedom; 0 if nothing is uncertain.
    """

    margin: float
    below: float = 0.0
    above: float = 0.0
    freedom: float = float("inf")
    shown: Callable[[float], float] = field(default=lambda margin: margin)
    """From a margin to the ratio, the difference or the value that people read."""
    spread: float | None = None
    """Standard deviation of a round's margin; None if more rounds would not help."""
    rounds: int = 1
    series: tuple[tuple[float, ...], ...] = ()
    """The rounds in their order, on the margin's scale: one series of pairs, or one a side."""
    correlation: float = 0.0
    """Of neighbouring rounds; see ``dependence``."""
    planned: float = 0.0
    """The margin that rounds are planned for if the observed one is larger."""
    fixed: float = 0.0
    """The part of the uncertainty that more rounds do not reduce."""
    machine: str = ""
    """What shows that the machine changed between two sessions, in a few words."""
    unknown: float = 0.0
    """By how much the margin may be off at most for a cause whose distribution is unknown."""
    open_because: str = ""
    """Why it is unknown, and what would help."""
    left_out: float = ALPHA
    """What the interval leaves out on each side: less where it pays for repeated looks."""
    how: str = ""
    """The method, in a few words."""
    pooled: float = 1.0
    """How many degrees of freedom each further round adds: in blocks those of other cells too."""
    control: str = ""
    """The cell that others of the gate were compared with in the same blocks, if these are enough
    to correct for many cells by its ``part``."""
    part: float = 0.0
    """Part of the variance that is the control's."""
    between_hosts: float | None = None
    """Standard deviation between the hosts of a run; None for one host, and for other runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The result of a gate for one cell."""

    gate: str
    cell: str
    outcome: Outcome
    reason: str = ""
    metric: str = ""
    unit: str = ""
    here: float | None = None
    there: float | None = None
    reference: str = ""
    """The cell that it was compared with, and its origin."""
    form: str = ""
    """What ``change`` is: ``ratio`` or ``difference``, or ``number`` without a reference."""
    change: float | None = None
    low: float | None = None
    high: float | None = None
    """Bounds of the change's 95 % confidence interval."""
    threshold: float | None = None
    """What the gate requires of the change."""
    rounds: int | None = None
    """The rounds, or blocks, that the change stands on; None for scores and counts.

    A block that was left out as warm-up is none of them."""
    p: float | None = None
    """One-sided p-value of the margin, corrected over the gate's cells.

    With repeated looks it is a repeated p-value, which counts them all."""
    blocks: int | None = None
    """With repeated looks, the blocks that its last look had; then the interval is a repeated one,
    which counts all looks."""
    most_blocks: int | None = None
    """The most blocks that such a session would have measured."""
    between_hosts: float | None = None
    """Of a run on many machines, the standard deviation of the change between hosts, relative for a
    ratio; None for one host, and for other runs."""
    rounds_needed: int | None = None
    """About how many rounds would settle an inconclusive verdict; None if none would."""
    how: str = ""

    @property
    def word(self) -> str:
        """The outcome as people read it.

        A loss is a regression only against a saved run: a variant that saves 25 % where 40 % were
        required has not regressed, it fails.
        """
        if self.outcome == "REGRESSED" and parse(self.gate).reference != SAVED:
            return "FAIL"
        return self.outcome

    @property
    def is_open(self) -> bool:
        """Whether it is inconclusive, and more rounds may settle it."""
        return self.outcome == "INCONCLUSIVE" and self.rounds_needed is not None

    def fails(self, *, strict: bool = False) -> bool:
        """Whether it fails its session; an inconclusive one does if ``strict``."""
        if self.outcome == "INCONCLUSIVE":
            return strict
        return self.outcome != "PASS"

    def record(self) -> dict[str, Any]:
        """Return it as plain builtins."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


def any_fails(verdicts: Iterable[Verdict], *, strict: bool) -> bool:
    """Whether one of ``verdicts`` fails their session."""
    return any(verdict.fails(strict=strict) for verdict in verdicts)


def judged(gate: Gate, cell: str, outcome: Outcome, reason: str = "", **more: Any) -> Verdict:
    """Return a verdict on ``cell`` with what the gate itself says; ``more`` are other fields."""
    return Verdict(
        gate=gate.text,
        cell=cell,
        outcome=outcome,
        reason=reason,
        metric=gate.quantity,
        unit=gate.about.unit,
        form=gate.form,
        threshold=gate.number,
        **more,
    )
