"""V0 again, in a folder of another name: an A/A control."""

from __future__ import annotations

from typing import Any

import pytest
from gates.made import cell

from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.results.reading import is_control

STEADY = (100.0, 100.5, 99.5)


def test_a_control_is_judged_beside_v0_only_if_asked_for() -> None:
    """Nothing it does differs from V0, so a gate that it passes says nothing of a knob."""
    copy = cell("T2-V8_again", STEADY, differs_from_baseline=[])
    cells = {one.id: one for one in (cell("T2-V0_baseline", STEADY), copy)}

    def outcome(gate: str, **more: Any) -> str:
        verdicts = judge(parse(gate), cells, References(**more))
        return {verdict.cell: verdict.outcome for verdict in verdicts}[copy.id]

    assert outcome("energy <= 1.5*V0") == "NO-EFFECT"
    assert outcome("energy <= 1.5*V0", allow=("same",)) == "PASS"
    assert outcome("energy <= 1.5*saved", saved=cells) == "PASS"
    assert outcome("energy <= 150") == "PASS"


@pytest.mark.parametrize(
    ("name", "differences", "control"),
    [
        ("T2-V8_again", [], True),
        ("T2-V8_again", None, False),
        ("T2-V8_again", [{"knob": "data.batch_size", "baseline": 32, "here": 16}], False),
        ("T2-V0_baseline", [], False),
        ("T2-V1_data-b32", [], False),
    ],
)
def test_a_control_is_a_folder_that_sets_nothing(
    name: str, differences: Any, *, control: bool
) -> None:
    """Not V0 itself, nor the point of a sweep that happens to be V0's."""
    assert is_control(cell(name, differs_from_baseline=differences).record) == control
