"""What people see of a search: a line while it runs, the answer, what was tried, what to paste."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING, NamedTuple, Protocol

from greenbench.report import numbers
from greenbench.report.charts.sources import in_a_word
from greenbench.report.cost import plural
from greenbench.report.layout import Column, print_table
from greenbench.report.verdicts import print_lines
from greenbench.results.reading import labelled_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from greenbench.gates.expression import Gate
    from greenbench.search.answer import Payback, SearchAnswer
    from greenbench.search.budget import SearchBudget
    from greenbench.search.confirmation import ConfirmedPoint, RatioToV0
    from greenbench.search.racing import PointStanding
    from greenbench.search.readings import SearchBlock
    from greenbench.search.space import Point

SHOWN = 8
"""Points of the search that are listed."""
MANY = 1000
"""Runs from which on no decimals are shown."""


class PointWriter(Protocol):
    """What knows the settings of points: the space of a search, or the journal of one."""

    def text(self, point: Point) -> str:
        """Return what a point sets, as ``--set`` takes it, with blanks between."""


class SearchTexts(NamedTuple):
    """What a search was about, for its sentences."""

    task: str
    quality: Gate
    measure: str
    """What is minimised."""
    space: PointWriter

    def setting(self, point: Point) -> str:
        """Return what a point sets, in words."""
        return self.space.text(point) or "V0"


def progress(
    texts: SearchTexts,
    budget: SearchBudget,
    block: SearchBlock,
    so_far: SearchAnswer,
    spent: float,
) -> str:
    """Return the line after a block: how far the search is, and the best so far."""
    number = block.plan.number + 1
    left = max(0.0, budget.most - spent)
    amounts = f"{_amount(spent, budget)} spent, {_amount(left, budget)} left"
    words = [f"greenbench search: {block.plan.phase}, block {number}; {amounts}"]
    best = so_far.recommended
    if best is not None and best.ratio is not None:
        setting = texts.setting(best.point)
        words.append(f"confirmed so far: {setting}, {best.ratio.value:.2f} times")
    first = next(iter(so_far.standings), None)
    if first is not None and first.promises:
        setting = texts.setting(first.point)
        ratio = math.exp(first.effect)
        words.append(f"best unconfirmed: {setting}, {ratio:.2f} times (n = {first.rounds})")
    return "; ".join(words)


def _amount(value: float, budget: SearchBudget) -> str:
    if budget.counts == "evaluations":
        return plural(int(value), "evaluation")
    unit = "J" if budget.counts == "joules" else "s"
    return numbers.unit(value, unit)


def show(
    console: Console, texts: SearchTexts, found: SearchAnswer, name: str, *, front: bool = False
) -> None:
    """Print the answer, with the ``front`` if asked for; ``name`` is free for a new variant."""
    lines = sentences(texts, found)
    print_lines(console, lines)
    console.print()
    if found.findings:
        _show_confirmation(console, texts, found.findings)
    if found.standings:
        _show_search(console, texts, found.standings)
    if front:
        _show_front(console, texts, found.front)
    dropped = []
    for reason, count in found.in_vain.items():
        settings = plural(count, "setting")
        dropped.append(f"{settings} dropped: {reason}")
    print_lines(console, dropped, bullet="- ")
    command = to_paste(texts, found, name)
    if command:
        console.print()
        console.print(f"    {command}", soft_wrap=True, highlight=False, markup=False)


def sentences(texts: SearchTexts, found: SearchAnswer) -> list[str]:
    """Return the answer: what is recommended, what only seems so, and what the search took."""
    best = found.recommended
    lines = []
    if best is None:
        tried = plural(len(found.standings), "setting")
        lines.append(
            f"On {texts.task}, no setting is confirmed to take less {texts.measure} than V0 and to "
            f"keep {texts.quality.text}; {tried} tried."
        )
    else:
        lines.append(_recommended(texts, best, _source_word(found.source)))
    unconfirmed = found.unconfirmed
    if unconfirmed is not None:
        setting = texts.setting(unconfirmed)
        lines.append(f"{setting} looked better in the search, and was not confirmed.")
    lines.append(_cost(found))
    if found.payback is not None:
        lines.append(_paid(found.payback))
    return lines


def _source_word(label: str) -> str:
    """Return ``estimated``, ``partly simulated``, ... and a blank; empty if all is measured."""
    word = in_a_word(labelled_sources(label))
    return "" if word == "measured" else f"{word} "


def _recommended(texts: SearchTexts, best: ConfirmedPoint, source: str) -> str:
    setting = texts.setting(best.point)
    taken = _interval(best.ratio, " to ")
    blocks = plural(best.used, "block")
    scored = f", the score of all {best.blocks}" if best.used < best.blocks else ""
    return (
        f"On {texts.task}, {setting} takes {taken} times V0's {source}{texts.measure} and keeps "
        f"{texts.quality.text}: {score(texts, best)}; n = {blocks} on test rows and seeds that the "
        f"search had not seen ({best.method}{scored})."
    )


def score(texts: SearchTexts, found: ConfirmedPoint) -> str:
    """Return how a point's score differs from V0's, or from what is asked, with its interval."""
    gate = texts.quality
    if found.margin is None:
        return f"{gate.metric} is unknown"
    if _is_unchanged(gate, found):
        return f"{gate.metric} is V0's in every round"
    than = "from V0's" if gate.form == "difference" else "from what is asked"
    return f"{gate.metric} differs {than} by {_difference(gate, found)}"


def _is_unchanged(gate: Gate, found: ConfirmedPoint) -> bool:
    """Whether a score has V0's value in every round, so that its interval has no width."""
    if gate.form != "difference" or not found.low == found.high == found.margin:
        return False
    allowed = -gate.number if not gate.upper else gate.number
    return found.margin is not None and math.isclose(found.margin, allowed, abs_tol=1e-12)


