"""The means of a task's cells in one measure: of stages on logarithms, or of a score as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from greenbench.analysis.block_model import BlockModel
from greenbench.analysis.evidence import Exclusion
from greenbench.analysis.host_means import model_of_hosts
from greenbench.analysis.measures import STAGE_MEASURES, stage_value, whole_value
from greenbench.analysis.origins import Origins, numbers_of_origins
from greenbench.analysis.regression import RoundPlace
from greenbench.analysis.resampling import resampled_scores
from greenbench.options import STAGES
from greenbench.results.reading import higher_is_better
from greenbench.types import REUSABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.analysis.combining import CombinedCell
    from greenbench.analysis.evidence import AnalysedCell, TaskEvidence
    from greenbench.analysis.origins import CellInBlock
    from greenbench.stats.shrinkage import Array
    from greenbench.types import Round

Rows: TypeAlias = "list[list[float]]"
"""A row for each round of a cell, by its blocks in order, with a value for each stage."""
ALONE = "V0 alone is known"
ROUNDING = 1e-9
"""A difference of mean scores below it is rounding: means are over other numbers of rounds."""


@dataclass(frozen=True, kw_only=True)
class CellFit:
    """The fitted means of cells in one measure."""

    measure: str
    unit: str
    model: BlockModel
    cells: tuple[str, ...]
    """In the order of the model's rows; V0 first."""
    left_out: tuple[Exclusion, ...]

    @property
    def numbers(self) -> dict[str, int]:
        """The row of each cell."""
        return {name: number for number, name in enumerate(self.cells)}

    def having(self, combined: Sequence[CombinedCell]) -> list[CombinedCell]:
        """Return the combinations that are known here with all of their parts."""
        cells = set(self.cells)
        return [one for one in combined if {one.cell, *one.parts} <= cells]


@dataclass(frozen=True, kw_only=True)
class StageFit(CellFit):
    """Means of logarithms by stage."""

    stages: tuple[str, ...]
    outside: float
    """Share of V0's rounds that is in none of its stages."""


@dataclass(frozen=True, kw_only=True)
class ScoreFit(CellFit):
    """Mean scores, in one column."""

    resampled: Array | None
    """Scores of each cell (row) on resampled test rows; None if the cells' rows do not pair up."""
    same: frozenset[str]
    """Cells whose answers score as V0's do in each of their blocks, on every resample too."""
    higher_is_better: bool = True

    def covariance(self, weights: Array) -> Array | None:
        """Return the covariance of contrasts over test rows; ``weights`` by contrast and cell."""
        if self.resampled is None:
            return None
        drawn = weights @ self.resampled
        covariance: Array = np.atleast_2d(np.cov(drawn))
        return covariance


def fit_stages(evidence: TaskEvidence, measure: str) -> StageFit | str:
    """Fit the stages of cells in a measure; return why there is no fit if V0 lacks it."""
    stages = _stages_of(evidence)
    known = _known(evidence, partial(_logarithms, measure=measure, stages=stages))
    if isinstance(known, str):
        return known
    whole = _wholes(evidence, known.rows, measure)
    return StageFit(
        measure=measure,
        unit=STAGE_MEASURES[measure],
        model=_model(evidence, known.rows, stages, whole),
        cells=tuple(known.rows),
        left_out=tuple(known.left_out),
        stages=stages,
        outside=_outside(evidence, measure, stages),
    )


def fit_score(evidence: TaskEvidence, score: str) -> ScoreFit | str:
    """Fit the scores of cells; return why there is no fit if V0 lacks it."""
    known = _known(evidence, partial(_scores, score=score))
    if isinstance(known, str):
        return known
    cells = [evidence.cells[name] for name in known.rows]
    resampled = resampled_scores(cells, score)
    return ScoreFit(
        measure=score,
        unit="",
        model=_model(evidence, known.rows),
        cells=tuple(known.rows),
        left_out=tuple(known.left_out),
        resampled=resampled,
        same=_same(cells, known.rows, resampled),
        higher_is_better=higher_is_better(score, [evidence.newest[evidence.baseline.id].record]),
    )


class _Known(NamedTuple):
    rows: dict[str, Rows]
    left_out: list[Exclusion]


