"""Scores of several cells on the same resampled test rows, so that their differences are paired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from greenbench.errors import UsageError
from greenbench.stats import bootstrap, paired

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.analysis.evidence import AnalysedCell
    from greenbench.stats.shrinkage import Array
    from greenbench.types import Facts

RESAMPLES = 1000


def resampled_scores(cells: Sequence[AnalysedCell], score: str) -> Array | None:
    """Return a row for each cell, the mean over its rounds on each resample.

    None if the rounds did not answer the same rows, or too few resamples define the score.
    """
    kept = []
    owners = []
    for number, cell in enumerate(cells):
        for one_round in cell.rounds.values():
            kept.append(one_round.judged.outcomes)
            owners.append(number)
    if not all(paired.alike(kept[0], other) for other in kept):
        return None
    models = []
    for number, outcomes in zip(owners, kept, strict=True):
        models.append(_answers(outcomes, cells[number].id))
    sums = np.zeros((len(cells), RESAMPLES))
    counts = np.bincount(owners)
    drawn = bootstrap.replicates_of_each(models, [score], count=RESAMPLES)
    for number, of_round in zip(owners, drawn, strict=True):
        if score not in of_round:
            return None
        sums[number] += of_round[score] / counts[number]
    defined = ~np.isnan(sums).any(axis=0)
    if defined.mean() < bootstrap.FEWEST:
        return None
    return sums[:, defined]


def _answers(outcomes: Facts, cell: str) -> bootstrap.Answers:
    """Read the answers to the test rows; raises UsageError if they are damaged."""
    try:
        return paired.read(outcomes)
    except (KeyError, TypeError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise UsageError(
            f"{cell}: its record's answers to the test rows are damaged ({problem}); measure it "
            "again, or leave its file out"
        ) from error