def _difference(gate: Gate, found: ConfirmedPoint) -> str:
    """Return the difference with its interval; the margin is what it has beyond the allowed one."""
    if found.margin is None:
        return numbers.UNKNOWN
    sign = -1 if gate.upper else 1
    offset = gate.number if gate.form == "difference" else 0.0
    value = offset + sign * found.margin
    if found.low is None or found.high is None:
        return f"{value:+.3f}"
    ends = [offset + sign * found.low, offset + sign * found.high]
    low, high = sorted(ends)
    return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"


def _cost(found: SearchAnswer) -> str:
    joules = "an unknown number of joules"
    if found.joules is not None:
        amount = numbers.unit(found.joules, "J")
        joules = f"{amount} ({found.source})" if found.source else amount
    seconds = numbers.unit(found.seconds, "s")
    evaluations = plural(found.evaluations, "evaluation")
    blocks = plural(found.blocks, "block")
    return (
        f"The search took {seconds}: {evaluations} in {blocks}, whose measured rounds took "
        f"{joules}; imports, warm-up, scoring and sessions that failed are not counted in that."
    )


def _paid(payback: Payback) -> str:
    most = "possibly never" if payback.high is None else _runs(payback.high)
    uses = f"{_runs(payback.uses)} runs of the pipeline (95 %: {_runs(payback.low)} to {most})"
    return f"The joules of its rounds are saved after {uses}."


def _runs(count: float) -> str:
    """Return a number of runs: bounds are seldom further apart than a few percent."""
    return f"{count:,.0f}" if count >= MANY else f"{count:.3g}"


def to_paste(texts: SearchTexts, found: SearchAnswer, name: str) -> str:
    """Return the command that makes a variant of what is confirmed; empty if nothing is."""
    best = found.recommended
    if best is None:
        return ""
    words = ["greenbench", "new", name, "--from", "V0"]
    settings = texts.space.text(best.point)
    for setting in settings.split():
        words += ["--set", setting]
    return shlex.join(words)


