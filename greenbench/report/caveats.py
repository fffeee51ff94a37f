"""What is not settled about the answer, and what would settle it: the terminal and pages show it.

The caveats that change the answer most come first: what disturbed the variant that saves most,
savers that may lose score, no V0 to compare with and cells that are no evidence, a machine that
changed, differences too small for the rounds so far, knobs that did not act, and joules that were
not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.gates.changes import NoChange
from greenbench.gates.interleaved import WITHOUT_FIRST
from greenbench.report import warnings
from greenbench.report.advice import advice_on
from greenbench.report.commands import measuring, options_of
from greenbench.report.cost import plural
from greenbench.report.findings import DRIFT, OPEN, PARTIAL, REFUSED, findings, keeps
from greenbench.report.texts import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.report.commands import SessionOptions
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.findings import Findings
    from greenbench.report.names import ShortNames

FIVE_ROUNDS = "--green-rounds 5"
"""What to ask for where rounds would help, and nothing says how many."""
LISTED = 4
SOURCE, SCORE, DISTURBED = "source", "score", "disturbed"
DISTURBANCES = 3
"""Of the best variant and V0, that are told here; the list of warnings has all."""
ESTIMATED = "estimated:"
ACCESS = "a machine whose counters this user may read: greenbench doctor says what is missing here"
REMEDIES = {
    "DEGENERATE": "train longer or on more examples, or find out why its knobs change no output",
    "NO-EFFECT": "give the knob another value, or leave the variant out",
    "UNMEASURED": ACCESS,
    "NOT-COMPARABLE": "measure both in one session",
    "MISSING": "mend what the reason says, and measure it beside V0",
}
"""By the word of a refusal."""
COMMANDS = {"NO-EFFECT": "greenbench knobs", "UNMEASURED": "greenbench doctor", "DEGENERATE": ""}
"""By the same; other refusals are settled by measuring again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """One thing that is not settled. All texts are plain, and may quote those of others."""

    task: str
    kind: str
    """The word of ``findings`` that it is about, ``SCORE``, ``SOURCE`` or ``DISTURBED``."""
    text: str
    """What is not settled, a sentence without its stop."""
    points: tuple[str, ...] = ()
    """What it consists of, each without a stop; empty of most."""
    remedy: str
    """What would settle it."""
    command: str = ""
    """What to paste for that; empty where no command does it."""
    cells: tuple[str, ...] = ()
    """Ids of the cells that it is about."""


def caveats(
    comparisons: Sequence[TaskComparison], names: ShortNames, command: str = ""
) -> list[Caveat]:
    """Return what is not settled, task by task, what changes the answer most first.

    ``command`` is the session's own command line; the commands repeat its matrix, data and sizes.
    """
    listing = []
    for comparison in comparisons:
        listing += _of_task(findings(comparison), names, options_of(command))
    return listing


def _of_task(found: Findings, names: ShortNames, options: SessionOptions) -> list[Caveat]:
    listing = _disturbed(found, names, options)
    listing += _scores(found, names)
    listing += _refusals(found, names, options)
    listing += _drift(found, names, options)
    listing += _open(found, names, options)
    listing += _partial(found, names)
    return listing + _sources(found)


def _refusals(found: Findings, names: ShortNames, options: SessionOptions) -> list[Caveat]:
    """Return a caveat for each reason why cells are not compared; numbers make no other reason."""
    comparison = found.comparison
    reasons: dict[str, list[str]] = {}
    said: dict[str, NoChange] = {}
    for cell_id, change in comparison.energy.items():
        if isinstance(change, NoChange):
            pattern = warnings.NUMBER.sub("#", f"{change.word} {change.reason}")
            said.setdefault(pattern, change)
            reasons.setdefault(pattern, []).append(cell_id)
    listing = []
    for pattern, cell_ids in reasons.items():
        change = said[pattern]
        remedy = REMEDIES.get(change.word, "five rounds")
        if comparison.baseline is None:
            remedy = "measure V0 beside it"
        again = measuring(comparison.task, cell_ids, options, FIVE_ROUNDS)
        listing.append(
            Caveat(
                task=comparison.task,
                kind=REFUSED,
                text=f"{subject_of(cell_ids, names)} cannot be compared: {_said(change)}",
                remedy=remedy,
                command=COMMANDS.get(change.word, again),
                cells=tuple(cell_ids),
            )
        )
    return listing


def _said(change: NoChange) -> str:
    """Return a refusal in words; that a failed cell is missing goes without saying."""
    return change.reason if change.word == "MISSING" else f"{change.word}: {change.reason}"


def _disturbed(found: Findings, names: ShortNames, options: SessionOptions) -> list[Caveat]:
    """Return what disturbed the variant that saves most, or V0 beside it: the answer is of them."""
    comparison = found.comparison
    best = next(iter(found.keepers), "")
    if not best or comparison.baseline is None:
        return []
    records = [comparison.baseline]
    records += [cell for cell in comparison.cells if cell.id == best]
    shown = [one for one in warnings.ranked(records) if one.rank == warnings.COMPARISON]
    if not shown:
        return []
    lines = warnings.lines(shown[:DISTURBANCES], comparison.cells, names, verbose=True)
    caveat = Caveat(
        task=comparison.task,
        kind=DISTURBED,
        text=f"What disturbed {subject_of([best], names)} or V0 beside it{_first_too(found, best)}",
        points=tuple(lines),
        remedy="five rounds on a machine that does nothing else",
        command=measuring(comparison.task, [best], options, FIVE_ROUNDS),
        cells=(best,),
    )
    return [caveat]


