"""Values to try of knobs that no table names: they follow from the declaration."""

from __future__ import annotations

import pytest

from greenbench.experiment.knob_candidates import origins_of_values
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.knob_trials import knob_trial
from greenbench.experiment.knob_values import derived_values


@pytest.mark.parametrize(
    ("knob", "values", "how"),
    [
        ("data.batch_size", ("16", "64"), "half and double of V0's 32, within its bounds"),
        ("architecture.int8_threshold", ("3.0", "12.0"), "half and double of V0's 6"),
        ("system.gpu_power_fraction", ("1.0",), "its bounds"),
        ("inference.skip_layers", (), "its bounds"),
        ("data.workers", (), "its bounds"),
        ("architecture.lora_targets", (), ""),
        ("training.compile", ("true",), ""),
        ("data.batching", ("bucketed", "packed"), ""),
    ],
)
def test_values_follow_from_default_bounds_and_choices(
    knob: str, values: tuple[str, ...], how: str
) -> None:
    """V0's own value and ``auto`` are none of them; what has no bound at an end lacks that end."""
    found = derived_values(knob)
    assert found.values == values
    assert found.how.startswith(how)


def test_each_value_is_one_that_the_knob_takes() -> None:
    """A trial can be made of each, which differs from V0."""
    for description in described_knobs():
        for value in derived_values(description.knob).values:
            assert knob_trial(f"{description.knob}={value}").settings


def test_numbers_that_nobody_declared_are_told() -> None:
    """Those of the table, and choices, need no word."""
    trials = [knob_trial(text) for text in ("data.batch_size=64", "training.compile=true")]
    trials += [knob_trial("architecture.lora_alpha=8"), knob_trial("architecture.lora_alpha=32")]
    ((knob, how),) = origins_of_values(trials)
    assert (knob, how) == (
        "architecture.lora_alpha",
        "half and double of V0's 16, within its bounds",
    )
