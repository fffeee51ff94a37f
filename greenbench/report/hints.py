"""What a person should know about the choice of cells: what is missing, what V0 is, what to add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.experiment.matrix import ambiguous_keyword
from greenbench.report import caveats
from greenbench.report.findings import OPEN
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.experiment.matrix import Experiment
    from greenbench.gates.verdict import Measured
    from greenbench.report.comparison import TaskComparison
    from greenbench.report.names import ShortNames
    from greenbench.results.reading import CellRecord


def missing(records: Sequence[CellRecord], selected: Sequence[str]) -> list[str]:
    """Name the cells that were to run and left no record: interrupted, or never started."""
    measured = {record.id for record in records}
    names = [cell_id for cell_id in selected if cell_id not in measured]
    return [f"{', '.join(names)}: no record, interrupted or not started"] if names else []


def keyword_hints(keyword: str, experiment: Experiment) -> list[str]:
    """Say if ``-k V1`` selects V10 too."""
    names = [variant.name for variant in experiment.variants]
    hint = ambiguous_keyword(keyword, names)
    return [hint] if hint else []


def baseline_hints(records: Sequence[CellRecord], earlier: Sequence[Measured]) -> list[str]:
    """Say of which session V0 is, and for which tasks there is none."""
    texts = []
    with_baseline = set()
    for cell in earlier:
        with_baseline.add(cell.record.task)
        texts.append(f"V0 of {cell.record.task} is that of {cell.origin}")
    tasks = set()
    for record in records:
        if record.variant:
            tasks.add(record.task)
        if is_baseline(record.variant):
            with_baseline.add(record.task)
    lacking = sorted(tasks - with_baseline)
    if lacking:
        texts.append(
            f"V0 of {', '.join(lacking)} is not in this session, and no comparable one in earlier "
            'results: nothing is compared with it; -k "V0 or ..." adds it'
        )
    return texts


def settling(
    comparisons: Sequence[TaskComparison], names: ShortNames, measured: Sequence[Measured]
) -> list[str]:
    """Return for each task what would settle most of its open differences, with the command.

    ``measured`` are the cells of the session, whose options the command repeats.
    """
    command = measured[0].header.command if measured else ""
    texts = {}
    for caveat in caveats.caveats(comparisons, names, command):
        if caveat.kind == OPEN and caveat.command and caveat.task not in texts:
            subject = caveats.subject_of(caveat.cells, names)
            texts[caveat.task] = f"{subject}: {caveat.remedy}: {caveat.command}"
    return list(texts.values())
