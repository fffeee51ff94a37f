"""Analyses sessions from their files alone: what ``greenbench analyse`` and ``analyse()`` do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from greenbench.analysis.additivity import additivity, score_additivity
from greenbench.analysis.attribution import attribution, lattices, score_attribution
from greenbench.analysis.break_even import BreakEven, break_even
from greenbench.analysis.choice import Choice, choose
from greenbench.analysis.combining import combinations
from greenbench.analysis.evidence import Exclusion, evidence, tasks_of
from greenbench.analysis.fits import fit_score, fit_stages
from greenbench.analysis.measures import STAGE_MEASURES
from greenbench.analysis.pairs import PairEffect, pair_effects
from greenbench.analysis.sessions import read_sessions
from greenbench.errors import UsageError
from greenbench.results.reading import source_label

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from greenbench.analysis.additivity import Additivity
    from greenbench.analysis.attribution import Attribution
    from greenbench.analysis.evidence import TaskEvidence
    from greenbench.analysis.fits import ScoreFit, StageFit
    from greenbench.analysis.sessions import AnalysedSession


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
    hosts: tuple[str, ...] = ()
    """Machines of a run on many machines that measured it; of several, each counts as a block."""
    source: str = ""
    """Where the joules come from, by channel."""
    additivity: tuple[Additivity, ...] = ()
    """By measure: joules as far as they are known, seconds, and the score."""
    pairs: tuple[PairEffect, ...] = ()
    """What two sets of knobs do together in the joules of each stage."""
    attributions: tuple[Attribution, ...] = ()
    """By combination and measure, of the largest combinations that are measured completely."""
    not_attributed: tuple[Exclusion, ...] = ()
    """Combinations whose parts' combinations are not all measured."""
    choice: Choice | None = None
    """None if joules or score are unknown."""
    break_even: tuple[BreakEven, ...] = ()
    unmeasured: Mapping[str, str] | None = None
    """Measures that are not analysed, and why."""
    left_out: tuple[Exclusion, ...] = ()
    """Cells that are no evidence."""
    without_parts: tuple[Exclusion, ...] = ()
    """Combinations that cannot be compared with parts."""
    doubts: Mapping[str, tuple[str, ...]] | None = None
    """Warnings in the records of the newest session, by cell."""

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
    keep: float | None = None,
) -> Analysis:
    """Analyse results files, folders of them, and saved runs together.

    ``tasks`` are those to analyse, by default all. ``allow`` names differences between sessions
    that do not matter, as ``--green-allow`` does. ``keep`` is how much worse than V0's the score of
    the chosen variant may be, by default 0.02, or 2 of scores up to 100. Raises UsageError for
    paths that hold nothing to analyse, for tasks that they lack, and for a negative ``keep``.
    """
    if keep is not None and not keep >= 0:
        raise UsageError(f"--keep: {keep:g} is no loss of a score; give a number from 0, like 0.02")
    sessions = read_sessions([Path(path) for path in paths])
    known = tasks_of(sessions)
    for task in tasks:
        if task not in known:
            raise UsageError(
                f"{', '.join(map(str, paths))}: no cell of task {task} is here; there are: "
                f"{', '.join(known) or 'none'}"
            )
    chosen = tasks or known
    found = analyse_sessions(sessions, [task for task in known if task in chosen], allow, keep)
    return Analysis(paths=tuple(map(str, paths)), tasks=found)


def analyse_sessions(
    sessions: Sequence[AnalysedSession],
    tasks: Sequence[str],
    allow: Collection[str] = (),
    keep: float | None = None,
) -> tuple[TaskAnalysis, ...]:
    """Analyse ``tasks`` of sessions that are read already; the rest is as in ``analyse``."""
    found = []
    for task in tasks:
        found.append(_task(task, evidence(task, sessions, allow), keep))
    return tuple(found)


def _task(task: str, known: TaskEvidence | str, keep: float | None) -> TaskAnalysis:
    if isinstance(known, str):
        return TaskAnalysis(task=task, refusal=known)
    combined, lacking = combinations(known)
    complete, incomplete = lattices(known, combined)
    fits = _fits(known)
    by_measure: list[Additivity] = []
    divided: list[Attribution | None] = []
    for stages in fits.stages.values():
        by_measure.append(additivity(stages, combined))
        divided += [attribution(stages, lattice) for lattice in complete]
    if fits.scores is not None:
        by_measure.append(score_additivity(fits.scores, combined))
        divided += [score_attribution(fits.scores, lattice) for lattice in complete]
    energy = fits.stages.get("energy")
    choice = None
    points: list[BreakEven] = []
    pairs: list[PairEffect] = []
    if energy is not None:
        pairs = pair_effects(energy, known)
        points = break_even(energy, known)
        if fits.scores is not None:
            choice = choose(energy, fits.scores, keep)
    v0 = known.newest[known.baseline.id].record
    doubts = {name: measured.record.doubts for name, measured in known.newest.items()}
    return TaskAnalysis(
        task=task,
        baseline=known.baseline.id,
        cells=tuple(known.cells),
        blocks=len(known.blocks),
        sessions=known.sessions,
        hosts=known.host_names,
        source=source_label(v0),
        additivity=tuple(by_measure),
        pairs=tuple(pairs),
        attributions=tuple(one for one in divided if one is not None),
        not_attributed=tuple(incomplete),
        choice=choice,
        break_even=tuple(points),
        unmeasured=fits.unmeasured,
        left_out=known.left_out,
        without_parts=tuple(lacking),
        doubts=doubts,
    )


class _Fits(NamedTuple):
    """The fitted measures of a task."""

    stages: dict[str, StageFit]
    scores: ScoreFit | None
    unmeasured: dict[str, str]


def _fits(known: TaskEvidence) -> _Fits:
    stages: dict[str, StageFit] = {}
    unmeasured = {}
    for measure in STAGE_MEASURES:
        fitted = fit_stages(known, measure)
        if isinstance(fitted, str):
            unmeasured[measure] = fitted
        else:
            stages[measure] = fitted
    score = known.score
    scores = fit_score(known, score)
    if isinstance(scores, str):
        unmeasured[score] = scores
        return _Fits(stages, None, unmeasured)
    return _Fits(stages, scores, unmeasured)
