"""What goes into a judgement and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from greenbench.gates.expression import SAVED, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

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
"""Outcomes that say why nothing could be judged: each fails, as REGRESSED does. Nothing passes by being absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A cell's record with the circumstances that it was measured in."""

    record: CellRecord
    header: RunHeader
    origin: str = "this session"
    """The file that it comes from."""

    @property
    def id(self) -> str:
        """The pytest id."""
        return self.record.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How a cell compares, in numbers: ``margin`` is above zero where the gate holds.

    For ratios the margin is a difference of logarithms, otherwise it is in the metric's unit. ``below`` and ``above`` are its
    standard uncertainties to either side, of ``freedom`` degrees of freedom; 0 where nothing is uncertain.
    """

    margin: float
    below: float = 0.0
    above: float = 0.0
    freedom: float = float("inf")
    shown: Callable[[float], float] = field(default=lambda margin: margin)
    """From a margin to the ratio or difference that a reader wants to see."""
    spread: float | None = None
    """Standard deviation of a round's margin; None where more rounds would not help."""
    rounds: int = 1
    series: tuple[tuple[float, ...], ...] = ()
    """What the rounds showed in their order, on the margin's scale: one series where they pair up, one a side where not."""
    correlation: float = 0.0
    """Of neighbouring rounds; see ``dependence``."""
    planned: float = 0.0
    """The margin that rounds are planned for, where a larger one was seen."""
    fixed: float = 0.0
    """Part of the uncertainty that more rounds do not make smaller."""
    how: str = ""
    """The method, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a gate for one cell."""

    gate: str
    cell: str
    outcome: Outcome
    reason: str = ""
    metric: str = ""
    unit: str = ""
    here: float | None = None
    there: float | None = None
    reference: str = ""
    """The cell that it was held against, and where that comes from."""
    form: str = ""
    """What ``change`` is: ``ratio`` or ``difference``, or ``number`` where there is no reference."""
    change: float | None = None
    low: float | None = None
    high: float | None = None
    """Bounds of the change's 95 % interval."""
    threshold: float | None = None
    """What the gate demands of the change."""
    p: float | None = None
    """Probability of so bad a margin where the gate just holds, after Holm's correction over the gate's cells."""
    rounds_needed: int | None = None
    """About how many rounds would settle an open verdict; None where none would, or where it is settled."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What the cells of a run may be held against, and what a person lets pass."""

    saved: Mapping[str, Measured] | None = None
    """The cells of the compared run."""
    saved_name: str = ""
    earlier: Callable[[str, Measured], Measured | None] = lambda _name, _cell: None
    """Finds a variant's newest comparable cell of an earlier session, for a cell of this one."""
    expected: Collection[str] = ()
    """Cells that were to run."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Cells of the compared run that this one should have and has not, and why."""
    allow: Collection[str] = ()
    """Differences that a person lets pass."""


def record(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as builtins."""
    return {f.name: getattr(verdict, f.name) for f in fields(verdict)}


def fails(verdict: Verdict, *, strict: bool = False) -> bool:
    """Whether a verdict fails its session; open ones do where a person is ``strict``."""
    return verdict.outcome in {"REGRESSED", *REFUSALS} or (
        strict and verdict.outcome == "INCONCLUSIVE"
    )


def judged(gate: Gate, cell: str, outcome: Outcome, reason: str = "", **more: Any) -> Verdict:
    """Return a verdict on ``cell`` with what the gate itself says."""
    metric = f"{gate.stage}.{gate.metric}" if gate.stage else gate.metric
    threshold = gate.number if gate.form != "ratio" or gate.reference else None
    return Verdict(
        gate=gate.text,
        cell=cell,
        outcome=outcome,
        reason=reason,
        metric=metric,
        unit=gate.about.unit,
        form=gate.form,
        threshold=threshold,
        **more,
    )
