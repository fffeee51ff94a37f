"""Grams are joules times an intensity that the user gives, with its source."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import stub_suite
from hypothesis import given
from hypothesis import strategies as st

from greenbench.errors import UsageError
from greenbench.experiment.option_parsers import RawOption, carbon_intensity
from greenbench.results.carbon import GRAMS, CarbonIntensity
from greenbench.types import Quantity

if TYPE_CHECKING:
    from pathlib import Path


@given(
    joules=st.floats(0, 1e12),
    half=st.none() | st.floats(0, 1e9),
    intensity=st.floats(0, 5000),
)
def test_a_kilowatt_hour_has_the_intensity(
    joules: float, half: float | None, intensity: float
) -> None:
    """Value, interval and causes are all multiplied by the same number; unknown stays unknown."""
    carbon = CarbonIntensity(g_per_kwh=intensity)
    energy = Quantity(value=joules, uncertainty=half, causes={"model": joules}, n=3)
    grams = carbon.of(energy)
    assert grams.value == pytest.approx(joules / 3.6e6 * intensity)
    assert grams.causes["model"] == grams.value
    assert (grams.uncertainty is None) == (half is None)
    assert carbon.grams(3.6e6) == pytest.approx(intensity)
    assert carbon.of(Quantity(value=None, reason="no counter")).reason == "no counter"


@pytest.mark.parametrize(
    ("text", "grams", "source"),
    [
        ("380", 380.0, ""),
        (380, 380.0, ""),
        ("380 (grid average 2024, agency)", 380.0, "grid average 2024, agency"),
        (" 0.5  my own (solar) roof ", 0.5, "my own (solar) roof"),
    ],
)
def test_a_number_may_have_its_source_behind_it(text: Any, grams: float, source: str) -> None:
    """In parentheses or not, on the command line and in pyproject.toml."""
    found = carbon_intensity(RawOption("--green-carbon", text))
    assert found == CarbonIntensity(g_per_kwh=grams, source=source)


@pytest.mark.parametrize("text", ["", "much", "-1", "nan", "inf", "380g", "380,5", "5001", True])
def test_what_is_no_intensity_is_refused(text: Any) -> None:
    """The sentence names the option, what was found and what is allowed."""
    with pytest.raises(UsageError, match=r"--green-carbon: found .*; give grams per kWh from 0"):
        carbon_intensity(RawOption("--green-carbon", text))


def test_grams_stand_beside_joules(suite: pytest.Pytester) -> None:
    """In the table, with the intensity and its source below it, and in the results files."""
    ran = stub_suite.run_here(suite, "-k", "V0", "--green-carbon", "360 (a source)")
    ran.stdout.fnmatch_lines(["*cell*total*CO2e*", "CO2e: total times 360 g/kWh (a source)*"])
    file = only_file(suite.path / "results")
    energy = file["cells"][0]["energy"]
    assert energy[GRAMS]["value"] == pytest.approx(energy["total_j"]["value"] / 1e4)
    assert energy[GRAMS]["uncertainty"] == pytest.approx(energy["total_j"]["uncertainty"] / 1e4)
    assert file["carbon"] == {"g_per_kwh": 360.0, "source": "a source"}


def test_without_an_intensity_there_are_no_grams(suite: pytest.Pytester) -> None:
    """Neither in the table nor in the file, which says that none was given."""
    ran = stub_suite.run_here(suite, "-k", "V0")
    assert "CO2e" not in ran.stdout.str()
    file = only_file(suite.path / "results")
    assert file["carbon"] is None
    assert GRAMS not in file["cells"][0]["energy"]


def only_file(folder: Path) -> Any:
    """Return what the only results file of a folder holds."""
    (path,) = folder.glob("*.json")
    return json.loads(path.read_text())
