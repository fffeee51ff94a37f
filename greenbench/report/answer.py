"""The answer of a session in a few sentences a task: what saves energy, and at what cost.

``findings`` decides what saves energy and what costs more. No ratio stands without its 95 %
interval, no conclusion without the number of rounds, and joules that were not measured are called
so. Failed, degenerate, ineffective, unmeasured and incomparable cells are not named; one in which a
knob did not act as requested is named as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.gates.changes import Change, NoChange
from greenbench.report import numbers
from greenbench.report.comparison import MachineChange
from greenbench.report.cost import plural
from greenbench.report.findings import (
    CONTROL,
    DRIFT,
    OPEN,
    PARTIAL,
    findings,
    is_partial,
    keeps,
    loses,
)
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenbench.report.comparison import TaskComparison
    from greenbench.report.findings import Findings
    from greenbench.report.names import ShortNames

NAMED = 2
"""Variants of a higher cost that are named, the worst ones."""
LISTED = 4
"""Variants that a sentence lists; of more it counts the rest."""
FEW_ROUNDS = 5
TWICE = 2
"""Times V0's time from which on a multiple is said, and below it what is more in per cent."""
WORTH_A_WORD = 1.2
"""Change of the machine from which on it is said in the answer, whatever the variants' is."""


def sentences(comparison: TaskComparison, names: ShortNames) -> str:
    """Return the answer for one task."""
    found = findings(comparison)
    if not found.compared:
        return _nothing_compared(comparison) + _controls(found, names)
    if found.keepers:
        text = _saving(found, names) + _losing(found, names) + _open(found, names)
    else:
        energy = f"{found.source_word(found.compared)}energy"
        rounds = _rounds(found.compared.values(), advise=not found.losers)
        kept = f" and to keep its {comparison.score}" if found.losers else ""
        text = f"On {comparison.task}, no variant is shown to save {energy}{kept} ({rounds})."
        text += _losing(found, names)
    text += _costs(found, names) + _partial(found, names) + _uncorrected(found, names)
    return text + _drift(found, names) + _controls(found, names)


def _nothing_compared(comparison: TaskComparison) -> str:
    task = comparison.task
    if not comparison.energy:
        baseline = comparison.baseline
        if baseline is not None and baseline.failed and baseline.flaw is not None:
            return f"On {task}, only V0 ran, and {baseline.flaw.reason.rstrip('.')}."
        return f"On {task}, only V0 was measured: there is no variant to compare with it."
    refusals: dict[str, None] = {}
    for change in comparison.energy.values():
        if isinstance(change, NoChange):
            refusals[f"{change.word}: {change.reason}"] = None
    if not refusals:
        return f"On {task}, V0 was measured again, and no variant."
    first, *others = refusals
    more = f"; and {plural(len(others), 'other reason')}" if others else ""
    return f"On {task}, no variant can be compared with V0 ({first}{more})."


def _saving(found: Findings, names: ShortNames) -> str:
    """Name all that save energy and lose no score that is shown, and say how much the best does."""
    keepers = found.keepers
    variants = [names.variant(cell_id) for cell_id in keepers]
    best, change = next(iter(keepers.items()))
    amount = numbers.saving(change.value, change.low, change.high)
    rounds = _rounds([change])
    score = _score(found.comparison, best) + _time(found.comparison, best)
    subject = f"On {found.comparison.task}, {listed(variants, most=LISTED)}"
    source = found.source_word(keepers)
    if len(keepers) == 1:
        return f"{subject} saves {amount} of V0's {source}energy, {rounds}; {score}."
    most = f"{variants[0]} the most: {amount} of V0's, {rounds}"
    return f"{subject} save {source}energy, {most}; {score}.{_safest(found, names)}"


def _safest(found: Findings, names: ShortNames) -> str:
    """Name the one that saves most of those that keep their score, if the best of all may not."""
    comparison = found.comparison
    keepers = list(found.keepers.items())
    for place, (cell_id, change) in enumerate(keepers):
        if not keeps(comparison, cell_id):
            continue
        if place == 0:
            return ""
        amount = numbers.saving(change.value, change.low, change.high)
        text = f" Of those that are shown to keep it, {names.variant(cell_id)} saves most: {amount}"
        return f"{text}, {_rounds([change])}; {_score(comparison, cell_id)}."
    return ""


def _losing(found: Findings, names: ShortNames) -> str:
    """Say what became of the score of those that save energy and do not keep it."""
    losers = list(found.losers.items())
    text = ""
    for cell_id, change in losers[:NAMED]:
        amount = numbers.saving(change.value, change.low, change.high)
        source = found.source_word([cell_id])
        saving = f" {names.variant(cell_id)} saves {amount} of V0's {source}energy"
        text += f"{saving}, but {_score(found.comparison, cell_id)}, {_rounds([change])}."
    more = len(losers) - NAMED
    if more > 0:
        lose = "saves energy and does" if more == 1 else "save energy and do"
        text += f" {more} more {lose} not keep the {found.comparison.score}."
    return text


def _score(comparison: TaskComparison, cell_id: str) -> str:
    """Say what happened to the score of a cell that saves energy."""
    change = comparison.quality.get(cell_id)
    if not isinstance(change, Change):
        reason = f" ({change.word}: {change.reason})" if change is not None else ""
        return f"its {comparison.score} is not compared{reason}"
    if change.low == change.high == 0:
        return f"its {comparison.score} is V0's in every round"
    text = numbers.difference(change.value, change.low, change.high)
    if loses(comparison, cell_id):
        return f"its {comparison.score} is worse, {text}"
    if change.significant:
        return f"its {comparison.score} is better, {text}"
    within = comparison.tolerance
    if keeps(comparison, cell_id):
        return f"its {comparison.score} is kept within {within}, {text}"
    return f"that its {comparison.score} is kept within {within} is not shown, {text}"


