"""The table: every ratio with its interval, and none that was not earned."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from report.sessions import CPU, GPU, HEADER, cell, one_round

from greenbench.gates.changes import Change
from greenbench.gates.verdict import Measured
from greenbench.report import caption, table
from greenbench.report.comparison import compare
from greenbench.report.names import ShortNames
from greenbench.results.reading import primary_score

if TYPE_CHECKING:
    from greenbench.report.layout import Column
    from greenbench.results.reading import CellRecord

STEADY = (100.0, 100.5, 99.5, 100.2)
V0 = cell("T2-V0_baseline", STEADY)


def columns(*records: CellRecord) -> list[Column]:
    """Return the columns of the table of a session of these cells."""
    measured = [Measured(record=record, header=HEADER) for record in records]
    names = ShortNames([record.id for record in records])
    return table.columns(records, compare(measured), names)


def row(this: CellRecord, *others: CellRecord) -> dict[str, str]:
    """Return the entries of ``this`` in a session with ``others``, by heading."""
    return {column.heading: column.texts[0] for column in columns(this, *others)}


def times(factor: float, noise: float = 0.01) -> list[float]:
    """Return joules of four rounds around ``factor`` times V0's."""
    signs = (1, -1, -1, 1)
    return [
        joules * factor * (1 + sign * noise) for joules, sign in zip(STEADY, signs, strict=True)
    ]


def test_a_variant_is_compared_with_v0() -> None:
    """Energy as a ratio, the score as a difference, both with their 95 % intervals."""
    entries = row(cell("T2-V1_x", times(0.62), right=60), V0)
    assert re.fullmatch(r"0\.62 \(0\.61-0\.6\d\)", entries["vs V0 (95 %)"])
    assert re.fullmatch(r"-0\.60 \(-0\.\d\d to -0\.\d\d\)", entries["delta V0 (95 %)"])
    assert entries["cell"] == "T2 V1"
    assert entries["total"] == "62 J"
    assert entries["status"] == "ok"


def test_a_single_round_has_an_interval_and_cannot_tell_six_percent() -> None:
    """One round is within 20 %, so 0.94 may be more or less than V0."""
    entries = row(cell("T2-V1_x", [94.0]), cell("T2-V0_baseline", [100.0]))
    assert entries["vs V0 (95 %)"] == "0.94 (0.73-1.22) can't tell"
    entries = row(cell("T2-V1_x", [570.0]), cell("T2-V0_baseline", [100.0]))
    assert entries["vs V0 (95 %)"] == "5.7 (4.4-7.4)"


def test_the_baseline_has_no_ratio_to_itself() -> None:
    """Neither in energy nor in the score."""
    first, *_ = columns(V0, cell("T2-V1_x", STEADY))[3].texts
    assert first == "-"


@pytest.mark.parametrize("sources", [{"cpu": "zeus:rapl"}, {**CPU, "gpu": "zeus:nvml-counter"}])
def test_joules_of_different_sources_are_not_divided(sources: dict[str, str]) -> None:
    """A measured joule over an estimated one is no ratio, nor GPU and CPU over the CPU alone."""
    entries = row(cell("T2-V1_x", STEADY, sources=sources), V0)
    assert entries["vs V0 (95 %)"] == "other sources"
    assert entries["energy source"].startswith(("cpu zeus:rapl", "gpu zeus:nvml-counter"))


def test_only_channels_in_the_sum_are_named() -> None:
    """A GPU whose joules are unknown is not a source of the sum."""
    lost = one_round(0, 6.2, sources={**CPU, "gpu": "zeus:nvml-counter"})
    lost["energy"]["gpu_j"] = None
    other = cell("T2-V1_x", [], rounds=[lost])
    entries = row(other, cell("T2-V0_baseline", [6.2], sources=GPU))
    assert entries["energy source"] == "cpu estimated"


@pytest.mark.parametrize("flaw", [{"status": "failed", "error": "no"}, {"outcome": "failed"}])
def test_a_failed_baseline_is_no_baseline(flaw: dict[str, Any]) -> None:
    """Nothing is compared with a cell that failed, or whose test did."""
    base = cell("T2-V0_baseline", STEADY, **flaw)
    entries = row(cell("T2-V1_x", STEADY), base)
    assert entries["vs V0 (95 %)"] == "no V0"
    assert row(base)["status"] == "failed"


@pytest.mark.parametrize(
    ("flaw", "status"),
    [
        ({"effect": "NO-EFFECT", "without_effect": ["k"]}, "NO-EFFECT"),
        ({"degenerate": ["one output"], "effect": "NO-EFFECT"}, "DEGENERATE"),
        ({"status": "failed", "error": "no"}, "failed"),
    ],
)
def test_a_cell_that_is_no_evidence_has_no_ratio(flaw: dict[str, Any], status: str) -> None:
    """Its status is one word that says why."""
    entries = row(cell("T2-V1_x", times(0.6), **flaw), V0, cell("T2-V2_y", times(0.6)))
    assert (entries["vs V0 (95 %)"], entries["delta V0 (95 %)"]) == ("-", "-")
    assert entries["status"] == status


def test_unmeasured_is_a_word_and_not_zero() -> None:
    """No number stands where nobody measured, and no score where none was computed."""
    unmeasured = cell("T2-V1_x", [None], quality={})
    entries = row(unmeasured, V0)
    assert entries["total"] == "unmeasured"
    assert entries["vs V0 (95 %)"] == "unmeasured"
    assert entries["mcc (95 %)"] == "not scored"


