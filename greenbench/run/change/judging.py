"""Judges a change by its blocks, and confirms an alarm by a second, fresh set of blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.gates.expression import SAVED, parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References, is_named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured, Verdict

EXACT = "work"
"""The kind of metrics that are counted: another count is no alarm by chance."""


def verdicts_on(
    gates: Sequence[Gate],
    head: Mapping[str, Measured],
    base: Mapping[str, Measured],
    *,
    base_name: str,
    allow: Collection[str] = (),
) -> list[Verdict]:
    """Return a verdict for each gate and cell.

    ``saved`` is the base, whose rounds are paired with the change's by block; a variant is the
    change's own.
    """
    reason = f"{base_name} has it and the change has not: removed, renamed or not run"
    references = References(
        saved=base,
        saved_name=base_name,
        gone={name: reason for name in base if name not in head},
        allow=allow,
        in_turns=True,
        same_cells=False,  # blocks leave no scatter of sessions to be estimated from other cells
    )
    verdicts = []
    for gate in gates:
        for verdict in judge(gate, head, references):
            remedy = verdict.reason.replace("--green-rounds", "--blocks")
            verdicts.append(replace(verdict, reason=remedy))
    return verdicts


def is_alarm(verdict: Verdict) -> bool:
    """Whether a verdict fails by a measurement, which chance may have produced."""
    return verdict.outcome == "REGRESSED" and parse(verdict.gate).about.kind != EXACT


def verdicts_on_alarms(
    alarms: Sequence[Verdict],
    head: Mapping[str, Measured],
    base: Mapping[str, Measured],
    *,
    base_name: str,
    allow: Collection[str] = (),
) -> list[Verdict]:
    """Return the verdicts of fresh blocks on the cells that gave ``alarms``, and on no others.

    So Holm's correction is over these cells alone.
    """
    verdicts: list[Verdict] = []
    for text in dict.fromkeys(alarm.gate for alarm in alarms):
        gate = parse(text)
        names = {alarm.cell for alarm in alarms if alarm.gate == text}
        cells = {}
        for name, cell in head.items():
            if name in names or is_named(cell, gate.reference):
                cells[name] = cell
        saved = {name: cell for name, cell in base.items() if name in names}
        verdicts += verdicts_on([gate], cells, saved, base_name=base_name, allow=allow)
    return verdicts


def confirmed(first: Sequence[Verdict], second: Sequence[Verdict]) -> list[Verdict]:
    """Return the ``first`` verdicts, each alarm among them as the ``second`` ones have it.

    An alarm that is not confirmed is INCONCLUSIVE, also where the second set proves the contrary.
    """
    fresh = {(verdict.gate, verdict.cell): verdict for verdict in second}
    verdicts = []
    for verdict in first:
        again = fresh.get((verdict.gate, verdict.cell))
        if again is None or not is_alarm(verdict):
            verdicts.append(verdict)
        elif again.fails():
            reason = f"{again.reason}; " if again.reason else ""
            note = f"{reason}confirmed by a second set of blocks; the first showed {shown(verdict)}"
            verdicts.append(replace(again, reason=note))
        else:
            alarm = "an alarm that a second set of blocks did not confirm"
            note = f"{alarm}: {shown(verdict)} at first"
            verdicts.append(replace(again, outcome="INCONCLUSIVE", reason=note))
    return verdicts


def shown(verdict: Verdict) -> str:
    """Return the change of a verdict with its interval, as a sentence has it."""
    if verdict.change is None:
        return "no change"
    form = "{:.3f}" if verdict.form == "ratio" else "{:.4g}"
    text = form.format(verdict.change)
    if verdict.low is None or verdict.high is None:
        return text
    return f"{text} ({form.format(verdict.low)} to {form.format(verdict.high)})"


def compares_sides(gates: Sequence[Gate]) -> bool:
    """Whether any gate compares the change with its base."""
    return any(gate.reference == SAVED for gate in gates)
