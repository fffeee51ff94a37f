"""Means that stand beside ratios are of the rounds that the ratios are of."""

from __future__ import annotations

import pytest
from analysis import made
from report import charted

from greenbench.gates.changes import Change
from greenbench.report.charts.quality import SWITCHES, _trade_offs
from greenbench.report.counted import counted, leaves_out_first
from greenbench.report.page.contents import _basis
from greenbench.report.page.matrix import matrix

MEANS = {"V0_baseline": ((), made.BASE), "V1_data": (("data",), (4.0, 2.0, 60.0, 30.0))}
BLOCKS = 5


def test_a_first_block_of_warm_up_is_in_no_mean_that_stands_beside_a_ratio() -> None:
    """Of V0's first round, which took twice as much, matrix, charts and basis say the same."""
    records = made.session(MEANS, blocks=BLOCKS, noise=0.01, right=dict.fromkeys(MEANS, 90))
    for record in records:
        record["quality"] = record["rounds"][0]["quality"]
    first = records[0]["rounds"][0]
    doubled = [2 * joules for joules in made.BASE]
    first.update(made.one_round(0, first["position"], doubled))
    data = charted.of_records(records)
    (comparison,) = data.comparisons
    assert leaves_out_first(comparison)
    v0, v1 = (counted(cell, comparison) for cell in comparison.cells)
    assert [len(cell.rounds) for cell in (v0, v1)] == [BLOCKS - 1, BLOCKS - 1]
    change = comparison.energy[v1.id]
    assert isinstance(change, Change)
    assert v1.joules / v0.joules == pytest.approx(change.value, rel=0.01)
    (row, _) = matrix(data).rows
    assert row.cells["T2"].own.startswith(f"{v0.joules:.3g} J, ")
    point = _trade_offs(data, comparison, comparison.baseline, SWITCHES[0])[0]
    assert point.joules.value == pytest.approx(v0.joules)
    assert "of whose joules and times the first one is left out" in _basis(data)
