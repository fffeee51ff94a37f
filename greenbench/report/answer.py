"""The answer of a session in one to three sentences a task: what saves energy, and at what cost.

A variant is said to save energy, or to cost more, only if that is significant after correction over
the task's variants, and differs by more than the machine's own speed changed meanwhile. No ratio
stands without its 95 % interval, no conclusion without the number of rounds. Failed, degenerate,
ineffective and unmeasured cells are not named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.gates.changes import Change
from greenbench.report import numbers
from greenbench.report.comparison import MachineChange
from greenbench.report.cost import plural
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.report.comparison import TaskComparison
    from greenbench.report.names import ShortNames

NAMED = 2
"""Variants of a higher cost that are named, the worst ones."""
FEW_ROUNDS = 5
WORTH_A_WORD = 1.2
"""Change of the machine from which on it is said in the answer, whatever the variants' is."""


def sentences(comparison: TaskComparison, names: ShortNames) -> str:
    """Return the answer for one task."""
    known = comparable(comparison)
    controls = {}
    for cell_id in list(known):
        if comparison.is_control(cell_id):
            controls[cell_id] = known.pop(cell_id)
    if not known:
        return _nothing_compared(comparison) + _controls(controls, names)
    drifting = [cell_id for cell_id in known if comparison.is_drift(cell_id)]
    savers = []
    for cell_id, change in known.items():
        if change.is_lower and cell_id not in drifting:
            savers.append(cell_id)
    savers.sort(key=lambda cell_id: known[cell_id].value)
    energy = f"{energy_word(comparison)}energy"
    if savers:
        text = _saving(comparison, known, savers, names, energy)
    else:
        text = f"On {comparison.task} no variant is shown to save {energy} ({_rounds(known)})."
    steady = {cell_id: known[cell_id] for cell_id in known if cell_id not in drifting}
    text += _costs(steady, names) + _uncorrected(known, names)
    return text + _drift(comparison, names) + _controls(controls, names)


def comparable(comparison: TaskComparison) -> dict[str, Change]:
    """Return the cells whose joules are compared with V0's."""
    known = {}
    for cell_id, change in comparison.energy.items():
        if isinstance(change, Change):
            known[cell_id] = change
    return known


def energy_word(comparison: TaskComparison) -> str:
    """Return ``estimated``, ``partly simulated``, ... and a space; empty if all is measured."""
    sources: set[str] = set()
    for cell in comparison.cells:
        if cell.flaw is None:
            sources.update(cell.sources.values())
    kinds = {source.partition(":")[0] for source in sources}
    for word in ("simulated", "estimated"):
        if word in kinds:
            return f"{word} " if len(kinds) == 1 else f"partly {word} "
    return ""


def _nothing_compared(comparison: TaskComparison) -> str:
    task = comparison.task
    if not comparison.energy:
        baseline = comparison.baseline
        if baseline is not None and baseline.failed and baseline.flaw is not None:
            return f"On {task} only V0 ran, and {baseline.flaw.reason.rstrip('.')}."
        return f"On {task} only V0 was measured: there is no variant to compare with it."
    refusals: dict[str, None] = {}
    for change in comparison.energy.values():
        if not isinstance(change, Change):
            refusals[f"{change.word}: {change.reason}"] = None
    if not refusals:
        return f"On {task} V0 was measured again, and no variant."
    first, *others = refusals
    more = f"; and {plural(len(others), 'other reason')}" if others else ""
    return f"On {task} no variant can be compared with V0 ({first}{more})."


def _saving(
    comparison: TaskComparison,
    known: Mapping[str, Change],
    savers: Sequence[str],
    names: ShortNames,
    energy: str,
) -> str:
    best = savers[0]
    variants = []
    for cell_id in savers:
        variants.append(names.variant(cell_id) + _note(comparison, cell_id))
    which = f"On {comparison.task} {listed(variants, most=4)}"
    times = f"{_times(known[best], confidence=True)}, {_rounds({best: known[best]}, advise=False)}"
    score = _score(comparison, best)
    if len(savers) == 1:
        return f"{which} is shown to save {energy}: {times}; {score}."
    text = f"{which} are shown to save {energy}, {variants[0]} the most: {times}; {score}."
    return text + _best_without_loss(comparison, known, savers, names)


def _note(comparison: TaskComparison, cell_id: str) -> str:
    """Return ``(partial)`` for a cell in which a knob did not act as requested."""
    for cell in comparison.cells:
        if cell.id == cell_id and cell.status == "partial":
            return " (partial)"
    return ""


