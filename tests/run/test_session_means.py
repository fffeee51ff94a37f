"""A session's end states the means of its cells by all rounds together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from greenbench.results.reading import CellRecord
from greenbench.run.session_means import restate
from greenbench.stats.uncertainty import NO_LONGER_STATES, energies
from tools.power_check import cell_record, one_round

CELLS, ROUNDS = 4, 5


def records(*, in_blocks: bool = True, rounds: int = ROUNDS) -> dict[str, dict[str, Any]]:
    """Return the records of cells of 100 J and 3 % of noise, as they are before the end."""
    joules = np.random.default_rng(4).normal(100, 3, (CELLS, rounds))
    found = {}
    for number, of_cell in enumerate(joules):
        parts = []
        for block, value in enumerate(of_cell.tolist()):
            place = {"block": block, "position": block * CELLS + number} if in_blocks else {}
            parts.append({**one_round(block, value), **place})
        record = cell_record(f"T2-V{number}_cell", parts)
        found[record["id"]] = {**record, "energy": {}, "stages": {}, "efficiency": {}}
    return found


def restated(found: dict[str, dict[str, Any]]) -> list[CellRecord]:
    """Restate the means, and read the records as everybody does."""
    restate([CellRecord.of(record) for record in found.values()], found)
    return [CellRecord.of(record) for record in found.values()]


@pytest.mark.parametrize("in_blocks", [True, False])
def test_all_cells_get_the_pooled_spread_whatever_the_order(*, in_blocks: bool) -> None:
    """The value stays the mean of the rounds; the intervals of like cells are alike."""
    cells = restated(records(in_blocks=in_blocks))
    totals = [cell.energy["total_j"] for cell in cells]
    for cell, total in zip(cells, totals, strict=True):
        alone = energies([r.whole.energy for r in cell.rounds])["total_j"]
        assert (total.value, total.n, total.lacks) == (alone.value, ROUNDS, (NO_LONGER_STATES,))
    relative = [(total.uncertainty or 0) / (total.value or 1) for total in totals]
    assert max(relative) < 1.5 * min(relative)


def test_a_cell_of_one_round_keeps_its_record() -> None:
    """It shows no deviation from its mean; the others are stated without it."""
    found = records()
    found["T2-V0_cell"]["rounds"] = found["T2-V0_cell"]["rounds"][:1]
    one, *others = restated(found)
    assert one.energy == {}
    assert {cell.energy["total_j"].lacks for cell in others} == {(NO_LONGER_STATES,)}


def test_rounds_that_are_too_few_change_no_record() -> None:
    """Four cells of two rounds have three degrees of freedom."""
    assert {len(cell.energy) for cell in restated(records(rounds=2))} == {0}


def test_joules_that_are_not_known_stay_unknown() -> None:
    """Nothing is stated of a channel without a counter: its reason stands in the record."""
    cells = restated(records())
    assert all("gpu_j" not in cell.energy for cell in cells)


def test_to_state_them_again_changes_nothing() -> None:
    """The end of a session may come to it twice: for the saved run and for the results files."""
    found = records()
    first = restated(found)
    assert restated(found) == first
