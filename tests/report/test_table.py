"""The table: every number with its unit and source, and no ratio that was not earned."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from records import cell_record
from rich.console import Console

from greenbench.report import table
from greenbench.results import reading

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord


def one_round(joules: float | None, seconds: float = 2.0, **sources: str) -> dict:
    """Return a round; its sources are an estimate of the CPU, or those given."""
    known = sources or {"cpu": "estimated:x"}
    energy = {f"{channel}_j": None if joules is None else 0.0 for channel in known}
    return {"seconds": seconds, "energy": {**energy, "cpu_j": joules, "sources": known}}


def record(
    cell: str = "T2-V0_baseline",
    joules: float | None = 10.0,
    mcc: float | None = 0.5,
    **more: object,
) -> CellRecord:
    """Return what the table needs of a cell."""
    raw = {
        "id": cell,
        "task": "T2",
        "variant": cell.removeprefix("T2-"),
        "status": "ok",
        "rounds": [one_round(joules)],
        "quality": {} if mcc is None else {"mcc": {"value": mcc}},
        "doubts": ["1 round"],
        "error": None,
        **more,
    }
    return cell_record(raw)


def row(this: CellRecord, *others: CellRecord) -> tuple[str, ...]:
    """Return the row of ``this`` in a session with ``others``."""
    return table.row(this, reading.baseline_of(this, [this, *others]), "mcc")


def test_a_variant_is_held_against_v0() -> None:
    """Joules as a share, quality as a difference."""
    assert row(record("T2-V1_x", 6.2, 0.48), record())[1:6] == (
        "2 s",
        "6.2 J",
        "62 %",
        "mcc 0.480",
        "-0.020",
    )


def test_the_baseline_is_not_held_against_itself() -> None:
    """V0's own row has no ratio."""
    assert row(record())[3] == "-"


@pytest.mark.parametrize(
    "sources", [{"cpu": "zeus:rapl"}, {"cpu": "estimated:x", "gpu": "zeus:nvml-counter"}]
)
def test_joules_of_different_sources_or_scope_are_not_divided(sources: dict[str, str]) -> None:
    """A measured joule over an estimated one is no ratio, nor is GPU and CPU over the CPU alone."""
    counted = record("T2-V1_x", rounds=[one_round(6.2, **sources)])
    assert row(counted, record())[2:4] == ("6.2 J", "-")


def test_only_channels_in_the_sum_are_named() -> None:
    """A GPU that was counted, and whose joules are unknown, is not a source of the sum."""
    lost = one_round(6.2, cpu="estimated:x", gpu="zeus:nvml-counter")
    lost["energy"]["gpu_j"] = None
    assert row(record(rounds=[lost]))[6] == "cpu estimated"


def test_a_failed_baseline_is_no_baseline() -> None:
    """A failed cell is not a baseline."""
    assert row(record("T2-V1_x"), record(status="failed"))[3:6:2] == ("-", "-")


def test_a_cell_whose_test_failed_is_shown_so_and_is_no_baseline() -> None:
    """It was measured, and something about it was wrong."""
    assert row(record(outcome="failed"))[7] == "failed"
    assert row(record("T2-V1_x"), record(outcome="failed"))[3] == "-"


def test_a_narrow_terminal_keeps_every_number() -> None:
    """On 80 columns words are folded, numbers are not cut."""
    out = io.StringIO()
    table.show(
        Console(file=out, width=80),
        [record(), record("T2-V6_data_inference_training", 6.2, 0.48)],
        {"T2": ("mcc",)},
    )
    for number in ("2 s", "6.2 J", "62 %", "mcc 0.480", "-0.020"):
        assert number in out.getvalue()


def test_unmeasured_is_said_and_not_zero() -> None:
    """What was not measured has no number."""
    empty = row(record("T2-V1_x", None, None), record())
    assert empty[2:7] == ("unmeasured", "-", "not scored", "-", "none")


def test_one_unmeasured_round_leaves_the_mean_unmeasured() -> None:
    """A mean over the rounds that happen to be known would flatter."""
    assert record(rounds=[one_round(1.0), one_round(None)]).joules is None
    assert record(rounds=[one_round(1.0), one_round(2.0)]).joules == 1.5


def test_units_keep_three_digits() -> None:
    """Neither 0.00 J nor 12345.678 J."""
    assert [table.unit(v, "J") for v in (0.01234, 12.345, 12345.6)] == [
        "0.0123 J",
        "12.3 J",
        "12346 J",
    ]


def test_doubts_name_their_cells_once() -> None:
    """Warnings that all cells share are printed once, and an error is one of them."""
    records = [record(), record("T2-V1_x", error="ValueError: no", doubts=["1 round", "slow"])]
    assert table.doubts(records) == [
        "all cells: 1 round",
        "T2-V1_x: slow",
        "T2-V1_x: failed: ValueError: no",
    ]


