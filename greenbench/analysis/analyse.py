"""Analyses sessions from their files alone: what ``greenbench analyse`` and ``analyse()`` do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.analysis.additivity import additivity, score_additivity
from greenbench.analysis.attribution import attribution, lattices, score_attribution
from greenbench.analysis.combining import combinations
from greenbench.analysis.evidence import Exclusion, evidence, tasks_of
from greenbench.analysis.fits import fit_score, fit_stages
from greenbench.analysis.measures import STAGE_MEASURES
from greenbench.analysis.sessions import read_sessions
from greenbench.errors import UsageError
from greenbench.results.reading import source_label
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from greenbench.analysis.additivity import Additivity
    from greenbench.analysis.attribution import Attribution
    from greenbench.analysis.evidence import TaskEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnalysis:
    """What the sessions say of one task."""

    task: str
    refusal: str = ""
    """Why nothing is analysed; empty if something is."""
    baseline: str = ""
    """V0's cell."""
    cells: tuple[str, ...] = ()
    """The analysed cells, V0 among them."""
    blocks: int = 0
    sessions: int = 0
    source: str = ""
    """Where the joules come from, by channel."""
    additivity: tuple[Additivity, ...] = ()
    """By measure: joules as far as they are known, seconds, and the score."""
    attributions: tuple[Attribution, ...] = ()
    """By combination and measure, of the largest combinations that are measured completely."""
    not_attributed: tuple[Exclusion, ...] = ()
    """Combinations whose parts' combinations are not all measured."""
    unmeasured: Mapping[str, str] | None = None
    """Measures that are not analysed, and why."""
    left_out: tuple[Exclusion, ...] = ()
    """Cells that are no evidence, and combinations without parts."""

    @property
    def energy(self) -> Additivity | None:
        """The additivity of joules; None if they are unknown."""
        for one in self.additivity:
            if one.measure == "energy":
                return one
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What sessions say together."""

    paths: tuple[str, ...]
    tasks: tuple[TaskAnalysis, ...]


def analyse(
    *paths: Path | str,
    tasks: Collection[str] = (),
    allow: Collection[str] = (),
) -> Analysis:
    """Analyse results files, folders of them, and saved runs together.

    ``tasks`` are those to analyse, by default all. ``allow`` names differences between sessions
    that do not matter, as ``--green-allow`` does. Raises UsageError for paths that hold nothing to
    analyse, and for tasks that they lack.
    """
    sessions = read_sessions([Path(path) for path in paths])
    known = tasks_of(sessions)
    for task in tasks:
        if task not in known:
            raise UsageError(
                f"{', '.join(map(str, paths))}: no cell of task {task} is here; there are: "
                f"{', '.join(known) or 'none'}"
            )
    found = []
    for task in known:
        if not tasks or task in tasks:
            found.append(_task(task, evidence(task, sessions, allow)))
    return Analysis(paths=tuple(map(str, paths)), tasks=tuple(found))


def _task(task: str, known: TaskEvidence | str) -> TaskAnalysis:
    if isinstance(known, str):
        return TaskAnalysis(task=task, refusal=known)
    combined, lacking = combinations(known)
    complete, incomplete = lattices(known, combined)
    by_measure: list[Additivity] = []
    divided: list[Attribution | None] = []
    unmeasured = {}
    for measure in STAGE_MEASURES:
        stages = fit_stages(known, measure)
        if isinstance(stages, str):
            unmeasured[measure] = stages
        else:
            by_measure.append(additivity(stages, combined))
            divided += [attribution(stages, lattice) for lattice in complete]
    score = primary_score(task, known)
    scores = fit_score(known, score)
    if isinstance(scores, str):
        unmeasured[score] = scores
    else:
        by_measure.append(score_additivity(scores, combined))
        divided += [score_attribution(scores, lattice) for lattice in complete]
    v0 = known.newest[known.baseline.id].record
    return TaskAnalysis(
        task=task,
        baseline=known.baseline.id,
        cells=tuple(known.cells),
        blocks=len(known.blocks),
        sessions=known.sessions,
        source=source_label(v0),
        additivity=tuple(by_measure),
        attributions=tuple(one for one in divided if one is not None),
        not_attributed=tuple(incomplete),
        unmeasured=unmeasured,
        left_out=_by_name((*known.left_out, *lacking)),
    )


def primary_score(task: str, known: TaskEvidence) -> str:
    """Return the first primary score of a task that V0's rounds have."""
    scores: list[str] = list(TASKS[task].primary) if task in TASKS else []
    for one_round in known.baseline.rounds.values():
        for name in scores:
            metric = one_round.judged.quality.get(name)
            if metric is not None and metric.value is not None:
                return name
    return scores[0] if scores else "score"


def _by_name(exclusions: Iterable[Exclusion]) -> tuple[Exclusion, ...]:
    return tuple(sorted(exclusions, key=lambda exclusion: exclusion.cell))