def as_json(texts: SearchTexts, found: SearchAnswer, name: str) -> dict[str, object]:
    """Return the answer for programs: points by their settings, and the command to paste."""
    confirmed: list[dict[str, object]] = []
    for finding in found.findings:
        setting = texts.setting(finding.point)
        confirmed.append({"settings": setting, "confirmed": finding.confirmed, "is": finding})
    searched: list[dict[str, object]] = []
    for one in found.standings:
        setting = texts.setting(one.point)
        searched.append({"settings": setting, "is": one})
    answer: dict[str, object] = {"task": texts.task}
    answer["quality"] = texts.quality.text
    answer["finalists"] = confirmed
    answer["searched"] = searched
    answer["front"] = [texts.setting(one.point) for one in found.front]
    answer["evaluations"] = found.evaluations
    answer["blocks"] = found.blocks
    answer["joules"] = found.joules
    answer["source"] = found.source
    answer["seconds"] = found.seconds
    answer["payback"] = found.payback
    answer["to_paste"] = to_paste(texts, found, name)
    return answer


def _show_confirmation(
    console: Console, texts: SearchTexts, findings: Sequence[ConfirmedPoint]
) -> None:
    metric = texts.quality.metric
    rows: dict[str, list[str]] = {"setting": [], "n": [], texts.measure: [], "seconds": []}
    rows[metric] = []
    rows["verdict"] = []
    for one in findings:
        rows["setting"].append(texts.setting(one.point))
        rows["n"].append(str(one.used or one.blocks))
        rows[texts.measure].append(_interval(one.ratio))
        rows["seconds"].append(_interval(one.seconds))
        rows[metric].append(_difference(texts.quality, one))
        verdict = "confirmed" if one.confirmed else one.against
        rows["verdict"].append(verdict)
    count = plural(len(findings), "setting")
    title = f"Confirmation on test rows, {count}: multiples of V0's, 95 % intervals of each alone"
    _print_columns(console, title, rows)


def _show_search(console: Console, texts: SearchTexts, standings: Sequence[PointStanding]) -> None:
    rows: dict[str, list[str]] = {"setting": [], "n": [], texts.measure: [], "state": []}
    shown = standings[:SHOWN]
    for one in shown:
        rows["setting"].append(texts.setting(one.point))
        rows["n"].append(str(one.rounds))
        ratio = math.exp(one.effect)
        text = f"{ratio:.2f}" if math.isfinite(ratio) else numbers.UNKNOWN
        rows[texts.measure].append(text)
        rows["state"].append(_state(one))
    count = plural(len(standings), "setting")
    title = f"The search on validation rows, {len(shown)} of {count}: multiples of V0's"
    _print_columns(console, title, rows)


def _show_front(console: Console, texts: SearchTexts, front: Sequence[PointStanding]) -> None:
    metric = f"{texts.quality.metric}, beyond what is asked"
    rows: dict[str, list[str]] = {"setting": [], "n": [], texts.measure: [], metric: []}
    for one in front:
        ratio = math.exp(one.effect)
        rows["setting"].append(texts.setting(one.point))
        rows["n"].append(str(one.rounds))
        rows[texts.measure].append(f"{ratio:.2f}")
        rows[metric].append(f"{one.margin or 0.0:+.3f}")
    title = "The front on validation rows, not confirmed: what no other setting beats in both"
    _print_columns(console, title, rows)


def _print_columns(console: Console, title: str, rows: dict[str, list[str]]) -> None:
    columns = []
    for heading, texts in rows.items():
        column = Column(heading=heading, texts=texts, dropped=heading == "seconds")
        columns.append(column)
    print_lines(console, [title])
    print_table(console, columns)
    console.print()


def _interval(ratio: RatioToV0 | None, separator: str = "-") -> str:
    if ratio is None:
        return numbers.UNKNOWN
    return numbers.ratio(ratio.value, ratio.low, ratio.high, separator=separator)


def _state(one: PointStanding) -> str:
    if one.out:
        return one.out
    return "open" if one.seems_kept else "score seems lost"
