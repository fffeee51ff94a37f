"""A gate over the cells of a run: one verdict each. What cannot be judged is refused, and a refusal fails.

REGRESSED wants proof: the 95 % interval lies beyond the threshold, and the one-sided p-value holds after Holm's correction
over the gate's cells, so that a gate on many cells raises a false alarm in at most 2.5 of 100 sessions. PASS wants proof as
well: the interval lies on the right side. What lies between is INCONCLUSIVE.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from greenbench.gates import dependence
from greenbench.gates import margins as estimates
from greenbench.gates import score_margins as scores
from greenbench.gates.comparability import NEW, refusal
from greenbench.gates.expression import SAVED
from greenbench.gates.margins import WORTH
from greenbench.gates.metrics import readings
from greenbench.gates.rounds_needed import MOST, POWER, machine_decides, rounds_needed, rounds_worth
from greenbench.gates.verdict import Verdict, judged
from greenbench.stats import student

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.gates.expression import Gate
    from greenbench.gates.metrics import Readings
    from greenbench.gates.verdict import Against, Estimate, Measured, Outcome

ALPHA = 0.025
"""One-sided, as the interval's ends are."""
UNKNOWN_DRIFT = 0.02
"""What a machine without a yardstick is taken to change between two sessions: what one with it did from hour to hour."""


class Open(NamedTuple):
    """A cell that can be judged: the verdict but for its outcome, and the estimate."""

    verdict: Verdict
    estimate: Estimate


def judge(gate: Gate, cells: Mapping[str, Measured], against: Against) -> list[Verdict]:
    """Return a verdict for each cell that ``gate`` is about; at least one, as no gate holds of nothing."""
    asked = [
        m for m in cells.values() if gate.applies(m.record.task) and not is_named(m, gate.reference)
    ]
    found = [_examined(gate, cell, cells, against) for cell in asked]
    settled = iter(_settled(gate, [one for one in found if isinstance(one, Open)]))
    verdicts = [one if isinstance(one, Verdict) else next(settled) for one in found]
    verdicts += _absent(gate, cells, against)
    return verdicts or [
        judged(gate, "-", "MISSING", f"no cell of this run has {gate.metric}{_of_task(gate)}")
    ]


def _of_task(gate: Gate) -> str:
    return f" in {gate.task}" if gate.task else ""


def _absent(gate: Gate, cells: Mapping[str, Measured], against: Against) -> list[Verdict]:
    """Refuse what should be there: cells that were to run, and those of the compared run."""
    lost = {
        name: "it was to run and left no record" for name in against.expected if name not in cells
    }
    if gate.reference == SAVED:
        lost |= {name: why for name, why in against.gone.items() if name not in lost}
    return [
        judged(gate, name, "MISSING", why)
        for name, why in lost.items()
        if gate.applies(name.partition("-")[0])
    ]


def is_named(cell: Measured, reference: str | None) -> bool:
    """Whether a reference names this cell: by its variant's number or name, with the swept value where it has one."""
    variant = cell.record.variant
    suffix = cell.id.removeprefix(f"{cell.record.task}-{variant}")
    return reference in {f"{variant}{suffix}", f"{variant.partition('_')[0]}{suffix}"}


def _examined(
    gate: Gate, cell: Measured, cells: Mapping[str, Measured], against: Against
) -> Verdict | Open:
    if flaw := cell.record.flaw:
        return judged(gate, cell.id, cast("Outcome", flaw.verdict), flaw.reason)
    other: Measured | None = None
    if gate.reference:
        reference = _reference(gate, cell, cells, against)
        if isinstance(reference, Verdict):
            return reference
        other = reference
        if flaw := other.record.flaw:
            reason = f"{other.id} of {other.origin}: {flaw.reason}"
            return judged(gate, cell.id, cast("Outcome", flaw.verdict), reason)
    return _compared(gate, cell, other, against.allow)


def _reference(
    gate: Gate, cell: Measured, cells: Mapping[str, Measured], against: Against
) -> Measured | Verdict:
    name = str(gate.reference)
    if name == SAVED:
        found = (against.saved or {}).get(cell.id)
        if found is None:
            allowed = " (--green-allow new lets new cells pass)" if against.saved else ""
            why = f"{against.saved_name or 'the compared run'} has no {cell.id}: run it there too{allowed}"
            if (
                NEW in against.allow
                and set(cells) & set(against.saved or ())
                and not isinstance(_seen(gate, cell), str)
            ):
                return judged(gate, cell.id, "PASS", f"new, and let pass: {why}")
            return judged(gate, cell.id, "MISSING", why)
        return found
    same = [m for m in cells.values() if m.record.task == cell.record.task and is_named(m, name)]
    lost = [e for e in against.expected if e.startswith(f"{cell.record.task}-{name}")]
    if not same and lost:
        return judged(gate, cell.id, "MISSING", f"{lost[0]} was to run and left no record")
    found = same[0] if same else against.earlier(name, cell)
    if found is None:
        how = f'pytest bench -k "{cell.record.task} and {name}_"'
        return judged(
            gate,
            cell.id,
            "MISSING",
            f"{name} is not in this run, and no comparable one in earlier results: {how}",
        )
    return found


def _named(other: Measured) -> str:
    return other.id if other.origin == "this session" else f"{other.id} of {other.origin}"