def _known(evidence: TaskEvidence, read: Callable[[AnalysedCell], Rows | str]) -> _Known | str:
    """Read all cells, V0 first; those that cannot be read are left out."""
    known = _Known({}, [])
    v0 = evidence.baseline.id
    for name in dict.fromkeys((v0, *evidence.cells)):
        rows = read(evidence.cells[name])
        if not isinstance(rows, str):
            known.rows[name] = rows
        elif name == v0:
            return f"V0: {rows}"
        else:
            known.left_out.append(Exclusion(cell=name, reason=rows))
    return known if len(known.rows) > 1 else ALONE


def _wholes(evidence: TaskEvidence, known: Mapping[str, Rows], measure: str) -> Array | None:
    """Return the logarithm of each round as a whole; None if one has none."""
    logarithms = []
    for name in known:
        for one_round in evidence.cells[name].rounds.values():
            value = whole_value(measure, one_round)
            if value is None or value <= 0:
                return None
            logarithms.append(math.log(value))
    return np.array(logarithms)


def _model(
    evidence: TaskEvidence,
    known: Mapping[str, Rows],
    stages: Sequence[str] = (),
    whole: Array | None = None,
) -> BlockModel:
    """Fit a measure; columns are ``stages``, or one that no rounds share."""
    if len(evidence.host_names) > 1:
        return model_of_hosts(evidence, known, stages)
    places, ran = [], []
    measured_in: dict[str, list[CellInBlock]] = {stage: [] for stage in REUSABLE if stage in stages}
    values: Rows = []
    for number, (name, rows) in enumerate(known.items()):
        values += rows
        for block, one_round in evidence.cells[name].rounds.items():
            position = one_round.position or 0
            places.append(RoundPlace(number, *block, position))
            ran.append((*block, name))
            for stage, cells in measured_in.items():
                origin = one_round.origins.get(stage, {})
                cells.append((*block, origin.get("cell", name)))
    table = np.array(values)
    origins = Origins.own(*table.shape)
    for stage, cells in measured_in.items():
        origins.rows[:, stages.index(stage)] = numbers_of_origins(cells, ran)
    return BlockModel(table, places, origins, whole)


def _stages_of(evidence: TaskEvidence) -> tuple[str, ...]:
    """Return the stages that have a window in V0's rounds, in the pipeline's order."""
    ran: set[str] = set()
    for one_round in evidence.baseline.rounds.values():
        ran.update(window.stage for window in one_round.windows)
    return tuple(stage for stage in STAGES if stage in ran)


def _logarithms(cell: AnalysedCell, *, measure: str, stages: Sequence[str]) -> Rows | str:
    rows = []
    for one_round in cell.rounds.values():
        row = []
        for stage in stages:
            value = stage_value(measure, one_round, stage)
            if not _ran(one_round, stage):
                return f"its {stage} stage did not run, and has no ratio"
            if value is None:
                return f"{measure} of its {stage} stage is unknown"
            if value <= 0:
                return f"{measure} of its {stage} stage is {value:.3g}: it has no logarithm"
            row.append(math.log(value))
        rows.append(row)
    return rows


def _ran(one_round: Round, stage: str) -> bool:
    return any(window.stage == stage for window in one_round.windows)


def _scores(cell: AnalysedCell, *, score: str) -> Rows | str:
    rows = []
    for one_round in cell.rounds.values():
        metric = one_round.judged.quality.get(score)
        if metric is None or metric.value is None:
            return f"{score} is unknown"
        rows.append([metric.value])
    return rows


def _same(
    cells: Sequence[AnalysedCell], known: Mapping[str, Rows], resampled: Array | None
) -> frozenset[str]:
    """Return the cells that answer as V0, the first, does, as far as the score can tell.

    V0 may have blocks that a cell lacks, as in groups of knobs, if their seeds are the same.
    """
    if resampled is None:
        return frozenset()
    v0 = cells[0]
    scores = dict(zip(v0.rounds, known[v0.id], strict=True))
    names = set()
    for number, cell in enumerate(cells[1:], start=1):
        scores_alike = known[cell.id] == [scores[block] for block in cell.rounds]
        if scores_alike and np.allclose(resampled[number], resampled[0], rtol=0, atol=ROUNDING):
            names.add(cell.id)
    return frozenset(names)


def _outside(evidence: TaskEvidence, measure: str, stages: Sequence[str]) -> float:
    """Return the share of V0's rounds that is in none of its stages; 0 if it is unknown."""
    whole = inside = 0.0
    for one_round in evidence.baseline.rounds.values():
        whole += whole_value(measure, one_round) or 0.0
        for stage in stages:
            inside += stage_value(measure, one_round, stage) or 0.0
    return max(0.0, 1 - inside / whole) if whole > 0 else 0.0
