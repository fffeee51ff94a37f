"""Values that rounds share, in the model of cells and blocks."""

from __future__ import annotations

import numpy as np
import pytest

from greenbench.analysis.block_model import BlockModel
from greenbench.analysis.origins import Origins
from greenbench.analysis.regression import RoundPlace

BLOCKS = 6
GROUPS = 3


def fitted(copies: int, *, known: bool = True) -> BlockModel:
    """Return the model of three groups of cells that share what a block measured of the group.

    ``known`` says so; without it each value counts as a measurement of its own.
    """
    random = np.random.default_rng(4)
    shared = random.normal(0, 1, (BLOCKS, GROUPS))
    own = random.normal(0, 1, (BLOCKS, GROUPS * copies))
    values, places, rows = [], [], []
    for block in range(BLOCKS):
        for cell in range(GROUPS * copies):
            group = cell % GROUPS
            rows.append([len(rows), block * GROUPS * copies + group])
            values.append([own[block, cell], shared[block, group]])
            places.append(RoundPlace(cell, 0, block, len(places)))
    origins = Origins(np.array(rows)) if known else None
    return BlockModel(np.array(values), places, origins)


def weights(cells: int, first: int, second: int) -> np.ndarray:
    """Return the contrast of two cells in the second column."""
    contrast = np.zeros((1, cells, 2))
    contrast[0, first, 1], contrast[0, second, 1] = 1, -1
    return contrast


def test_cells_that_share_a_value_do_not_differ_in_it() -> None:
    """What two cells share cancels between them, to the last digit."""
    found = fitted(copies=2).contrasts(weights(2 * GROUPS, 0, GROUPS))
    assert found.standard.tolist() == [0.0]


def test_a_shared_value_is_one_measurement() -> None:
    """Copies of a measurement neither narrow a difference of groups nor add degrees of freedom."""
    once = fitted(copies=1).contrasts(weights(GROUPS, 0, 1))
    model = fitted(copies=4)
    cells = 4 * GROUPS
    averaged = np.zeros((1, cells, 2))
    averaged[0, 0::GROUPS, 1], averaged[0, 1::GROUPS, 1] = 0.25, -0.25
    for asked in (weights(cells, 0, 1), averaged):
        found = model.contrasts(asked)
        assert found.standard == pytest.approx(once.standard, rel=0.05)
        assert found.freedom[0] < 1.2 * once.freedom[0]
    unaware = fitted(copies=4, known=False).contrasts(averaged)
    assert unaware.standard[0] < 0.6 * once.standard[0]


def test_values_of_left_out_blocks_leave_with_their_origins() -> None:
    """Rounds that stay keep their partners under their new numbers."""
    origins = Origins(np.array([[0, 0], [1, 0], [2, 2], [3, 2]]))
    assert origins.of([2, 3]).rows.tolist() == [[0, 0], [1, 0]]
    assert origins.shared == [False, True]
