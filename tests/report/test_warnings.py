"""Warnings are ranked by what they change, each once with its cells, ten at most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from report.sessions import capped, cell, one_round

from greenbench.report import warnings
from greenbench.report.names import ShortNames
from greenbench.results import parsing
from greenbench.results.fields import Fields
from greenbench.run.doubts import doubts_of

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord

ESTIMATED = "cpu energy is estimated:x, not measured; most of its +- is common to all cells"


def lines(*records: CellRecord, said: bool = False, verbose: bool = False) -> list[str]:
    """Return the lines that a session of these cells prints."""
    names = ShortNames([record.id for record in records])
    ranked = warnings.ranked(records, said=said)
    return warnings.lines(ranked, records, names, verbose=verbose)


def one(cell_id: str, *doubts: str, **more: Any) -> CellRecord:
    """Return a cell of one round with these warnings."""
    return cell(cell_id, [10.0], doubts=doubts, **more)


def test_what_voids_a_cell_comes_first_and_accuracy_last() -> None:
    """Failed, degenerate, unmeasured; then the comparison; then settings; then accuracy."""
    records = [
        one("T2-V0_baseline", ESTIMATED, "other processes were busy"),
        cell("T2-V1_x", [10.0], **capped([ESTIMATED])),
        one("T2-V2_x", "DEGENERATE: one answer"),
        cell("T2-V3_x", [], status="failed", error="ValueError: no"),
        cell("T2-V4_x", [None]),
        one("T2-V5_x", effect="NO-EFFECT", without_effect=["training.precision"]),
    ]
    assert lines(*records) == [
        "T2 V2: DEGENERATE: one answer",
        "T2 V3: failed: ValueError: no",
        "T2 V4: its energy is unmeasured (cpu: no counter is here)",
        "T2 V5: NO-EFFECT: training.precision did nothing",
        "T2 V0: other processes were busy",
        "T2 V1: system.gpu_power_fraction = 0.7: not applied: no device here can set it",
        f"T2 V0 and T2 V1: {ESTIMATED}",
    ]


def test_a_warning_names_its_cells_once() -> None:
    """All cells, all of a task, up to four names, or three and a count."""
    everywhere = [one(f"{task}-V{n}_x", "a") for task in ("T1", "T2") for n in range(3)]
    assert lines(*everywhere) == ["all cells: a"]
    of_task = [one("T1-V0_x"), one("T2-V0_x", "a"), one("T2-V1_x", "a")]
    assert lines(*of_task) == ["all of T2: a"]
    some = [one(f"T2-V{n}_x", *(["a"] if n < 6 else [])) for n in range(9)]
    assert lines(*some) == ["T2 V0, T2 V1, T2 V2 and 3 more: a"]
    assert lines(one("T2-V0_x", "a")) == ["T2 V0: a"]


def test_warnings_that_differ_in_numbers_only_are_one() -> None:
    """The numbers are those of the first cell, which is named."""
    records = [
        one(f"T2-V{n}_x", f"throughput changed by -{n + 1} % (so {n} times, with other numbers)")
        for n in range(3)
    ]
    assert lines(*records) == ["all cells: throughput changed by -1 % (numbers of T2 V0)"]


def test_ten_are_shown_and_the_rest_counted() -> None:
    """--green-verbose shows all."""
    record = one("T2-V0_x", *("x" * n for n in range(1, 15)))
    short = lines(record)
    assert len(short) == 11
    assert short[-1] == "and 4 more: --green-verbose, or the results files"
    assert len(lines(record, verbose=True)) == 14


def test_what_answer_and_caption_say_is_not_repeated() -> None:
    """That all joules are estimates, and that there is one round; of some cells it is news."""
    single = "1 round: the +- lacks the spread between rounds"
    both = [one("T2-V0_x", ESTIMATED, single), one("T2-V1_x", ESTIMATED, single)]
    assert lines(*both, said=True) == []
    assert len(lines(*both)) == 2
    news = [f"T2 V0: {ESTIMATED}", f"T2 V0: {single}"]
    assert lines(both[0], one("T2-V1_x"), said=True) == news


def test_a_test_that_failed_after_measuring_is_named() -> None:
    """The record is whole, and the warning says why the cell is called failed."""
    assert lines(one("T2-V0_x", outcome="failed")) == [
        "T2 V0: its test failed after it was measured"
    ]


@pytest.mark.parametrize(
    "energy",
    [
        {"cpu_j": 1.0, "sources": {"cpu": "estimated:x"}},
        {"cpu_j": 1.0, "sources": {"cpu": "simulated:x"}},
    ],
)
def test_accuracy_notes_are_recognised_as_they_are_written(energy: dict[str, Any]) -> None:
    """The warnings of a real round about its joules, and about a single round, rank last."""
    raw = {**one_round(0, 1.0), "energy": energy}
    texts = doubts_of([parsing.one_round(Fields(raw, "here"))])
    assert len(texts) == 2
    ranked = warnings.ranked([one("T2-V0_x", *texts)])
    assert {warning.rank for warning in ranked} == {warnings.ACCURACY}


def test_an_unknown_channel_is_recognised_as_it_is_written() -> None:
    """A counter that gave no joules voids the cell."""
    energy = {"cpu_j": None, "sources": {"cpu": "zeus:rapl"}, "reasons": {"cpu": "it stood still"}}
    texts = doubts_of([parsing.one_round(Fields({**one_round(0, 1.0), "energy": energy}, "here"))])
    (first, *_) = warnings.ranked([one("T2-V0_x", *texts)])
    assert first.rank == warnings.VOID
    assert "it stood still" in first.text
