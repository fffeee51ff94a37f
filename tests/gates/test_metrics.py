"""The value of each metric in a cell's record."""

from __future__ import annotations

import pytest
from gates.made import cell, one_round

from greenbench.gates.expression import parse
from greenbench.gates.metrics import readings


def values(metric: str, *rounds) -> list[float]:
    """Return the metric's values by round, or the reason for none."""
    found = readings(
        parse(f"{metric} < 1"),
        cell(rounds=list(rounds) or [one_round(0, 100.0, seconds=2.0)]).record,
    )
    return (
        found if isinstance(found, str) else [found.values[seed] for seed in sorted(found.values)]
    )


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("energy", 100.0),
        ("energy_cpu", 100.0),
        ("training.energy", 90.0),
        ("time", 2.0),
        ("training.time", 1.8),
        ("flops", 1010),
        ("training.flops", 1000),
        ("peak_memory", 1e9),
    ],
)
def test_each_metric_of_a_round(metric: str, value: float) -> None:
    """A metric is that of the whole round, or of a stage."""
    assert values(metric) == [pytest.approx(value)]


def test_the_machine_as_a_whole_is_a_metric_of_its_own() -> None:
    """It is in no total, and a cell without such a sensor has none."""
    one = one_round(0, 100.0)
    one["energy"]["node_j"] = 250.0
    one["energy"]["sources"]["node"] = "cray:pm_counters"
    assert (values("energy_node", one), values("energy", one)) == ([250.0], [100.0])
    assert "no sensor here knows the machine as a whole" in values("energy_node")


def test_joules_by_work_done_are_those_of_inference() -> None:
    """Joules of inference, or of its repeats, are divided by scored or by right samples."""
    one = one_round(0, 100.0)
    part = {**one["windows"][0], "stage": "inference", "cpu_j": 50.0, "total_j": 50.0}
    one["windows"].append(part)
    assert (values("j_per_sample", one), values("j_per_correct", one)) == ([0.5], [1.0])
    one["repeats"] = [{**part, "cpu_j": 20.0, "total_j": 20.0}]
    assert values("j_per_sample", one) == [0.2]


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("energy_gpu", "energy_gpu is unknown in 1 of 1 rounds"),
        ("energy_net", "energy_net is unknown in 1 of 1 rounds"),
        ("architecture.energy", "no round has a stage architecture"),
        ("inference.time", "no round has a stage inference"),
        ("j_per_sample", "j_per_sample is unknown"),
    ],
)
def test_an_unknown_metric_has_a_reason(metric: str, told: str) -> None:
    """The reason counts the rounds and repeats what the record says."""
    assert told in values(metric)


def test_one_unknown_round_makes_the_metric_unknown() -> None:
    """A cell with one round without joules has no joules."""
    assert (
        values("energy", one_round(0, 1.0), one_round(1, None))
        == "energy is unknown in 1 of 2 rounds: no counter is here"
    )


def test_rounds_of_different_channels_are_unknown() -> None:
    """A round that lacks its GPU's joules is not compared with complete ones."""
    both = one_round(1, 100.0, sources={"gpu": "zeus:nvml-counter", "cpu": "zeus:rapl"})
    both["energy"].update(gpu_j=60.0, cpu_j=40.0)
    both["windows"] = []
    told = values("energy", one_round(0, 100.0), both)
    assert told == (
        "its rounds know different channels: cpu estimated:cpu-seconds*3W/core or "
        "gpu zeus:nvml-counter, cpu zeus:rapl"
    )


def test_rounds_of_different_sources_are_unknown() -> None:
    """A mean of measured and estimated joules is neither."""
    measured = one_round(1, 100.0, sources={"cpu": "zeus:rapl"})
    for metric in ("energy", "energy_cpu", "training.energy"):
        told = values(metric, one_round(0, 100.0), measured)
        assert str(told).startswith("its rounds know different channels: cpu estimated")


def test_outputs_that_were_not_counted_are_named_as_the_reason() -> None:
    """A channel that the machine lacks does not explain it."""
    inference = one_round(0, 100.0)
    inference["windows"][0] |= {"stage": "inference", "reasons": {"dram": "no counter is here"}}
    inference["work"]["samples_scored"] = None
    told = values("j_per_sample", inference)
    assert "no output to divide them by" in str(told)


def test_uncertainty_is_split_into_random_and_systematic() -> None:
    """A counter's resolution is random, and an estimate's model is systematic."""
    one = one_round(0, 100.0)
    one["energy"]["uncertainty_j"] = {"cpu": {"resolution": 3.0, "edges": 4.0, "model": 20.0}}
    found = readings(parse("energy < 1"), cell(rounds=[one]).record)
    assert (found.uncertainty, found.systematic) == (pytest.approx(5.0), pytest.approx(20.0))
