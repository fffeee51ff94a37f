"""Grams of CO2 equivalents: joules times the carbon intensity of the electricity that they were.

The intensity is the user's, with its source; greenbench looks none up. Grams are as uncertain as
the joules, and estimated if these are; what the intensity itself leaves uncertain is not in them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.results.fields import Fields, amount
from greenbench.results.parsing import quantity
from greenbench.results.record import Json, builtin

if TYPE_CHECKING:
    from greenbench.types import Quantity

JOULES_PER_KWH = 3.6e6
GRAMS = "total_co2e_g"
"""Beside ``total_j`` in a cell's energy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarbonIntensity:
    """How much CO2 equivalents a kilowatt-hour causes."""

    g_per_kwh: float
    """Grams of CO2 equivalents per kilowatt-hour."""
    source: str = ""
    """Where the number is from; empty if the user did not say."""

    def __str__(self) -> str:
        """Describe it: ``380 g/kWh (grid average 2024)``."""
        return f"{self.g_per_kwh:g} g/kWh ({self.source or 'its source is not stated'})"

    def grams(self, joules: float | None) -> float | None:
        """Return the grams of an energy; None if it is unknown."""
        return None if joules is None else joules * self.g_per_kwh / JOULES_PER_KWH

    def of(self, energy: Quantity) -> Quantity:
        """Return the grams of an energy with its uncertainty."""
        causes = {}
        for name, joules in energy.causes.items():
            causes[name] = joules * self.g_per_kwh / JOULES_PER_KWH
        return replace(
            energy,
            value=self.grams(energy.value),
            uncertainty=self.grams(energy.uncertainty),
            standard=self.grams(energy.standard),
            causes=causes,
        )


def intensity_of(fields: Fields) -> CarbonIntensity | None:
    """Read the intensity that a results file states; None if it states none."""
    if "carbon" not in fields:
        return None
    stated = fields.fields("carbon")
    grams = amount(stated, "g_per_kwh")
    if grams is None:
        stated.refuse("no g_per_kwh", "a number that is not negative")
    return CarbonIntensity(g_per_kwh=grams, source=stated.text("source", ""))


def with_grams(run: Json) -> Json:
    """Return a results file whose cells have the grams of their joules, if it has an intensity."""
    carbon = intensity_of(Fields(run, run["variant"]))
    if carbon is None:
        return run
    cells = []
    for cell in run["cells"]:
        energy = cell["energy"]
        if "total_j" in energy:  # a cell without rounds has none
            total = quantity(Fields(energy["total_j"], cell["id"]))
            cells.append({**cell, "energy": {**energy, GRAMS: builtin(carbon.of(total))}})
        else:
            cells.append(cell)
    return {**run, "cells": cells}
