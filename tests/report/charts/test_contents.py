"""What each chart says of results whose joules and answers are known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from analysis.made import BASE, options, session
from report import charted

from greenbench.report.charts import knobs, machine, stages, sweeps

if TYPE_CHECKING:
    from greenbench.report.charts.figure import Entry, Figure

BLOCKS = 4


def figure(name: str) -> Figure:
    """Return a figure of the factorial."""
    found = charted.figures()
    return next(found[one] for one in found if one.startswith(name))


def row(name: str, cell: str) -> dict[str, Entry]:
    """Return a row of a figure's table, by its columns."""
    one = figure(name)
    entries = next(entries for entries in one.rows if entries[0] == cell)
    return dict(zip(one.columns, entries, strict=True))


def test_joules_against_score_are_set_beside_v0() -> None:
    """A cell stands at V0's joules times its ratio, and V0's score plus its difference."""
    saver = row("quality", "F7 data+train+infer")
    joules = sum(charted.means()["F7_data_training_inference"][1])
    assert saver["J a round"] == pytest.approx(joules, rel=0.03)
    assert saver["mcc"] == pytest.approx(0.6)
    assert saver["on front (share of draws)"] == 1.0
    assert row("quality", "V0")["J a round low"] is None


def test_the_dots_of_a_factorial_without_interaction_lie_in_the_band() -> None:
    """Where stages were multiplied independently, the savings of combinations add up."""
    energy = [entries for entries in figure("additivity").rows if entries[1] == "energy"]
    assert {entries[-1] for entries in energy} <= {"additive", "cannot tell"}
    assert "additive" in {entries[-1] for entries in energy}
    for entries in energy:
        assert 0.95 < float(str(entries[2])) < 1.05


def test_shares_sum_to_the_whole_saving() -> None:
    """The bars of the waterfall lead from V0's joules to the combination's."""
    saved = sum(float(str(entries[1])) for entries in figure("shares").rows)
    joules = sum(charted.means()["F7_data_training_inference"][1])
    assert saved == pytest.approx(sum(BASE) - joules, rel=0.03)


def test_each_block_has_its_ratio() -> None:
    """A cell has a ratio for every block, and they surround their mean."""
    entries = row("rounds", "F1 train")
    blocks = [entries[f"joules / V0's, block {number}"] for number in range(1, BLOCKS + 1)]
    assert all(value == pytest.approx(0.7, rel=0.1) for value in blocks)
    assert entries["low"] < entries["joules / V0's"] < entries["high"]


def test_rows_are_counted_both_ways_in_all_rounds() -> None:
    """A cell that gets ten rows fewer right loses ten in each round, and gains none."""
    entries = row("rows", "F1 infer")
    assert entries["right in V0 alone (rows)"] == 10 * BLOCKS
    assert entries["right here alone (rows)"] == 0


def test_the_machine_is_drawn_as_far_as_it_was_recorded() -> None:
    """Temperatures and other programs were recorded, clocks and throttling were not."""
    assert list(figure("machine").drawings) == ["other programs", "temperature"]
    assert {entries[3] for entries in figure("machine").rows} == {0.1, 50.0}


def test_throttling_of_the_processor_is_drawn_if_there_was_any() -> None:
    """Its events stand beside the rounds in which they were counted."""
    records = charted.cells(2)[:1]
    for number, one in enumerate(records[0]["rounds"]):
        one["machine"]["cpu"]["throttle_events"] = 3 * number
    (found,) = machine.figures(charted.of_records(records), 340)
    counted = [entries[3] for entries in found.rows if entries[0] == "CPU throttling"]
    assert counted == [0.0, 3.0]


def test_control_characters_in_a_record_are_written_out() -> None:
    """What a driver called a reason to throttle is text in the drawing, which stays valid XML."""
    records = charted.cells(2)[:1]
    for one in records[0]["rounds"]:
        one["machine"]["gpus"] = [{"throttle": {"\x1b[31mhot\u202e": 0.5}}]
    (found,) = machine.figures(charted.of_records(records), 340)
    assert "CPU throttling" not in found.drawings
    written = " ".join(charted.texts(found.drawings["throttling"]))
    assert r"\x1b[31mhot\u202e" in written


def test_a_reused_training_is_hatched_and_named_with_ids_of_its_drawing() -> None:
    """The drawing says so in words, and its hatch has an id that no other drawing has."""
    records = charted.cells(2)[:2]
    for one in records[1]["rounds"]:
        one["windows"][2]["state"] = "reused"
        one["training"] = {"measured_j": 30.0}
    drawings = []
    for width in (900, 340):
        (found,) = stages.figures(charted.of_records(records), width)
        drawings += found.drawings.values()
    ids = re.findall(r'\sid="([^"]+)"', "".join(drawings))
    assert len(ids) == 4
    assert len(set(ids)) == 4
    for one_id, svg in zip(ids, drawings, strict=True):
        assert f"url(#{one_id})" in svg
    assert "training reused" in " ".join(charted.texts(drawings[0]))


def test_single_knobs_are_ranked_with_their_verdicts() -> None:
    """A knob that halves a stage saves; one that does nothing is not shown to."""
    right = {"V0_baseline": 90, "K0_training_precision_bf16": 90, "K0_data_tokenizer_rust": 90}
    means = {
        "V0_baseline": ((), BASE),
        "K0_training_precision_bf16": (("training",), (8.0, 2.0, 15.0, 30.0)),
        "K0_data_tokenizer_rust": (("data",), BASE),
    }
    records = session(means, blocks=5, noise=0.02, right=right)
    (found,) = knobs.figures(charted.of_records(records), 340)
    assert [entries[-1] for entries in found.rows] == ["saves", "no saving shown"]
    assert "mcc" in found.drawings


def sweep_of(sizes: dict[str, int]) -> Figure:
    """Return the curve of cells of some batch sizes, whose joules fall as these grow."""
    means = {name: ((), [j * 32 / size for j in BASE]) for name, size in sizes.items()}
    records = session(means, blocks=3, noise=0.02)
    for record in records:
        record["options"] = options()
        record["options"]["data"]["batch_size"] = sizes[record["variant"]]
    (found,) = sweeps.sweep_figures(charted.of_records(records), 340)
    return found


def test_a_knob_of_three_values_is_a_curve() -> None:
    """Cells that differ in one number alone are a curve, V0 among them without an interval."""
    found = sweep_of({"V0_baseline": 32, "V1_data-b16": 16, "V1_data-b64": 64})
    assert found.title == "T2: data.batch_size"
    energy = [entries for entries in found.rows if entries[1] == "energy"]
    assert [entries[0] for entries in energy] == [16.0, 32.0, 64.0]
    assert energy[1][2:] == (1.0, None, None)
    assert energy[0][2] == pytest.approx(2.0, rel=0.05)


def test_a_knob_of_three_values_is_a_curve_of_joules_without_v0() -> None:
    """A batch sweep that was measured alone has no ratio: its joules stand as they are."""
    found = sweep_of({"V1_data-b16": 16, "V1_data-b32": 32, "V1_data-b64": 64})
    assert "J or s a round" in found.columns
    energy = {entries[0]: entries[2] for entries in found.rows if entries[1] == "energy"}
    assert energy[16.0] == pytest.approx(4 * energy[64.0], rel=0.05)
    assert "V0 was not measured" in found.caption