def _score(comparison: TaskComparison, cell_id: str) -> str:
    """Say what happened to the score of a cell that saves energy."""
    change = comparison.quality.get(cell_id)
    if not isinstance(change, Change):
        return f"its {comparison.score} is not compared"
    text = numbers.difference(change.value, change.low, change.high)
    if change.is_lower:
        return f"its {comparison.score} is lower, {text}"
    if change.is_higher:
        return f"its {comparison.score} is higher, {text}"
    return f"no change of its {comparison.score} is shown, {text}"


def _best_without_loss(
    comparison: TaskComparison,
    known: Mapping[str, Change],
    savers: Sequence[str],
    names: ShortNames,
) -> str:
    """Name the best saver whose score is not shown to be lower, if the best of all loses some."""
    losing = []
    for cell_id in savers:
        change = comparison.quality.get(cell_id)
        if isinstance(change, Change) and not change.is_lower:
            break
        losing.append(cell_id)
    else:
        return ""
    if not losing:
        return ""
    without = f"The most without a loss that is shown: {names.variant(cell_id)}"
    return f" {without}, {_times(known[cell_id])}; {_score(comparison, cell_id)}."


def _costs(known: Mapping[str, Change], names: ShortNames) -> str:
    """Say which variants cost significantly more, the worst by name."""
    costly = [cell_id for cell_id, change in known.items() if change.is_higher]
    if not costly:
        return ""
    costly.sort(key=lambda cell_id: -known[cell_id].value)
    worst = []
    for cell_id in costly[:NAMED]:
        worst.append(f"{names.variant(cell_id)} costs {_times(known[cell_id])}")
    more = len(costly) - len(worst)
    if more:
        worst.append(f"{more} more also cost{'s' * (more == 1)} more than V0")
    return f" {listed(worst)}."


def _uncorrected(known: Mapping[str, Change], names: ShortNames) -> str:
    """Name the variants whose interval excludes 1, but not after the correction for many."""
    alone = []
    for cell_id, change in known.items():
        if change.excludes_no_change and not change.significant:
            alone.append(names.variant(cell_id))
    if not alone:
        return ""
    verb = "differs" if len(alone) == 1 else "differ"
    return (
        f" {listed(alone, most=4)} {verb} from V0 by the interval alone, not after correction "
        f"over {plural(len(known), 'variant')}."
    )


def _drift(comparison: TaskComparison, names: ShortNames) -> str:
    """Name the variants whose change may be the machine's own, and say how much that changed."""
    drifting = []
    largest = MachineChange()
    for cell_id, change in comparable(comparison).items():
        largest = max(largest, comparison.machine_change(cell_id))
        if change.significant and comparison.is_drift(cell_id):
            drifting.append(names.variant(cell_id))
    if not drifting and largest.ratio < WORTH_A_WORD:
        return ""
    text = f" The machine itself changed: its {largest.kernel} ran up to "
    text += f"{largest.ratio:.2g} times as fast at one time as at another"
    if drifting:
        verb = "differs" if len(drifting) == 1 else "differ"
        text += f", and {listed(drifting, most=4)} {verb} from V0 by less"
    return f"{text}."


def _controls(controls: Mapping[str, Change], names: ShortNames) -> str:
    """Say how much V0, measured again under other names, differs from itself."""
    text = ""
    for cell_id, change in controls.items():
        text += f" The A/A control {names.variant(cell_id)} took {_times(change)}: "
        if change.significant:
            text += "V0 differs from itself by as much, so trust no smaller change."
        else:
            text += "no difference from V0 is shown, and none is there."
    return text


def _times(change: Change, *, confidence: bool = False) -> str:
    text = numbers.ratio(change.value, change.low, change.high)
    value, _, interval = text.partition(" (")
    return f"{value} times V0 ({'95 % ' if confidence else ''}{interval}"


def _rounds(known: Mapping[str, Change], *, advise: bool = True) -> str:
    """Return ``n = 1 round`` with what would help if there are few."""
    counts = [change.rounds for change in known.values()]
    least, most = min(counts), max(counts)
    text = f"n = {plural(most, 'round')}"
    if least != most:
        text = f"n = {least} to {plural(most, 'round')}"
    if advise and least < FEW_ROUNDS:
        text += f"; --green-rounds {FEW_ROUNDS} would narrow the intervals"
    return text
