"""The answers of generated result sets name nothing that they must not, by a reading of their own.

The oracle below knows neither gates nor ``findings``: it reads a cell's record, and says whether
its saving may be named at all. Cells come from a pool that is made once, so that an example costs
what comparing and answering cost.
"""

from __future__ import annotations

import functools
import random
import re
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.sessions import HEADER, cell

from greenbench.gates.changes import changes
from greenbench.gates.verdict import Measured
from greenbench.report import answer, caveats
from greenbench.report.comparison import TaskComparison
from greenbench.report.names import ShortNames

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord

SEEDS = st.integers(0, 2**64 - 1)
VARIANTS = ("V11_a", "V12_b", "V13_c", "V14_d")
MEASURED = {"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl"}
SOURCES: tuple[dict[str, str], ...] = (
    MEASURED,
    {"cpu": "estimated:cpu-seconds*3.72W/core"},
    {"gpu": "simulated:nvml", "cpu": "estimated:cpu-seconds*3.72W/core"},
    {"gpu": "simulated:nvml"},
    {"gpu": "zeus:nvml-counter", "cpu": "estimated:cpu-seconds*3.72W/core"},
)
FLAWS: tuple[dict[str, Any], ...] = (
    {"status": "failed", "error": "ValueError: no"},
    {"outcome": "failed"},
    {"degenerate": ["one answer for all"]},
    {"effect": "NO-EFFECT", "without_effect": ["data.workers"]},
    {"status": "partial"},
    {"differs_from_baseline": []},
    {
        "yardstick": {
            "before": {"operations_per_second": 10},
            "after": {"operations_per_second": 30},
        }
    },
)
INTERVAL = re.compile(r"(-?[\d.]+) % \(95 % interval (-?[\d.]+) to (-?[\d.]+) %\)")
KEEPERS = re.compile(r"^On T1, ((?:V\d+|, | and )+) saves? ")
LOSERS = re.compile(r"\. (V\d+) saves \d[^;]*?, but its pass_at_1 is (?:lower|not compared)")


