"""What people see of knobs measured one at a time: the answer, tables, and what to paste."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from greenbench.analysis.knob_ranking import COSTS, LOSES, OPEN, SAVES, VERDICTS
from greenbench.report import numbers
from greenbench.report.additivity import difference, ratio
from greenbench.report.cost import plural
from greenbench.report.layout import Column, print_table
from greenbench.report.texts import listed
from greenbench.report.verdicts import print_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.analysis.knob_ranking import KnobRanking, RankedKnob
    from greenbench.analysis.simultaneous import Bounded
    from greenbench.experiment.knob_candidates import Untried

TITLES = {
    SAVES: "save energy and keep {score} within {keep:g} of V0's",
    LOSES: "save energy; that {score} is kept within {keep:g} is not shown",
    OPEN: "are not shown to save energy",
    COSTS: "take more energy",
}


def show(
    console: Console,
    rankings: Sequence[KnobRanking],
    untried: Sequence[Untried],
    name: str,
    origins: Sequence[tuple[str, str]] = (),
) -> None:
    """Print all tasks; ``name`` is free for a new variant.

    ``origins`` say how the numbers that were tried of a knob were found, where no table has them.
    """
    for ranking in rankings:
        print_lines(console, [answer(ranking)])
        if not ranking.refusal:
            print_lines(console, [_design(ranking)])
        console.print()
        for verdict in VERDICTS:
            of_verdict = [knob for knob in ranking.knobs if knob.verdict == verdict]
            if of_verdict:
                _show_table(console, ranking, of_verdict, verdict)
        lines = [*_crossovers(ranking), *_step_crossovers(ranking), *_int8_by_batch(ranking)]
        lines += _left_out(ranking)
        print_lines(console, lines, bullet="- ")
        command = to_paste(ranking, name)
        if command:
            console.print()
            print_lines(console, [_variant(ranking)])
            console.print(f"    {command}", soft_wrap=True, highlight=False, markup=False)
        console.print()
    found = [
        f"{knob} is tried at values that follow from its declaration: {how}"
        for knob, how in origins
    ]
    print_lines(console, [*found, *_not_tried(untried)], bullet="- ")


def answer(ranking: KnobRanking) -> str:
    """Return which knobs save energy on a task, in a sentence."""
    if ranking.refusal:
        return f"On {ranking.task}, nothing is ranked: {ranking.refusal}."
    names = {_knob(knob) for knob in ranking.knobs if not knob.joint}
    saving = [knob for knob in ranking.knobs if knob.saves and not knob.joint]
    counted = f"{len({_knob(knob) for knob in saving})} of {plural(len(names), 'knob')}"
    kept = f"keep {ranking.score} within {ranking.keep:g} of V0's"
    if not saving:
        return f"On {ranking.task}, 0 of {plural(len(names), 'knob')} save energy here and {kept}."
    found = [
        f"{knob_name(knob, ranking)}, {ratio(knob.energy)} times V0's energy" for knob in saving
    ]
    return f"On {ranking.task}, {counted} save energy here and {kept}: {listed(found, most=4)}."


def to_paste(ranking: KnobRanking, name: str) -> str:
    """Return the command that makes the variant of all knobs that pay; empty if none does."""
    if not ranking.together:
        return ""
    words = ["greenbench", "new", name, "--from", "V0"]
    for setting in ranking.together:
        words += ["--set", setting]
    return shlex.join(words)


def _variant(ranking: KnobRanking) -> str:
    """Say what the variant to paste does as a whole, if that was measured."""
    whole = ranking.measured_together
    if whole is None:
        return "The variant that sets all of them, not measured together yet:"
    taken = f"{ratio(whole.energy)} times V0's energy, n = {plural(whole.blocks, 'block')}"
    return f"The variant to paste takes {taken}:"


def _design(ranking: KnobRanking) -> str:
    measured = f"n = {plural(ranking.blocks, 'block')}"
    if ranking.groups > 1:
        measured += f" of each of {ranking.groups} groups, which have a V0 of their own"
    if ranking.again:
        again = plural(ranking.again, "block")
        measured += f"; what seemed to pay was measured again in {again}, and is judged by these"
    return (
        f"Energy and time as multiples of V0's, {ranking.score} as its difference from V0's; "
        f"{measured}; 95 % intervals that hold for all lines with the same n at once; joules: "
        f"{ranking.source}"
    )


def _show_table(
    console: Console, ranking: KnobRanking, knobs: Sequence[RankedKnob], verdict: str
) -> None:
    names, blocks, energies, times, shorts, changes = [], [], [], [], [], []
    for knob in knobs:
        names.append(knob_name(knob, ranking))
        blocks.append(str(knob.blocks))
        energies.append(_interval(knob.energy))
        times.append(numbers.UNKNOWN if knob.time is None else _interval(knob.time))
        shorts.append(numbers.UNKNOWN if knob.time is None else f"{knob.time.value:.2f}")
        changes.append(difference(knob.change))
    columns = [
        Column(heading="knob", texts=names),
        Column(heading="n", texts=blocks),
        Column(heading="energy", texts=energies),
        Column(heading="time", texts=times, short=shorts, dropped=1),
        Column(heading=ranking.score, texts=changes),
    ]
    title = TITLES[verdict].format(score=ranking.score, keep=ranking.keep)
    print_lines(console, [f"{len(knobs)} {title}"])
    print_table(console, columns)
    console.print()


def _interval(value: Bounded) -> str:
    return numbers.ratio(value.value, value.low, value.high, separator="-")


def _knob(knob: RankedKnob) -> str:
    """Return the knob that was tried: the last one that is set."""
    return knob.settings[-1].partition("=")[0]


def knob_name(knob: RankedKnob, ranking: KnobRanking) -> str:
    """Return what was set, without the stage where the knob's name tells it."""
    stages = Counter({_knob(one).rpartition(".")[2]: 0 for one in ranking.knobs})
    for name in {_knob(one) for one in ranking.knobs}:
        stages[name.rpartition(".")[2]] += 1
    words = []
    for setting in knob.settings:
        name, _, value = setting.partition("=")
        short = name.rpartition(".")[2]
        words.append(f"{name if stages[short] > 1 else short} {value}")
    return ", ".join(words)


