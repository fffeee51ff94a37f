"""The provenance of a cell says where each number comes from, or why there is none."""

from __future__ import annotations

from report.sessions import GPU, HEADER, cell, one_round

from greenbench.gates.verdict import Measured
from greenbench.report.page.provenance import Provenance, provenance


def of(cell_id: str, joules: list[float | None], **more: object) -> Provenance:
    """Return the provenance of a made-up cell."""
    record = cell(cell_id, joules, **more)
    return provenance(Measured(record=record, header=HEADER, origin="results"), 3)


def test_joules_have_their_source_uncertainty_by_cause_and_number_of_rounds() -> None:
    """The largest cause comes first, and what the uncertainty lacks is said."""
    total = {
        "value": 10.0,
        "uncertainty": 8.0,
        "n": 2,
        "causes": {"spread": 0.5, "cross_sensor": 3.0},
        "lacks": ["the next session"],
    }
    found = of("T2-V0_x", [9.0, 11.0], energy={"total_j": total}, sources=GPU)
    facts = dict(found.energy)
    assert facts["total"] == "10.0 +- 8.0 J (95 %, mean of n = 2 rounds)"
    assert facts["one sigma by cause"] == "cross sensor 3 J, spread 0.5 J"
    assert facts["not in it"] == "the next session"
    assert facts["source of GPU"] == "zeus:nvml-counter"
    assert found.session == 3


def test_a_channel_that_is_not_measured_has_its_reason() -> None:
    """It is never 0 J."""
    energy = {"gpu_j": {"value": None, "reason": "no GPU is counted"}}
    facts = dict(of("T2-V0_x", [9.0], energy=energy).energy)
    assert facts["GPU"] == "unmeasured: no GPU is counted"


def test_stages_show_repeats_states_and_windows_whose_joules_are_unknown() -> None:
    """A repeated stage counts by its repeats; a channel that some windows lack is not averaged."""
    windows = [
        {"stage": "data", "seconds": 1.0, "cpu_j": 5.0, "state": "warm"},
        {"stage": "training", "seconds": 1.0, "state": "reused"},
    ]
    repeats = [{"stage": "data", "seconds": 0.5, "cpu_j": 2.0, "passes": 4}]
    first = one_round(0, 9.0, windows=windows, repeats=repeats)
    second = one_round(1, 9.0, windows=[{**windows[0]}, {**windows[1], "cpu_j": 3.0}])
    found = of("T2-V0_x", [9.0], rounds=[first, second]).windows
    lines = {line.stage: line for line in found}
    assert list(lines) == ["whole", "data", "training"]
    assert "repeated up to 4 times" in lines["data"].state
    assert lines["data"].joules == "CPU 3.5 J"
    assert lines["training"].joules == "CPU known in 1 of 2 windows"
    assert lines["training"].state == "reused"


def test_knobs_that_are_set_or_did_not_act_are_listed_and_the_others_counted() -> None:
    """A variant sets one of three knobs, and another one did not act."""
    applied = []
    for knob, note in (("precision", ""), ("optimizer", ""), ("finetune", "it did not")):
        proof = {"stage": "training", "knob": knob, "asked": 1, "got": 1, "how": "x", "note": note}
        applied.append(proof)
    differs = [{"knob": "training.precision"}]
    found = of("T2-V1_x", [9.0], applied=applied, differs_from_baseline=differs)
    assert [line.knob for line in found.knobs] == ["training.precision", "training.finetune"]
    assert found.other_knobs == "1 further knob read back as requested."


def test_a_failed_cell_without_rounds_has_its_error_first() -> None:
    """Nothing else is known of it."""
    found = of("T2-V1_x", [], status="failed", error="ValueError: no", doubts=["a doubt"])
    assert found.warnings == ("ValueError: no", "a doubt")
    assert found.windows == ()
    assert dict(found.facts)["rounds"] == "none"