def test_the_table_prints_a_line_a_cell() -> None:
    """Wide enough for a file, with the source in its own column."""
    out = io.StringIO()
    table.show(Console(file=out, width=132), [record(), record("T2-V1_x", 6.2)], {"T2": ("mcc",)})
    assert "T2-V1_x" in out.getvalue()
    assert out.getvalue().count("cpu estimated ") == 2


def test_several_rounds_show_between_what_they_lie() -> None:
    """A mean says of how many, and how far they are apart; a single round has no spread."""
    two = record(
        rounds=[
            {**one_round(j, s), "quality": {"mcc": {"value": q}}}
            for j, s, q in ((6.0, 1.0, 0.4), (8.0, 2.0, 0.6))
        ]
    )
    assert (
        table.spread(two, "mcc")
        == "T2-V0_baseline: mean of 2 rounds: 1 s to 2 s, 6 J to 8 J, mcc 0.400 to 0.600"
    )
    assert table.spread(record(), "mcc") is None


def test_plain_functions_have_no_columns_of_a_matrix() -> None:
    """Another repository knows no V0."""
    out = io.StringIO()
    table.show(Console(file=out, width=80), [record(variant="", task="")], {})
    assert "V0" not in out.getvalue().replace("T2-V0_baseline", "")


def test_a_test_that_failed_after_measuring_says_so() -> None:
    """The record is whole, and the line below the table tells why the cell is called failed."""
    assert "T2-V0_baseline: its test failed after it was measured" in table.doubts(
        [record(outcome="failed")]
    )


def scored(cell: str, **values: float | None) -> CellRecord:
    """Return a cell of T1 with these metrics."""
    return record(
        cell,
        task="T1",
        variant=cell.removeprefix("T1-"),
        quality={k: {"value": v} for k, v in values.items()},
    )


T1 = {"T1": ("pass_at_1", "bleu"), "T2": ("mcc",)}


def test_a_task_is_shown_by_the_first_metric_that_is_known() -> None:
    """Without tests BLEU stands in place of a pass rate; the first is named if none is scored."""
    tested, untested, lost = (
        scored("T1-V0_baseline", pass_at_1=0.0, bleu=9.0),
        scored("T1-V1_x", pass_at_1=None, bleu=8.0),
        {},
    )
    assert table.shown_metrics([tested], T1) == {"T1": "pass_at_1", "T2": "mcc"}
    assert table.shown_metrics([untested], T1)["T1"] == "bleu"
    assert (
        table.shown_metrics([record("T1-V0_baseline", task="T1", quality=lost)], T1)["T1"]
        == "pass_at_1"
    )


def test_all_lines_of_a_task_show_the_same_metric() -> None:
    """A cell that lacks it has no score and is not compared with the baseline by another one."""
    records = [
        scored("T1-V0_baseline", pass_at_1=0.5, bleu=9.0),
        scored("T1-V1_x", pass_at_1=None, bleu=8.0),
        record(),
    ]
    out = io.StringIO()
    table.show(Console(file=out, width=132), records, T1)
    lines = {
        line.split()[0]: line
        for line in out.getvalue().splitlines()
        if line.strip().startswith("T")
    }
    assert "pass_at_1 0.500" in lines["T1-V0_baseline"]
    assert "not scored" in lines["T1-V1_x"]
    assert "mcc 0.500" in lines["T2-V0_baseline"]
    assert "bleu" not in out.getvalue()


def test_failed_outputs_are_counted_over_all_rounds() -> None:
    """A line per cell says how many outputs failed and why, if any did."""
    rounds = [
        {**one_round(1.0), "failures": {"wrong_answer": 3, "timeout": 1, "crash": 0}},
        {**one_round(1.0), "failures": {"wrong_answer": 2}},
    ]
    found = table.failures(
        [
            record("T1-V0_baseline", rounds=rounds),
            record(),
            record(rounds=[{**rounds[0], "failures": {}}]),
        ]
    )
    assert found == ["T1-V0_baseline: failed outputs in 2 rounds: 5 wrong answer, 1 timeout"]


def test_a_cell_without_effect_is_called_so_and_saves_nothing() -> None:
    """Whatever its joules are, they are no saving."""
    shown = row(record("T2-V1_x", 6.2, effect="NO-EFFECT"), record())
    assert (shown[3], shown[7]) == ("-", "NO-EFFECT")


def test_a_degenerate_cell_is_called_so_and_saves_nothing() -> None:
    """Its energy is not compared with V0's, and its status is this word only."""
    void = record(
        "T2-V1_x", 1.0, 0.5, degenerate=["one output for all"], effect="NO-EFFECT", status="partial"
    )
    shown = row(void, record())
    assert (shown[3], shown[-1]) == ("-", "DEGENERATE")


def test_a_score_is_shown_with_its_interval() -> None:
    """Both bounds stand beside the value, where there are any."""
    known = record(quality={"mcc": {"value": 0.844, "low": 0.7951, "high": 0.8877}})
    assert row(known)[4] == "mcc 0.844 (0.80 to 0.89)"
