"""The stages of a bar: they sum to the round, and what was not measured in it is marked."""

from __future__ import annotations

from typing import Any

from analysis.made import cell, energy, one_round
from hypothesis import given
from hypothesis import strategies as st
from records import cell_record
from report import charted

from greenbench.analysis.measures import MACHINE
from greenbench.report.charts import stages
from greenbench.report.charts.stage_shares import OUTSIDE, UNRESOLVED, StackedCell, stacked_cell

JOULES = st.tuples(*[st.floats(0.1, 100) for _ in range(4)])


def stacked(*rounds: dict[str, Any]) -> StackedCell:
    """Return the bar of a cell with these rounds."""
    found = stacked_cell(cell_record(cell("V0_baseline", (), rounds)), "energy")
    assert found is not None
    return found


@given(st.lists(JOULES, min_size=1, max_size=4))
def test_stages_sum_to_the_mean_round(every: list[tuple[float, ...]]) -> None:
    """The parts of a bar add up to its length, which is the mean of the rounds."""
    one = stacked(*[one_round(block, block, joules) for block, joules in enumerate(every)])
    mean = sum(map(sum, every)) / len(every)
    assert abs(one.total - mean) <= 1e-9 * mean
    assert abs(sum(share.amount for share in one.shares) - mean) <= 1e-9 * mean
    assert [share.stage for share in one.shares] == [
        "data",
        "architecture",
        "training",
        "inference",
    ]


def test_what_is_outside_of_the_stages_has_a_part_of_its_own() -> None:
    """Joules of the round that no stage took are drawn as such."""
    made = one_round(0, 0, (1.0, 1.0, 1.0, 1.0))
    made["energy"] = energy(10.0)
    last = stacked(made).shares[-1]
    assert (last.stage, last.amount) == (OUTSIDE, 6.0)


def test_a_stage_that_no_counter_resolved_is_not_zero() -> None:
    """Its joules are in a part that says so, together with what is outside."""
    made = one_round(0, 0, (1.0, 1.0, 1.0, 1.0))
    made["windows"][0] |= energy(None)
    one = stacked(made)
    assert [share.stage for share in one.shares] == [
        "architecture",
        "training",
        "inference",
        UNRESOLVED,
    ]
    assert one.shares[-1].amount == 1.0


def test_the_machine_as_a_whole_has_bars_of_its_own() -> None:
    """Its joules are drawn behind a switch, with their own source, and are in no total."""
    made = one_round(0, 0, (1.0, 1.0, 1.0, 1.0))
    for part in (made["energy"], *made["windows"]):
        part["node_j"] = 10 * part["cpu_j"]
        part["sources"] = {**part["sources"], "node": "user:wattmeter:Battery"}
    record = cell("V0_baseline", (), [made])
    whole = stacked_cell(cell_record(record), MACHINE)
    assert whole is not None
    assert (whole.total, [share.amount for share in whole.shares]) == (40.0, [10.0] * 4)
    assert stacked(made).total == 4.0
    (figure,) = stages.figures(charted.of_records([record]), 340)
    assert list(figure.drawings) == ["total", "machine", "time"]
    drawn = " ".join(charted.texts(figure.drawings["machine"]))
    assert "measured joules of the machine as a whole" in drawn


def test_a_reused_training_is_marked_in_any_round() -> None:
    """One round that took over its training marks the stage."""
    made = [one_round(block, block, (1.0, 1.0, 1.0, 1.0)) for block in range(2)]
    made[1]["windows"][2]["state"] = "reused"
    made[1]["training"] = {"measured_j": 3.0}
    states = {share.stage: share.state for share in stacked(*made).shares}
    assert states["training"] == "reused"
    assert states["inference"] == ""


def test_a_cell_of_unknown_joules_has_no_bar() -> None:
    """Unknown is not 0: such a cell is left out."""
    made = one_round(0, 0, (1.0, 1.0, 1.0, 1.0))
    made["energy"] = energy(None)
    for window in made["windows"]:
        window.update(energy(None))
    assert stacked_cell(cell_record(cell("V0_baseline", (), [made])), "energy") is None
