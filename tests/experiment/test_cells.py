"""Cells of the matrix, and forecasts of what they cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from records import run_record

from greenbench.errors import UsageError
from greenbench.experiment import matrix, profiles
from greenbench.experiment.cells import cells_of
from greenbench.options import Options, TrainingOptions, differences
from greenbench.results.forecast import ForecastKey, forecast

if TYPE_CHECKING:
    from greenbench.results.reading import RunRecord

ROOT = Path(__file__).parents[2]
EXPERIMENT = matrix.load(ROOT / "experiment.md", ROOT / "variants")


def test_ids_are_a_promise() -> None:
    """Saved baselines are matched by these ids."""
    cells = cells_of("T2", EXPERIMENT.variants, profiles.profile("tiny"), seed=0, rounds=None)
    assert [c.id for c in cells] == [
        "T2-V0_baseline",
        "T2-V1_data-b16",
        "T2-V1_data-b32",
        "T2-V1_data-b64",
        "T2-V2_training",
        "T2-V3_inference",
        "T2-V4_architecture",
        "T2-V5_data_training",
        "T2-V6_data_inference_training",
        "T2-V7_all_optimised",
        "T2-V8_lean_cpu",
    ]


def test_a_swept_value_stands_in_the_options() -> None:
    """Each cell of V1 has its own batch size, and all have the Rust tokenizer."""
    cells = cells_of("T2", EXPERIMENT.variants, profiles.profile("tiny"), seed=3, rounds=2)
    swept = [c.options.data for c in cells if c.variant == "V1_data"]
    assert [(d.tokenizer, d.batch_size) for d in swept] == [
        ("rust", 16),
        ("rust", 32),
        ("rust", 64),
    ]
    assert {(c.seed, c.rounds) for c in cells} == {(3, 2)}


def test_the_defaults_are_the_baseline() -> None:
    """The default options have no difference, and one changed knob is one difference."""
    assert differences(Options()) == ()
    turned = replace(Options(), training=TrainingOptions(precision="bf16"))
    assert [(d.knob, d.baseline, d.here) for d in differences(turned)] == [
        ("training.precision", "fp32", "bf16")
    ]


def test_an_unknown_profile_lists_the_known() -> None:
    """The message names the profiles."""
    with pytest.raises(UsageError, match="tiny, small, full"):
        profiles.profile("huge")


KEYS = {"T2": ForecastKey(host="here", device=None, model="m", data="d")}


def earlier(
    cell_id: str,
    seconds: float,
    joules: float | None,
    profile: str = "tiny",
    status: str = "ok",
    host: str = "here",
    **more: object,
) -> RunRecord:
    """One results file with one round of one cell."""
    energy = {"cpu_j": joules, "sources": {"cpu": "estimated:x", "gpu": "none"}}
    cell = {"id": cell_id, "status": status, "model": "m", "data": {"asked": "d"}, **more}
    rounds = [{"seconds": seconds, "energy": energy}]
    return run_record({**cell, "rounds": rounds}, profile=profile, environment={"host": host})


def test_a_forecast_sums_medians_over_earlier_rounds() -> None:
    """Only successful runs of the same profile, host, data and model count, times the rounds."""
    cells = cells_of("T2", EXPERIMENT.variants[:3], profiles.profile("tiny"), seed=0, rounds=2)
    runs = [
        *(earlier("T2-V0_baseline", s, 10 * s) for s in (1.0, 2.0, 30.0)),
        earlier("T2-V2_training", 5.0, None),
        earlier("T2-V1_data-b16", 7.0, 7.0, profile="full"),
        earlier("T2-V1_data-b32", 7.0, 7.0, status="failed"),
        earlier("T2-V1_data-b64", 7.0, 7.0, host="elsewhere"),
        earlier("T2-V1_data-b64", 7.0, 7.0, data={"asked": "other.csv"}),
        earlier("T2-V1_data-b64", 7.0, 7.0, model="another"),
    ]
    expected = forecast(cells, runs, KEYS)
    assert expected is not None
    assert (expected.seconds, expected.joules, expected.known, expected.asked) == (14.0, 40.0, 2, 5)
    assert expected.sources == ("estimated:x",)


def test_without_earlier_results_there_is_no_forecast() -> None:
    """Without earlier results there is no forecast at all."""
    cells = cells_of("T2", EXPERIMENT.variants, profiles.profile("tiny"), seed=0, rounds=None)
    assert forecast(cells, [], KEYS) is None
