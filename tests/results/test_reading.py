"""Records are validated as a whole when they are read; wrong and contradictory ones are refused."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from gates.made import cell, one_round, raw_cell

from greenbench.errors import UsageError
from greenbench.results import loading
from greenbench.results.reading import CellRecord, is_baseline
from greenbench.results.record import cell_record
from greenbench.types import Applied, CellResult, Energy, Judged, Metric, Round, Window

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(change: Callable[[dict[str, Any]], object]) -> str:
    """Return the sentence with which a changed record is refused."""
    record, _, _ = raw_cell(joules=(100.0, 110.0))
    for seed, one in enumerate(record["rounds"]):
        one["quality"] = {"mcc": {"value": 0.7 + 0.2 * seed, "n": 100}}
    changed = copy.deepcopy(record)
    assert CellRecord.of(changed).joules == 105.0
    change(changed)
    with pytest.raises(UsageError) as caught:
        CellRecord.of(changed, "main.json")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda r: r["rounds"][0]["energy"].update(total_j=0.0125), "its channels sum to 100.0"),
        (lambda r: r["rounds"][0]["windows"][0].update(cpu_j=1.0), "its channels sum to 1.0"),
        (lambda r: r["rounds"][0]["energy"].update(scope=["gpu"]), "joules are known of cpu"),
        (lambda r: r["quality"]["mcc"].update(value=0.9), "the mean of its rounds is 0.8"),
        (lambda r: r["quality"]["mcc"].update(low=0.85), "outside of its interval 0.85 to"),
        (lambda r: r["rounds"][0]["quality"]["mcc"].update(value=5), "it lies from -1 to 1"),
        (lambda r: r["rounds"][1].update(seed=0), "seed 0 twice, and each round has its own"),
        (lambda r: [one.update(block=3) for one in r["rounds"]], "block 3 twice, and each round"),
        (
            lambda r: r["rounds"][1]["windows"][0].update(seconds=1.5),
            "rounds[1].windows[0]: found 1.5 s of training, and its round took 1 s",
        ),
    ],
    ids=["total", "stage", "scope", "mean", "interval", "range", "seed", "block", "length"],
)
def test_a_record_that_contradicts_itself_is_refused(change: Any, sentence: str) -> None:
    """The sentence names the file, the cell, the place and both values."""
    message = refused(change)
    assert message.startswith("main.json: T2-V1_x.")
    assert sentence in message
    assert message.endswith("the record contradicts itself and is no evidence; measure it again")


def test_two_rounds_of_a_session_have_no_common_position() -> None:
    """Whether they are of one cell or of two: the order of rounds is evidence of drifts."""
    rounds = [one_round(0, 100.0, position=4), one_round(1, 110.0, position=5)]
    record, header, _ = raw_cell(rounds=rounds)
    other, _, _ = raw_cell("T2-V2_y", rounds=[one_round(0, 90.0, position=5)])
    file = {"schema": 4, "variant": "V1_x", **header, "cells": [record, other]}
    with pytest.raises(UsageError) as caught:
        loading.parsed(file, "main.json")
    twice = "position 5 in T2-V1_x and in T2-V2_y, and each round of a session has its own"
    assert f"main.json: found {twice}: the record contradicts itself" in str(caught.value)
    other["rounds"][0]["position"] = 6
    assert len(loading.parsed(file, "main.json").cells) == 2


def test_a_stage_may_be_as_long_as_its_round() -> None:
    """A plain function is one stage; what its clock reads beyond the round is no contradiction."""
    for seconds in (1.0, 1.0 + 1e-9):
        record, _, _ = raw_cell()
        record["rounds"][0]["windows"][0]["seconds"] = seconds
        assert CellRecord.of(record).rounds[0].windows[0].seconds == seconds


def test_a_stored_mean_of_the_rounds_that_have_a_score_is_unknown() -> None:
    """Earlier versions stored it; no gate passes on it, whatever value stands there."""
    record, _, _ = raw_cell(joules=(100.0, 110.0, 105.0))
    record["quality"]["mcc"] = {"value": 0.99, "n": 100}
    record["rounds"][0]["quality"] = {"mcc": {"value": 0.3, "n": 100}}
    record["rounds"][1]["quality"] = {"mcc": {"value": None, "n": 0, "reason": "one class only"}}
    read = CellRecord.of(record)
    assert read.score("mcc") is None
    assert read.quality["mcc"].reason == "mcc is unknown in 2 of 3 rounds: one class only"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda r: r.update(rounds="none"), "main.json: T2-V1_x.rounds: found 'none'"),
        (lambda r: r.update(rounds=None), "main.json: T2-V1_x: found no rounds"),
        (lambda r: r.update(status="fine"), "found status 'fine', expected one of ok, partial"),
        (lambda r: r["rounds"][1].update(seed=[1]), "rounds[1].seed: found [1], expected a whole"),
        (lambda r: r["rounds"][0].update(seconds=-1), "rounds[0].seconds: found -1, expected a"),
        (lambda r: r["rounds"][0].update(seconds=None), "found no seconds, expected a number"),
        (lambda r: r["rounds"][0]["energy"].update(cpu_j=-100.0), "cpu_j: found -100.0, expected"),
        (lambda r: r["rounds"][0]["work"].update(samples_scored=-1), "samples_scored: found -1,"),
        (lambda r: r["rounds"][0].update(correct=-50), "correct: found -50, expected a whole"),
        (lambda r: r["quality"]["mcc"].update(n=-100), "quality.mcc.n: found -100, expected a"),
        (lambda r: r["rounds"][0]["windows"][0].update(passes=0), "a whole number from 1 on"),
        (lambda r: r.update(energy={"total_j": {"uncertainty": -2.0}}), "uncertainty: found -2.0"),
        (lambda r: r.update(energy={"total_j": {"causes": {"a": -1}}}), "causes.a: found -1, exp"),
        (
            lambda r: r["rounds"][0]["energy"].update(uncertainty_j={"cpu": {"model": -4.0}}),
            "energy.uncertainty_j.cpu.model: found -4.0, expected a number that is not negative",
        ),
        (
            lambda r: r.update(yardstick={"before": {"operations_per_second": -1.0}}),
            "yardstick.before.operations_per_second: found -1.0, expected a number that is not neg",
        ),
        (lambda r: r["rounds"][0].update(seconds=float("nan")), "seconds: found nan, expected"),
        (lambda r: r["rounds"][0]["energy"].update(cpu_j=True), "energy.cpu_j: found True"),
        (lambda r: r.update(quality={"mcc": 0.8}), "quality.mcc: found 0.8, expected an object"),
        (lambda r: r["rounds"][0]["energy"].update(sources={"cpu": 3}), "sources.cpu: found 3"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_place(change: Any, place: str) -> None:
    """The message names the place of the error."""
    assert place in refused(change)


def test_what_is_written_is_read_back_alike() -> None:
    """A result that becomes a record and is read gives the same rounds, scores and joules."""
    energy = Energy(
        gpu_j=20.0,
        cpu_j=10.0,
        sources={"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl", "dram": "none"},
        reasons={"dram": "no counter"},
        uncertainty_j={"gpu": {"resolution": 0.5}},
        idle_j={"gpu": 2.0, "cpu": 1.0},
        idle_uncertainty_j={"gpu": 0.1},
        coarse=("cpu",),
        doubts=("a warning",),
    )
    window = Window(stage="training", seconds=2.0, energy=energy, state="warm", passes=3)
    judged = Judged(
        quality={"mcc": Metric(value=0.5, n=10, low=0.4, high=0.6, constant=0.0, decides=True)},
        failures={"timeout": 1},
        correct=8,
        references={"majority": {"mcc": 0.0, "lead": None}},
        outcomes={"kind": "classification", "n": 10},
    )
    measured = Round(
        seed=3,
        whole=Window(stage="whole", seconds=2.5, energy=energy),
        windows=(window,),
        repeats=(window,),
        judged=judged,
        work={"samples_scored": 10, "flops_training": None},
        outputs_sha256="a" * 64,
        machine={"cpu": {"busy": 1.0}},
        applied=(Applied(stage="data", knob="tokenizer", asked="rust", got="rust", how="class"),),
        doubts=("slow",),
    )
    result = CellResult(
        id="T2-V1_x",
        task="T2",
        variant="V1_x",
        model="m",
        data={"source": "generated"},
        seeds=(3,),
        status="ok",
        rounds=(measured,),
        quality=judged.quality,
    )
    read = CellRecord.of(cell_record(result, None))
    assert read.rounds == (measured,)
    assert (read.quality, read.joules, read.seconds) == (judged.quality, 30.0, 2.5)


def test_rounds_pair_by_seed() -> None:
    """Rounds whose seed the other cell lacks have no partner."""
    ours = cell(rounds=[one_round(seed, 100.0) for seed in (4, 2, 7)]).record
    theirs = cell(rounds=[one_round(seed, 50.0) for seed in (7, 4)]).record
    pairs = ours.paired_rounds(theirs)
    assert [(one.seed, other.seed) for one, other in pairs] == [(4, 4), (7, 7)]


def test_joules_of_rounds_with_other_sources_are_no_mean() -> None:
    """A mean over rounds that sum different channels would look complete."""
    estimated = one_round(0, 100.0)
    measured = one_round(1, 90.0, sources={"cpu": "zeus:rapl"})
    record = cell(rounds=[estimated, measured]).record
    assert (record.sources, record.joules) == ({}, None)
    assert record.scope == "cpu estimated:cpu-seconds*3W/core or cpu zeus:rapl"


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("V0_baseline", True), ("V0_plain", True), ("V0", True), ("V01_x", False), ("", False)],
)
def test_v0_is_the_variant_of_that_number(variant: str, *, expected: bool) -> None:
    """Whatever the rest of its folder's name is."""
    assert is_baseline(variant) == expected


@pytest.mark.parametrize(("score", "value"), [("bleu", 100.00000000000004), ("mcc", 1 + 2e-16)])
def test_a_perfect_score_is_one_whatever_its_last_digit(score: str, value: float) -> None:
    """Floating-point sums end a little above the highest value."""
    assert cell(quality={score: {"value": value, "n": 3}}).record.score(score) == value


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["data"].update(split_sizes=[1, 2]),
        lambda r: r["rounds"][0].update(outcomes={"kind": "classification"}),
        lambda r: r["rounds"][0].update(seconds=10**400),
    ],
    ids=["split sizes", "outcomes", "a number of 400 digits"],
)
def test_what_comparisons_read_is_validated_too(change: Any) -> None:
    """Nothing of a record surprises the end of a session."""
    assert "expected" in refused(change)