def _first_too(found: Findings, best: str) -> str:
    """Say that warnings are about a round too of which the ratio is not, if there is one."""
    if WITHOUT_FIRST not in found.keepers[best].how:
        return ""
    return " (the first round, which the answer leaves out, is part of this)"


def _drift(found: Findings, names: ShortNames, options: SessionOptions) -> list[Caveat]:
    drifting = found.of(DRIFT)
    if not drifting:
        return []
    task = found.comparison.task
    verb = "differs" if len(drifting) == 1 else "differ"
    caveat = Caveat(
        task=task,
        kind=DRIFT,
        text=f"{subject_of(drifting, names)} {verb} from V0 by less than the machine changed",
        remedy="rounds in blocks, in which such a change strikes V0 too",
        command=measuring(task, drifting, options, FIVE_ROUNDS),
        cells=tuple(drifting),
    )
    return [caveat]


def _scores(found: Findings, names: ShortNames) -> list[Caveat]:
    """Return a caveat for savers of which it is open whether they keep their score."""
    comparison = found.comparison
    unsure = [name for name in found.keepers if not keeps(comparison, name)]
    if not unsure:
        return []
    verb = "saves" if len(unsure) == 1 else "save"
    kept = f"{comparison.score} is kept within {comparison.allowed_loss:g}"
    caveat = Caveat(
        task=comparison.task,
        kind=SCORE,
        text=f"{subject_of(unsure, names)} {verb} energy, and that {kept} is not shown",
        remedy="more test examples, and rounds, which differ in their seeds",
        cells=tuple(unsure),
    )
    return [caveat]


def _open(found: Findings, names: ShortNames, options: SessionOptions) -> list[Caveat]:
    """Return a caveat for each kind of remedy for open differences, few rounds before many."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for cell_id, change in found.of(OPEN).items():
        advice = advice_on(change)
        kind = warnings.NUMBER.sub("#", advice.remedy)
        groups.setdefault((advice.is_far, kind), []).append(cell_id)
    listing = []
    for key in sorted(groups, key=lambda key: (key[0], -len(groups[key]))):
        listing.append(_open_group(found, groups[key], names, options))
    return listing


def _open_group(
    found: Findings, cell_ids: Sequence[str], names: ShortNames, options: SessionOptions
) -> Caveat:
    """Return the caveat of cells with one kind of remedy: what settles the hardest settles all."""
    changes = [found.of(OPEN)[cell_id] for cell_id in cell_ids]
    advices = map(advice_on, changes)
    hardest = max(advices, key=lambda advice: advice.rounds)
    command, remedy = "", hardest.remedy
    if hardest.is_far:
        remedy += ", too many to be worth their joules"
    elif hardest.option:
        command = measuring(found.comparison.task, cell_ids, options, hardest.option)
    most = max(change.rounds for change in changes)
    rounds = plural(most, "round")
    verb = "saves" if len(cell_ids) == 1 else "save"
    return Caveat(
        task=found.comparison.task,
        kind=OPEN,
        text=f"{subject_of(cell_ids, names)} {verb} nothing that {rounds} can show",
        remedy=remedy,
        command=command,
        cells=tuple(cell_ids),
    )


def _partial(found: Findings, names: ShortNames) -> list[Caveat]:
    """Return a caveat for each knob that did not act in cells whose joules it would change."""
    partial = set(found.of(PARTIAL))
    baseline = found.comparison.baseline
    if partial and baseline is not None:
        partial.add(baseline.id)
    notes: dict[str, list[str]] = {}
    for cell in found.comparison.cells:
        if cell.id in partial:
            for note in warnings.knob_notes(cell):
                notes.setdefault(note, []).append(cell.id)
    listing = []
    for note, cell_ids in notes.items():
        verb = "is" if len(cell_ids) == 1 else "are"
        listing.append(
            Caveat(
                task=found.comparison.task,
                kind=PARTIAL,
                text=f"{subject_of(cell_ids, names)} {verb} partial: {note}",
                remedy="the device or the permission that the knob needs",
                command="greenbench doctor",
                cells=tuple(cell_ids),
            )
        )
    return listing


def _sources(found: Findings) -> list[Caveat]:
    """Say that joules were not measured, and why, if they were not."""
    word = found.source_word(found.compared).strip()
    if not word:
        return []
    remedy = ACCESS
    if word == "simulated":
        remedy = "a machine whose devices and counters are real"
    task = found.comparison.task
    text = f"the joules of {task} are {word}, not measured{_why_estimated(found)}"
    command = "greenbench doctor"
    return [Caveat(task=task, kind=SOURCE, text=text, remedy=remedy, command=command)]


def _why_estimated(found: Findings) -> str:
    """Return the first reason that is stated for an estimated channel, in brackets."""
    for cell in found.comparison.cells:
        for one_round in cell.rounds:
            energy = one_round.whole.energy
            for channel, source in energy.sources.items():
                if source.startswith(ESTIMATED) and channel in energy.reasons:
                    return f" ({channel}: {energy.reasons[channel]})"
    return ""


def subject_of(cell_ids: Iterable[str], names: ShortNames) -> str:
    """Return the names of cells, those of many counted."""
    shown = [names[cell_id] for cell_id in cell_ids]
    return listed(shown, most=LISTED)
