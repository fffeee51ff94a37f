"""Values that rounds share, in the model of cells and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from analysis import made

from greenbench.analysis.block_model import BlockModel
from greenbench.analysis.evidence import evidence
from greenbench.analysis.fits import fit_stages
from greenbench.analysis.origins import Origins
from greenbench.analysis.regression import RoundPlace
from greenbench.analysis.sessions import read_sessions

if TYPE_CHECKING:
    from pathlib import Path

BLOCKS = 6
GROUPS = 3


def fitted(copies: int, *, groups: int = GROUPS, known: bool = True) -> BlockModel:
    """Return the model of some groups of cells that share what a block measured of the group.

    ``known`` says so; without it each value counts as a measurement of its own.
    """
    random = np.random.default_rng(4)
    shared = random.normal(0, 1, (BLOCKS, groups))
    own = random.normal(0, 1, (BLOCKS, groups * copies))
    values, places, rows = [], [], []
    for block in range(BLOCKS):
        for cell in range(groups * copies):
            group = cell % groups
            rows.append([len(rows), block * groups * copies + group])
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


@pytest.mark.filterwarnings("error")
def test_a_value_that_all_cells_share_adds_nothing_to_their_differences() -> None:
    """No residual shows its error, which moves no difference; the others keep their freedom."""
    model = fitted(copies=3, groups=1)
    contrast, of_own = np.zeros((1, 3, 2)), np.zeros((1, 3, 2))
    contrast[0, 0], contrast[0, 1] = 1, -1
    of_own[0, 0, 0], of_own[0, 1, 0] = 1, -1
    found = model.contrasts(contrast)
    assert found.standard == pytest.approx(model.contrasts(of_own).standard)
    assert found.freedom[0] > BLOCKS


def test_values_of_left_out_blocks_leave_with_their_origins() -> None:
    """Rounds that stay keep their partners under their new numbers."""
    origins = Origins(np.array([[0, 0], [1, 0], [2, 2], [3, 2]]))
    assert origins.of([2, 3]).rows.tolist() == [[0, 0], [1, 0]]
    assert origins.shared == [False, True]


def test_a_data_stage_that_cells_share_is_one_measurement(tmp_path: Path) -> None:
    """Cells that took over V0's data stage do not differ in it; one that ran its own does."""
    means = dict.fromkeys(("V0_baseline", "V2_x"), ((), made.BASE))
    means["V3_x"] = (("inference",), made.BASE)
    cells = made.session(means, noise=0.1)
    for ours, theirs in zip(cells[0]["rounds"], cells[1]["rounds"], strict=True):
        theirs["data"] = {"cell": cells[0]["id"], "reused": True}
        theirs["windows"][0] = ours["windows"][0]
    (session,) = read_sessions([made.write(tmp_path, cells)])
    known = evidence("T2", [session])
    assert not isinstance(known, str)
    fitted = fit_stages(known, "energy")
    assert not isinstance(fitted, str)
    for other, shares in ((1, True), (2, False)):
        contrast = np.zeros((1, 3, len(fitted.stages)))
        contrast[0, 0, 0], contrast[0, other, 0] = 1, -1
        assert (fitted.model.contrasts(contrast).standard[0] == 0) == shares