def _crossovers(ranking: KnobRanking) -> list[str]:
    """Return from or up to how many inferences a knob takes less than V0, with its own interval."""
    lines = []
    for knob in ranking.knobs:
        point = knob.crossover
        if point is not None and point.high is not None:
            way = "from {} inferences on" if point.pays == "after" else "up to {} inferences"
            when = way.format(f"{point.inferences:,.0f}")
            bounds = f"95 %, of it alone: {point.low:,.0f} to {point.high:,.0f}"
            lines.append(f"{knob_name(knob, ranking)} takes less than V0 {when} ({bounds})")
    return lines


def _step_crossovers(ranking: KnobRanking) -> list[str]:
    """Return from how many optimizer steps on compiled trainings are faster, or why from none."""
    lines = []
    for knob in ranking.knobs:
        point = knob.steps
        if point is None:
            continue
        name = knob_name(knob, ranking)
        measured = f"n = {plural(point.blocks, 'block')}"
        if point.steps is None:
            never = f"{name} pays in time after no number of steps"
            lines.append(f"{never}: {point.reason}; {measured}")
            continue
        most = "possibly never" if point.high is None else f"{point.high:,.0f}"
        bounds = f"95 %, of it alone: {point.low:,.0f} to {most}; {measured}"
        lines.append(f"{name} pays in time from {point.steps:,.0f} optimizer steps on ({bounds})")
    return lines


def _int8_by_batch(ranking: KnobRanking) -> list[str]:
    """Return in which batches INT8 is shown to save at inference, and what it takes in all."""
    if not ranking.int8:
        return []
    taken = []
    for one in ranking.int8:
        taken.append(f"{ratio(one.energy)} in batches of {one.size}")
    saving = [str(one.size) for one in ranking.int8 if one.energy.high < 1]
    shown = f"in batches of {listed(saving)}" if saving else "in none of these batches"
    fewest = plural(min(one.blocks for one in ranking.int8), "block")
    multiples = f"multiples of the energy of V0's format at inference: {listed(taken, len(taken))}"
    return [f"weight_format int8 is shown to save {shown} (n = {fewest}; {multiples})"]


def _left_out(ranking: KnobRanking) -> list[str]:
    return [f"{one.cell} is not ranked: {one.reason}" for one in ranking.left_out]


def _not_tried(untried: Sequence[Untried]) -> list[str]:
    """Return what was not measured, the same reason once."""
    by_reason: dict[str, list[str]] = {}
    for one in untried:
        name = one.knob.partition("=")[0]
        by_reason.setdefault(one.reason.removeprefix(f"{name}: "), []).append(one.knob)
    return [f"not measured: {', '.join(names)}: {why}" for why, names in by_reason.items()]