@functools.cache
def pool() -> list[CellRecord]:
    """Return cells of every kind: sound ones mostly, in all sizes, and each flaw."""
    rng = random.Random(11)
    cells = []
    for number in range(240):
        level = 100 * rng.choice((0.3, 0.6, 0.9, 0.97, 1.0, 1.1, 2.0, 6.0))
        noise = rng.choice((0.002, 0.02, 0.2))
        joules: list[float | None] = []
        for _ in range(rng.choice((1, 2, 3, 5))):
            joules.append(level * rng.lognormvariate(0, noise))
        if number % 12 == 0:
            joules[-1] = None
        flaw = FLAWS[number // 3 % len(FLAWS)] if number % 3 == 0 else {}
        sources = SOURCES[number % len(SOURCES)] if number % 4 == 0 else SOURCES[number // 60]
        more = {"right": rng.choice((60, 90)), "sources": sources, **flaw}
        cells.append(cell("T1-V0_baseline", joules, **more))
    return cells


def result_set(seed: int) -> list[CellRecord]:
    """Draw V0 and up to four variants; in three sets of ten their rounds ran in blocks."""
    rng = random.Random(seed)
    names = VARIANTS[: rng.randint(1, len(VARIANTS))]
    of_source = rng.randrange(4) * 60
    records = []
    for name in ("V0_baseline", *names):
        record = pool()[of_source + rng.randrange(60)]
        records.append(replace(record, id=f"T1-{name}", variant=name))
    if rng.random() < 0.1:
        del records[0]
    return _in_blocks(records) if rng.random() < 0.3 else records


def _in_blocks(records: list[CellRecord]) -> list[CellRecord]:
    blocks = []
    for place, record in enumerate(records):
        rounds = []
        for number, one_round in enumerate(record.rounds):
            position = number * len(records) + place
            rounds.append(replace(one_round, block=number, position=position))
        blocks.append(replace(record, rounds=tuple(rounds)))
    return blocks


def check(seed: int) -> bool:
    """Compare what is said of a set with what its records allow; return whether any saves."""
    records = result_set(seed)
    measured = [Measured(record=record, header=HEADER) for record in records]
    names = ShortNames([record.id for record in records])
    base = records[0] if records[0].variant == "V0_baseline" else None
    comparison = TaskComparison(
        task="T1",
        score="pass_at_1",
        cells=tuple(records),
        energy=changes("energy", "T1", measured),
        time={},  # no answer names it, and it would take a third of the time
        quality=changes("pass_at_1", "T1", measured),
        baseline=base,
    )
    text = answer.sentences(comparison, names)
    keepers = _keepers(text)
    named = [*keepers, *LOSERS.findall(text)]
    by_name = {names.variant(record.id): record for record in records}
    for name in named:
        assert base is not None, text
        assert _why_not(by_name[name], base) == "", text
    for name, record in by_name.items():
        if _is_void(record) and name != "V0":
            assert not re.search(rf"\b{name}\b", text), text
    if keepers and base is not None:
        _check_first_sentence(text, [by_name[name] for name in keepers], base)
    for caveat in caveats.caveats([comparison], names):
        assert caveat.text
        assert caveat.remedy
        assert not caveat.command or caveat.command.startswith(("pytest bench -k ", "greenbench "))
        if caveat.kind != caveats.SCORE:
            assert not set(caveat.cells) & {by_name[name].id for name in named}, caveat
    return bool(named)


def _keepers(text: str) -> list[str]:
    found = KEEPERS.match(text)
    return re.findall(r"V\d+", found[1]) if found else []


def _check_first_sentence(text: str, savers: list[CellRecord], base: CellRecord) -> None:
    """See that it holds amount, interval, rounds, score, and what was not measured."""
    amount = INTERVAL.search(text)
    assert amount, text
    middle, low, high = map(float, amount.groups())
    assert 0 < low <= middle <= high < 100, text
    first = text[: text.index("; ")]
    rounds = re.search(r"n = (\d+) rounds?$", first)
    assert rounds, text
    assert 1 <= int(rounds[1]) <= min(len(savers[0].rounds), len(base.rounds)), text
    assert re.search(r"; (that )?its pass_at_1 is (better|kept within 0\.02)", text)
    kept = re.search(r"; its pass_at_1 is kept within 0\.02, \S+ \((\S+) to", text)
    assert kept is None or float(kept[1]) >= -0.02, text
    kinds = _kinds(base)
    for record in savers:
        kinds |= _kinds(record)
    for word in ("estimated", "simulated"):
        assert (word in first) == (word in kinds), text
    assert ("partly" in first) == ("zeus" in kinds and len(kinds) > 1), text


def _kinds(record: CellRecord) -> set[str]:
    kinds = set()
    for one_round in record.rounds:
        kinds |= {source.split(":")[0] for source in one_round.whole.energy.sources.values()}
    return kinds


def _is_void(record: CellRecord) -> bool:
    """Whether the cell failed, predicts or changes nothing, or lacks the joules of a round."""
    failed = record.status == "failed" or record.outcome == "failed"
    unmeasured = any(one_round.whole.energy.total_j is None for one_round in record.rounds)
    return failed or bool(record.degenerate) or bool(record.effect) or unmeasured


def _why_not(record: CellRecord, base: CellRecord) -> str:
    """Say why the saving of a cell may not be named; empty if it may."""
    if _is_void(record) or _is_void(base):
        return "no evidence"
    if "partial" in {record.status, base.status}:
        return "partial"
    if record.changes == () or _sources(record) != _sources(base):
        return "V0 again, or not comparable"
    if record.rounds[0].block is not None:  # the blocks that both have are compared
        lower = [
            ours < theirs for ours, theirs in zip(_joules(record), _joules(base), strict=False)
        ]
        return "" if sum(lower) > len(lower) / 2 else "it took more"
    rates = record.kernel_rates("operations_per_second")
    rates += base.kernel_rates("operations_per_second")
    machine = max(rates) / min(rates) if rates else 1.0
    ratio = statistics.geometric_mean(_joules(base)) / statistics.geometric_mean(_joules(record))
    return "" if ratio > machine else "it took more, or the machine changed by more"


def _sources(record: CellRecord) -> list[object]:
    return [record.rounds[0].whole.energy.sources]


def _joules(record: CellRecord) -> list[float]:
    return [one_round.whole.energy.total_j or 0.0 for one_round in record.rounds]


@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_answer_names_nothing_that_it_must_not(seed: int) -> None:
    """No failed, degenerate, ineffective, partial, unmeasured or incomparable cell saves."""
    check(seed)


@pytest.mark.slow
def test_four_thousand_answers_name_nothing_that_they_must_not() -> None:
    """The same, for seeds 0 to 3,999; enough of them have something to name."""
    assert sum(map(check, range(4000))) > 400
