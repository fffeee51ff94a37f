"""Caveats say what is not settled about an answer, what would settle it, and what to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from report.sessions import GPU, HEADER, cell
from report.test_answer import STEADY, V0, kernel, variant

from greenbench.gates.verdict import Measured
from greenbench.report.caveats import Caveat, caveats
from greenbench.report.comparison import compare
from greenbench.report.hints import settling
from greenbench.report.names import ShortNames
from greenbench.results.reading import RunHeader

if TYPE_CHECKING:
    from greenbench.results.reading import CellRecord

BESIDE_V0 = 'pytest bench -k "T2 and (V0_ or V1_)" --green-rounds 5'


def of(*records: CellRecord, command: str = "") -> list[Caveat]:
    """Return the caveats of a session of these cells."""
    measured = [Measured(record=record, header=HEADER) for record in records]
    return caveats(compare(measured), ShortNames([r.id for r in records]), command)


def test_a_sure_saving_has_no_caveat() -> None:
    """Measured joules, five rounds, nothing wrong."""
    assert of(V0, variant("V7_all", 0.6)) == []


def test_an_open_difference_tells_the_rounds_that_settle_it() -> None:
    """Two cells of one remedy are one caveat, by the number of the harder one."""
    first = cell("T2-V0_baseline", [100.0, 103.0, 97.0], sources=GPU)
    near = cell("T2-V1_x-b16", [96.0, 101.0, 95.5], sources=GPU)
    command = "pytest bench -k T2 --green-profile=small --green-rounds 3 --green-data 'T2=a b.csv'"
    (caveat,) = of(first, near, command=command)
    assert caveat.kind == "open"
    assert caveat.text == "T2 V1 b16 saves nothing that 3 rounds can show"
    assert "rounds" in caveat.remedy
    assert "--green" not in caveat.remedy
    start = 'pytest bench -k "T2 and (V0_ or (V1_ and b16))" --green-profile small '
    start += "--green-data 'T2=a b.csv' --green-rounds "
    assert caveat.command.startswith(start)
    header = RunHeader(command=command)
    measured = [Measured(record=record, header=header) for record in (first, near)]
    (line,) = settling(compare(measured), ShortNames([near.id]), measured)
    assert line == f"T2 V1 b16: {caveat.remedy}: {caveat.command}"


def test_what_disturbed_the_best_variant_or_v0_comes_first() -> None:
    """Of other cells it is none, and a cell that failed changes the answer less."""
    noisy = ["other processes kept 0.77 cores busy", "cpu energy is estimated: from seconds"]
    v0 = cell("T2-V0_baseline", [100.0, 101.0, 99.0], sources=GPU, doubts=noisy)
    other = variant("V1_data-b16", 1.0, doubts=["neighbours were awake"])
    failed = variant("V2_x", 0.6, status="failed", error="no")
    first, *rest = of(v0, other, failed, variant("V7_all", 0.6))
    assert first.kind == "disturbed"
    assert first.text == "What disturbed T2 V7 or V0 beside it"
    assert first.points == ("T2 V0: other processes kept 0.77 cores busy",)
    assert first.command == 'pytest bench -k "T2 and (V0_ or V7_)" --green-rounds 5'
    assert "disturbed" not in {one.kind for one in rest}


def test_a_score_that_may_be_lost_is_a_caveat() -> None:
    """Until it is shown to be kept, what saves is not safe to choose."""
    (caveat,) = of(V0, variant("V7_all", 0.6, right=89))
    assert caveat.kind == "score"
    assert caveat.text == "T2 V7 saves energy, and that mcc is kept within 0.02 is not shown"
    assert "test examples" in caveat.remedy


def test_one_round_asks_for_five() -> None:
    """How many settle a difference is not known from a spread that is assumed."""
    (caveat,) = of(cell("T2-V0_baseline", [100.0], sources=GPU), variant_of_one_round(98.0))
    assert caveat.command == BESIDE_V0
    assert caveat.remedy.startswith("five rounds show")


def test_equal_joules_need_no_round() -> None:
    """A copy of V0's rounds is open, and no number of rounds would settle it."""
    (caveat,) = of(V0, cell("T2-V1_x", STEADY, sources=GPU))
    assert caveat.remedy == "nothing: each round took exactly what V0's took"
    assert not caveat.command