def test_one_unmeasured_round_leaves_the_mean_unmeasured() -> None:
    """A mean over the rounds that happen to be known would flatter."""
    assert cell("T2-V1_x", [1.0, None]).joules is None
    assert cell("T2-V1_x", [1.0, 2.0]).joules == 1.5


def test_plain_functions_have_no_columns_of_a_matrix() -> None:
    """Another repository knows no V0 and no score."""
    plain = cell("test_mine", [3.0], task="", variant="", quality={})
    headings = [column.heading for column in columns(plain)]
    assert headings == ["cell", "time", "total", "status"]


def test_two_tasks_name_their_scores() -> None:
    """In one column, each with its metric."""
    records = [V0, cell("T1-V0_baseline", STEADY)]
    scores = next(column for column in columns(*records) if column.heading == "score (95 %)")
    assert [text.split()[0] for text in scores.texts] == ["mcc", "pass_at_1"]


def test_a_score_is_shown_with_its_interval() -> None:
    """Both bounds stand beside the value if there are any."""
    score = {"mcc": {"value": 0.844, "low": 0.7951, "high": 0.8877}}
    rounds = [one_round(0, 1.0, quality=score)]
    scored = cell("T2-V1_x", [], rounds=rounds, quality=score)
    assert caption.score_text(scored, "mcc") == "0.844 (0.80 to 0.89)"


def scored(cell_id: str, **values: float | None) -> CellRecord:
    """Return a cell of T1 with these scores."""
    quality = {name: {"value": value} for name, value in values.items()}
    return cell(cell_id, [], rounds=[one_round(0, 1.0)], quality=quality)


def test_a_task_is_shown_by_the_first_score_that_is_known() -> None:
    """Without tests BLEU stands in for the pass rate; the first is named if none is scored."""
    tested = scored("T1-V0_baseline", pass_at_1=0.0, bleu=9.0)
    untested = scored("T1-V1_x", pass_at_1=None, bleu=8.0)
    assert primary_score([tested, untested]) == "pass_at_1"
    assert primary_score([untested]) == "bleu"
    assert primary_score([scored("T1-V0_baseline")]) == "pass_at_1"


def test_all_lines_of_a_task_show_the_same_score() -> None:
    """A cell that lacks it has no score, and is not compared by another one."""
    tested = scored("T1-V0_baseline", pass_at_1=0.5, bleu=9.0)
    untested = scored("T1-V1_x", pass_at_1=None, bleu=8.0)
    entries = row(untested, tested)
    assert entries["pass_at_1 (95 %)"] == "not scored"


def test_columns_are_dropped_in_the_stated_order() -> None:
    """Time ratio, energy source, score, time, total, score difference; the others stay."""
    measured = cell("T2-V1_x", STEADY, sources=GPU)
    every = columns(V0, cell("T2-V2_x", STEADY), measured)
    dropped = sorted((column.dropped, column.heading) for column in every if column.dropped)
    headings = [heading.removesuffix(" (95 %)") for _, heading in dropped]
    assert headings == ["time vs V0", "energy source", "mcc", "time", "total", "delta V0"]
    kept = [column.heading for column in every if not column.dropped]
    assert kept == ["cell", "vs V0 (95 %)", "status"]


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.62, 0.55, 0.70, "0.62 (0.55-0.70)"),
        (5.72, 5.11, 6.43, "5.7 (5.1-6.4)"),
        (0.996, 0.9931, 0.9991, "0.996 (0.993-0.999)"),
        (1.004, 1.0004, 1.0075, "1.0040 (1.0004-1.0075)"),
        (250.4, 180.2, 340.9, "250 (180-341)"),
    ],
)
def test_a_bound_is_never_rounded_to_no_change(
    value: float, low: float, high: float, text: str
) -> None:
    """An interval that excludes 1 still does as printed."""
    ratio = Change(value=value, low=low, high=high, neutral=1.0, rounds=5, how="", significant=True)
    assert table.ratio_text(V0, ratio) == text


def test_numbers_end_in_one_column() -> None:
    """Ratios of different lengths are aligned, words are not."""
    assert table.aligned(["-", "5.7 (5-6)", "12.5 (12-13)", "other sources"]) == [
        "-",
        " 5.7 (5-6)",
        "12.5 (12-13)",
        "other sources",
    ]


def test_a_ratio_within_the_machine_s_own_change_is_marked() -> None:
    """The word stands beside it, and the caption explains it."""
    runs = {"before": {"operations_per_second": 10}, "after": {"operations_per_second": 38}}
    base = cell("T2-V0_baseline", STEADY, yardstick=runs)
    assert row(cell("T2-V1_x", times(0.5)), base)["vs V0 (95 %)"].endswith(") drift")
    assert row(cell("T2-V1_x", times(0.1)), base)["vs V0 (95 %)"].endswith(")")


def test_the_caption_says_what_a_shortened_name_leaves_out() -> None:
    """Every knob that the variant sets, with its value."""
    variant = "K0_data_tokenizer_rust_and_3_more_3f9a1c"
    knobs = {"data.tokenizer": "rust", "training.optimizer": "sgd"}
    differences = [{"knob": knob} for knob in knobs]
    record = cell(f"T2-{variant}", times(0.5), variant=variant, differs_from_baseline=differences)
    named = replace(record, knobs=knobs)
    measured = [Measured(record=each, header=HEADER) for each in (V0, named)]
    names = ShortNames([V0.id, named.id])
    lines = caption.lines([V0, named], compare(measured), [], [], names)
    assert lines[0].endswith(" sets data.tokenizer=rust, training.optimizer=sgd.")