def _compared(
    gate: Gate, cell: Measured, other: Measured | None, allow: Collection[str]
) -> Verdict | Open:
    sides = [m for m in (cell, other) if m is not None]
    seen = [_seen(gate, side) for side in sides]
    for side, one in zip(sides, seen, strict=True):
        if isinstance(one, str):
            return judged(
                gate, cell.id, "UNMEASURED", one if side is cell else f"{_named(side)}: {one}"
            )
    known = [one for one in seen if not isinstance(one, str)]
    about: dict[str, Any] = dict(zip(("here", "there"), map(_value, known), strict=False))
    about["reference"] = _named(other) if other else ""
    if other and (why := refusal(cell, other, gate, allow)):
        return judged(gate, cell.id, "NOT-COMPARABLE", why, **about)
    try:
        found = _estimate(gate, sides, known)
    except ValueError as error:
        return judged(gate, cell.id, "NOT-COMPARABLE", str(error), **about)
    return Open(judged(gate, cell.id, "INCONCLUSIVE", **about), found)


def _seen(gate: Gate, side: Measured) -> Readings | float | str:
    """Return what a cell shows of the metric, or why it shows nothing."""
    if gate.about.kind != "quality":
        return readings(gate, side.record)
    score = scores.value(side.record, gate.metric)
    return _unscored(gate, side) if score is None else score


def _value(seen: Readings | float) -> float:
    return seen if isinstance(seen, float) else sum(seen.values.values()) / len(seen.values)


def _unscored(gate: Gate, side: Measured) -> str:
    metric = side.record.quality.get(gate.metric)
    reason = metric.reason if metric is not None else ""
    return reason or f"{gate.metric} was not scored"


def _estimate(gate: Gate, sides: Sequence[Measured], seen: Sequence[Readings | float]) -> Estimate:
    cell, other = sides[0], sides[1] if len(sides) > 1 else None
    shown = [one for one in seen if not isinstance(one, float)]
    if not shown:
        return scores.estimate(gate, cell.record, other.record if other else None)
    apart = other is not None and not _one_session(cell, other)
    drift = _drift(gate, cell, other) if apart and other else 0.0
    return estimates.estimate(gate, shown[0], shown[1] if other else None, drift)


def _one_session(one: Measured, other: Measured) -> bool:
    ids = [side.header.session_id for side in (one, other)]
    return one.header is other.header or (ids[0] is not None and ids[0] == ids[1])


def _drift(gate: Gate, cell: Measured, other: Measured) -> float:
    """Return by how much the reference kernel's rate changed between two sessions, as a part.

    It counts as a standard uncertainty of the ratio; without a kernel ``UNKNOWN_DRIFT`` does.
    """
    if gate.about.kind not in {"energy", "time"}:
        return 0.0
    energy = gate.about.kind == "energy"
    name = "operations_per_joule" if energy else "operations_per_second"
    ours, theirs = (side.record.kernel_rates(name) for side in (cell, other))
    if not ours or not theirs:
        return UNKNOWN_DRIFT
    here, there = sum(ours) / len(ours), sum(theirs) / len(theirs)
    return abs(here / there - 1)


def _described(verdict: Verdict, found: Estimate) -> Verdict:
    """Add the change and its interval."""
    margins = estimates.bounds(found)
    known = all(abs(m) < float("inf") for m in margins)
    low, high = sorted(found.shown(m) for m in margins) if known else (None, None)
    return replace(verdict, change=found.shown(found.margin), low=low, high=high, how=found.how)


def _settled(gate: Gate, found: Sequence[Open]) -> list[Verdict]:
    """Decide the cells of one gate together."""
    alike = (
        gate.reference == SAVED and gate.form == "ratio"
    )  # margins in joules would be as large as their cells
    known = dependence.corrected([one.estimate for one in found], unchanged=alike)
    chances = student.holm([estimates.chance(one) for one in known])
    asked = [Open(_described(one.verdict, e), e) for one, e in zip(found, known, strict=True)]
    return [_decided(gate, one, p, len(asked)) for one, p in zip(asked, chances, strict=True)]


def _decided(gate: Gate, open_cell: Open, p: float, cells: int) -> Verdict:
    """Return the verdict on one of ``cells`` of a gate, whose corrected p-value is ``p``."""
    verdict = replace(open_cell.verdict, p=p)
    estimate = open_cell.estimate
    if not estimate.above and not estimate.below:
        return replace(verdict, outcome="PASS" if _meets(gate, estimate.margin) else "REGRESSED")
    low, high = estimates.bounds(estimate)
    if low >= 0:
        return replace(verdict, outcome="PASS")
    if high < 0 and p <= ALPHA:
        return replace(verdict, outcome="REGRESSED")
    if high < 0:
        reason = f"significant by itself, but not after Holm's correction over {cells} cells"
    else:
        reason = "the 95 % confidence interval contains the threshold"
    needed = rounds_needed(estimate, cells)
    worth = None if needed else rounds_worth(estimate, cells)
    remedy = _remedy(estimate, needed, worth)
    return replace(verdict, rounds_needed=needed or worth, reason=f"{reason}; {remedy}")


def _meets(gate: Gate, margin: float) -> bool:
    """Whether a margin without any uncertainty meets the gate."""
    return margin > 0 or (margin == 0 and "=" in gate.operator)


def _remedy(estimate: Estimate, needed: int | None, worth: int | None) -> str:
    """Say what would settle an inconclusive verdict."""
    if needed is not None:
        return f"about {needed:,} rounds would settle it (--green-rounds {needed})"
    if worth is not None:
        close = f"too close to resolve in {MOST:,} rounds"
        detected = f"a {100 * WORTH:.0f} % change with {100 * POWER:.0f} % power"
        return f"{close}; {worth:,} detect {detected} (--green-rounds {worth})"
    if estimate.spread is None:
        return "more test examples would settle it, more rounds would not"
    if machine_decides(estimate):
        return (
            "more rounds would not settle it: the machine itself, by its reference kernel, is "
            f"uncertain by {100 * estimate.fixed:.1f} %"
        )
    return f"{MOST:,} rounds would not settle it: rounds differ too much"