def variant_of_one_round(joules: float) -> CellRecord:
    """Return a cell with one measured round."""
    return cell("T2-V1_x", [joules], sources=GPU)


@pytest.mark.parametrize(
    ("more", "text", "command"),
    [
        ({"status": "failed", "error": "no"}, "the cell failed: no", BESIDE_V0),
        ({"degenerate": ["one answer"]}, "DEGENERATE: one answer", ""),
        ({"effect": "NO-EFFECT", "without_effect": ["k"]}, "NO-EFFECT: k did", "greenbench knobs"),
        ({"sources": {"cpu": "zeus:rapl"}}, "NOT-COMPARABLE: scope", BESIDE_V0),
    ],
)
def test_a_cell_that_is_no_evidence_is_a_caveat(
    more: dict[str, Any], text: str, command: str
) -> None:
    """With its reason, and what to do about it."""
    (caveat,) = of(V0, variant("V1_x", 0.6, **more))
    assert caveat.kind == "refused"
    assert caveat.text.startswith(f"T2 V1 cannot be compared: {text}")
    assert caveat.command == command
    assert caveat.remedy
    assert caveat.cells == ("T2-V1_x",)


def test_without_v0_it_is_what_to_measure() -> None:
    """For all variants at once."""
    (caveat,) = of(variant("V1_x", 0.6), variant("V2_x", 0.6))
    assert caveat.remedy == "measure V0 beside it"
    assert caveat.command == 'pytest bench -k "T2 and (V0_ or V1_ or V2_)" --green-rounds 5'


def test_drift_knobs_and_sources_are_caveats() -> None:
    """What the machine did, what a knob did not do, and what was not measured."""
    base = cell("T2-V0_baseline", [100.0] * 5, yardstick=kernel(10, 38))
    proof = {"stage": "system", "knob": "gpu_power_w", "asked": 100, "got": None, "how": "NVML"}
    applied = [{**proof, "note": "not applied: no permission"}]
    partial = cell("T2-V7_all", [10.0] * 5, status="partial", applied=applied)
    found = of(base, cell("T2-V4_x", [50.0] * 5), partial)
    assert [caveat.kind for caveat in found] == ["drift", "partial", "source"]
    assert found[1].text == "T2 V7 is partial: system.gpu_power_w: not applied: no permission"
    assert found[2].text == "the joules of T2 are estimated, not measured"
    assert {caveat.command for caveat in found[1:]} == {"greenbench doctor"}


def test_a_command_holds_no_foreign_text() -> None:
    """A name that is no keyword of pytest stays out; a cell that needs more gives none."""
    commands = {
        'T2-V1_x-"; rm -rf ~': BESIDE_V0,
        "T2-F7_data_training": "",
        "T2-V1_x y": "",
    }
    for cell_id, command in commands.items():
        _, _, rest = cell_id.partition("-")
        odd = cell(cell_id, [50.0] * 5, sources=GPU, status="failed", error="no", variant=rest)
        (caveat,) = of(V0, odd)
        assert caveat.command == command
    (caveat,) = of(V0, variant("V1_x", 0.6, status="failed"), command="x --green-data 'T2=a; b'")
    assert " --green-data 'T2=a; b' " in caveat.command
    for hostile in ("x --green-data 'a", "x --green-data 'a\x1b[31m'", "x --green-data"):
        (caveat,) = of(V0, variant("V1_x", 0.6, status="failed"), command=hostile)
        assert "\x1b" not in caveat.command


def test_what_few_rounds_settle_does_not_wait_for_what_needs_many() -> None:
    """A command that asks for a thousand rounds would settle nothing."""
    base = cell("T2-V0_baseline", [100.0, 103.0, 97.0], sources=GPU)
    far = cell("T2-V1_x", [100.0, 140.0, 75.0], sources=GPU)
    near = cell("T2-V2_x", [94.0, 99.5, 92.0], sources=GPU)
    found = [caveat for caveat in of(base, far, near) if caveat.kind == "open"]
    assert [caveat.cells for caveat in found] == [("T2-V2_x",), ("T2-V1_x",)]
