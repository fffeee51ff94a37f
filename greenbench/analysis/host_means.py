"""The model of a run on several hosts: the mean of each host is one block of it.

How much a variant saves differs between machines, and blocks of one machine do not show by how
much. So it is hosts that count: a cell's value on a host is its mean change from V0 in the blocks
that both have there, on top of V0's mean. Intervals come from how the hosts' means differ, and
degrees of freedom from the number of hosts, as in ``stats/random_effects.py``. Hosts weigh the same
however many blocks they have, as a random effect's do where hosts differ more than their blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from greenbench.analysis.block_model import BlockModel
from greenbench.analysis.origins import Origins, numbers_of_origins
from greenbench.analysis.regression import RoundPlace
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.analysis.evidence import AnalysedCell, TaskEvidence
    from greenbench.analysis.origins import CellInBlock
    from greenbench.stats.shrinkage import Array


def model_of_hosts(
    evidence: TaskEvidence, known: Mapping[str, Sequence[Sequence[float]]], stages: Sequence[str]
) -> BlockModel:
    """Fit the rows of each round of cells, V0's first, with a host for a block."""
    v0 = next(iter(known))
    baseline = dict(zip(evidence.cells[v0].rounds, known[v0], strict=True))
    numbers = {name: number for number, name in enumerate(evidence.host_names)}
    levels: dict[str, Array] = {}
    values, places = [], []
    ran: list[CellInBlock] = []
    measured_in: dict[str, list[CellInBlock]] = {stage: [] for stage in REUSABLE if stage in stages}
    for cell_number, (name, rows) in enumerate(known.items()):
        cell = evidence.cells[name]
        changes: dict[str, list[Array]] = {}
        for block, row in zip(cell.rounds, rows, strict=True):
            of_v0 = 0.0 if name == v0 else np.array(baseline[block])
            of_host = changes.setdefault(evidence.host_of(block), [])
            of_host.append(np.array(row) - of_v0)
        for host, of_host in changes.items():
            mean = np.mean(of_host, axis=0)
            level = levels.setdefault(host, mean)
            values.append(mean if name == v0 else level + mean)
            places.append(RoundPlace(cell_number, numbers[host], 0, 0))
            ran.append((numbers[host], 0, name))
            for stage, cells in measured_in.items():
                cells.append((numbers[host], 0, _origin(cell, stage)))
    table = np.array(values)
    origins = Origins.own(*table.shape)
    for stage, cells in measured_in.items():
        origins.rows[:, stages.index(stage)] = numbers_of_origins(cells, ran)
    return BlockModel(table, places, origins, n_of="host")


def _origin(cell: AnalysedCell, stage: str) -> str:
    """Return the cell that a stage was measured in: in all blocks of a run the same one."""
    first = next(iter(cell.rounds.values()))
    return str(first.origins.get(stage, {}).get("cell", cell.id))