def _time(comparison: TaskComparison, cell_id: str) -> str:
    """Say how long a cell takes beside V0; empty if that is not known."""
    change = comparison.time.get(cell_id)
    if not isinstance(change, Change):
        return ""
    bounds = (change.value, change.low, change.high)
    if not change.excludes_no_change:
        return f"; no change in its time is shown, {numbers.change(*bounds)}"
    if change.value < 1:
        return f"; it takes {numbers.saving(*bounds)} less time"
    if change.value < TWICE:
        return f"; it takes {numbers.increase(*bounds)} longer"
    return f"; it takes {_times(change)} V0's time"


def _open(found: Findings, names: ShortNames) -> str:
    """Name the variants of which nothing is shown, beside those that save."""
    still_open = found.of(OPEN)
    if not still_open:
        return ""
    variants = [names.variant(cell_id) for cell_id in still_open]
    verb = "saves" if len(variants) == 1 else "save"
    rounds = _count(still_open.values())
    return f" {listed(variants, most=LISTED)} {verb} nothing that {rounds} can show."


def _costs(found: Findings, names: ShortNames) -> str:
    """Say which variants cost significantly more, the worst by name."""
    costly = found.costly
    if not costly:
        return ""
    worst: list[str] = []
    for cell_id, change in list(costly.items())[:NAMED]:
        verb = "" if worst else "costs "
        partial = " (partial)" if is_partial(found.comparison, cell_id) else ""
        worst.append(f"{names.variant(cell_id)}{partial} {verb}{_times(change)}")
    text = f" {listed(worst)} V0's {found.source_word(costly)}energy, {_rounds(costly.values())}"
    more = len(costly) - len(worst)
    if more:
        text += f"; {more} more also cost{'s' * (more == 1)} more"
    return f"{text}."


def _partial(found: Findings, names: ShortNames) -> str:
    """Name the variants that took less than V0, or about as much, without one of their knobs."""
    partial = found.of(PARTIAL)
    if not partial:
        return ""
    baseline = found.comparison.baseline
    if baseline is not None and baseline.status == "partial":
        return " V0 is partial: a knob of it did not act as requested, so nothing saves beside it."
    variants = [names.variant(cell_id) for cell_id in partial]
    verb = "is" if len(variants) == 1 else "are"
    knob = "a knob did not act as requested, which makes it no evidence of a saving"
    return f" {listed(variants, most=LISTED)} {verb} partial: {knob}."


def _uncorrected(found: Findings, names: ShortNames) -> str:
    """Name the variants whose interval excludes 1, but not after the correction for many."""
    alone = []
    for cell_id, change in found.of(OPEN).items():
        if change.excludes_no_change:
            alone.append(names.variant(cell_id))
    if not alone:
        return ""
    verb = "differs" if len(alone) == 1 else "differ"
    return (
        f" {listed(alone, most=LISTED)} {verb} from V0 by the interval alone, not after correction "
        f"over {plural(len(found.compared), 'variant')}."
    )


def _drift(found: Findings, names: ShortNames) -> str:
    """Name the variants whose change may be the machine's own, and say how much that changed."""
    largest = MachineChange()
    for cell_id in found.compared:
        largest = max(largest, found.comparison.machine_change(cell_id))
    drifting = [names.variant(cell_id) for cell_id in found.of(DRIFT)]
    if not drifting and largest.ratio < WORTH_A_WORD:
        return ""
    text = f" The machine itself changed: its {largest.kernel} ran up to "
    text += f"{largest.ratio:.2g} times as fast at one time as at another"
    if drifting:
        verb = "differs" if len(drifting) == 1 else "differ"
        text += f", and {listed(drifting, most=LISTED)} {verb} from V0 by less"
    return f"{text}."


def _controls(found: Findings, names: ShortNames) -> str:
    """Say how much V0, measured again under other names, differs from itself."""
    text = ""
    for cell_id, change in found.of(CONTROL).items():
        source = found.source_word([cell_id])
        text += f" The A/A control {names.variant(cell_id)} took {_times(change)} V0's "
        text += f"{source}energy, {_rounds([change])}: "
        if change.significant:
            text += "V0 differs from itself by as much, so trust no smaller change."
        else:
            text += "no difference from V0 is shown, and none is there."
    return text


def _times(change: Change) -> str:
    """Return ``5.7 times (95 % interval 5.6 to 5.9)``."""
    text = numbers.ratio(change.value, change.low, change.high)
    value, _, interval = text.partition(" (")
    return f"{value} times (95 % interval {interval}"


def _rounds(changes: Iterable[Change], *, advise: bool = False) -> str:
    """Return ``n = 1 round``; ``advise`` adds what would help if there are few."""
    known = list(changes)
    text = f"n = {_count(known)}"
    if advise and min(change.rounds for change in known) < FEW_ROUNDS:
        text += f"; --green-rounds {FEW_ROUNDS} would narrow the intervals"
    return text


def _count(changes: Iterable[Change]) -> str:
    """Return ``5 rounds``, or ``3 to 5 rounds`` where variants had different numbers."""
    counts = [change.rounds for change in changes]
    most = plural(max(counts), "round")
    return most if min(counts) == max(counts) else f"{min(counts)} to {most}"
