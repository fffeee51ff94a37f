"""The gates that hold where nobody has written any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gates.made import cell

from greenbench.gates import score_margins
from greenbench.gates.expression import parse
from greenbench.run.rules import default_gates

if TYPE_CHECKING:
    from greenbench.gates.verdict import Measured


def run_of(**errors: float) -> dict[str, Measured]:
    """Return a run whose cells have these errors, by variant."""
    cells = {}
    for variant, value in errors.items():
        error = {"value": value, "n": 100, "higher_is_better": False}
        definition = {"primary": ["error"]}
        measured = cell(f"T2-{variant}", quality={"error": error}, definition=definition)
        cells[measured.id] = measured
    return cells


@pytest.mark.parametrize(
    ("saved", "gate"),
    [
        ({"V0_x": 5.0, "V1_x": 0.2}, "T2.error <= 1.02*saved"),
        ({"V0_x": 5.0, "V1_x": 0.0}, "T2.error <= saved+0.1"),
        ({"V0_x": -3.0}, "T2.error <= saved+0.06"),
        ({"V0_x": 0.0}, "T2.error <= saved+0.02"),
    ],
)
def test_an_error_is_held_by_a_ratio_only_above_zero(saved: dict[str, float], gate: str) -> None:
    """Else the gate that nobody wrote would refuse the run."""
    assert default_gates([run_of(**saved), run_of(V0_x=1.0)])[-1] == gate


def test_variants_of_one_run_are_held_against_v0() -> None:
    """What another variant's error is makes no difference."""
    assert default_gates([run_of(V0_x=2.0, V1_x=0.0)])[-1] == "T2.error <= 1.02*V0"
    assert default_gates([run_of(V0_x=0.0, V1_x=2.0)])[-1] == "T2.error <= V0+0.02"


@pytest.mark.parametrize(
    ("score", "gate"),
    [("accuracy", ">= V0-0.02"), ("bleu", ">= V0-2"), ("reward", ">= 0.98*V0")],
)
def test_a_score_may_fall_by_a_share_of_its_best_value(score: str, gate: str) -> None:
    """Of one that has none, by a share of V0's."""
    quality = {score: {"value": 0.5, "n": 100, "higher_is_better": True}}
    v0 = cell("T2-V0_x", quality=quality, definition={"primary": [score]})
    assert default_gates([{v0.id: v0}])[-1] == f"T2.{score} {gate}"


def test_before_anything_is_measured_time_alone_is_held() -> None:
    """No run yet tells which scores there are."""
    assert default_gates([]) == ["time <= 1.05*V0"]


@pytest.mark.parametrize(
    ("gate", "instead"),
    [("error <= 1.02*V0", r"error <= V0\+0\.02$"), ("error >= 0.98*V0", r"error >= V0-0\.02$")],
)
def test_a_ratio_to_nothing_names_a_gate_that_can_be_met(gate: str, instead: str) -> None:
    """An upper bound lies above V0's."""
    v0, other = (one.record for one in run_of(V0_x=0.0, V1_x=1.0).values())
    with pytest.raises(ValueError, match=instead):
        score_margins.estimate(parse(gate), other, v0)
