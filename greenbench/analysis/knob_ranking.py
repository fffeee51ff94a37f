"""Ranks knobs that were measured one at a time beside V0: which are worth turning on here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.analysis.break_even import break_even
from greenbench.analysis.choice import choose, totals
from greenbench.analysis.compile_steps import step_crossovers
from greenbench.analysis.evidence import Exclusion, evidence
from greenbench.analysis.fits import fit_score, fit_stages
from greenbench.analysis.int8_batches import int8_batches
from greenbench.analysis.simultaneous import Bounded, bounded
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.knob_rules import contradiction
from greenbench.experiment.knob_trials import knob_trial
from greenbench.results.reading import source_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from greenbench.analysis.break_even import BreakEven
    from greenbench.analysis.choice import Candidate, Choice
    from greenbench.analysis.compile_steps import StepCrossover
    from greenbench.analysis.evidence import KnobSet, TaskEvidence
    from greenbench.analysis.fits import StageFit
    from greenbench.analysis.int8_batches import Int8Batch
    from greenbench.analysis.sessions import AnalysedSession

SAVES = "saves"
LOSES = "saves, score not kept"
OPEN = "no saving shown"
COSTS = "costs"
VERDICTS = (SAVES, LOSES, OPEN, COSTS)
"""In the order in which they are of use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedKnob:
    """What a knob does alone; each interval holds for all knobs of its measure at once."""

    cell: str
    settings: tuple[str, ...]
    """``stage.knob=value``, more than one where a knob needs another."""
    energy: Bounded
    """Relative to V0's."""
    time: Bounded | None
    """Relative to V0's; None if seconds are unknown."""
    change: Bounded
    """Of the score, from V0's."""
    blocks: int
    verdict: str
    against: str
    """Why it is not worth turning on; empty if it is."""
    crossover: BreakEven | None = None
    """The number of inferences from which, or up to which, it takes less; None if none is known."""
    steps: StepCrossover | None = None
    """The number of optimizer steps from which a compiled training is faster; None for others."""
    joint: bool = False
    """Whether it sets several knobs that were also measured alone."""

    @property
    def saves(self) -> bool:
        """Whether it is shown to save energy and to keep the score."""
        return self.verdict == SAVES


@dataclass(frozen=True, slots=True, kw_only=True)
class KnobRanking:
    """What a session of single knobs says of one task."""

    task: str
    refusal: str = ""
    """Why nothing is ranked; empty if something is."""
    score: str = ""
    keep: float = 0.0
    """How much worse than V0's the score may be."""
    higher_is_better: bool = True
    """Whether more of the score is better."""
    blocks: int = 0
    """Of the measurement of all knobs, the most that a knob has."""
    groups: int = 1
    """Sessions that they were measured in, each with a V0 of its own."""
    again: int = 0
    """Blocks in which those that seemed to pay were measured again; 0 if none were."""
    source: str = ""
    """Where the joules come from, by channel."""
    knobs: tuple[RankedKnob, ...] = ()
    """Those that save and keep the score first; least joules first."""
    left_out: tuple[Exclusion, ...] = ()
    """Cells that are no evidence."""
    int8: tuple[Int8Batch, ...] = ()
    """What INT8 takes at inference by the size of a batch; empty if fewer than two are known."""
    together: tuple[str, ...] = ()
    """Settings of all knobs that save and keep the score, each at its best value."""

    @property
    def measured_together(self) -> RankedKnob | None:
        """What ``together`` does as a whole; None if that was not measured."""
        for knob in self.knobs:
            if knob.saves and knob.settings == self.together:
                return knob
        return None


def rank(task: str, sessions: Sequence[AnalysedSession], keep: float | None = None) -> KnobRanking:
    """Rank the cells of ``task``; ``keep`` is as in ``analyse``."""
    known = evidence(task, sessions)
    if isinstance(known, str):
        return KnobRanking(task=task, refusal=known)
    energy = fit_stages(known, "energy")
    scores = fit_score(known, known.score)
    for fitted in (energy, scores):
        if isinstance(fitted, str):
            return KnobRanking(task=task, refusal=fitted, left_out=known.left_out)
    chosen = choose(energy, scores, keep)  # type: ignore[arg-type]  # no sentences any more
    crossovers = {}
    for point in break_even(energy, known):  # type: ignore[arg-type]
        if point.high is not None:
            crossovers[point.cell] = point
    knobs = _ranked(known, chosen, crossovers)
    return KnobRanking(
        task=task,
        score=chosen.score,
        keep=chosen.keep,
        higher_is_better=scores.higher_is_better,  # type: ignore[union-attr]
        blocks=max((knob.blocks for knob in knobs), default=0),
        groups=known.sessions,
        source=source_label(known.newest[known.baseline.id].record),
        knobs=knobs,
        left_out=(*known.left_out, *energy.left_out, *scores.left_out),  # type: ignore[union-attr]
        int8=int8_batches(energy, known),  # type: ignore[arg-type]
        together=together([knob for knob in knobs if knob.saves]),
    )


def _ranked(
    known: TaskEvidence, choice: Choice, crossovers: Mapping[str, BreakEven]
) -> tuple[RankedKnob, ...]:
    seconds = fit_stages(known, "time")
    times: dict[str, Bounded] = {}
    steps: dict[str, StepCrossover] = {}
    if not isinstance(seconds, str):
        times = _times(known, seconds)
        steps = step_crossovers(seconds, known)
    knobs = []
    for candidate in choice.candidates:
        cell = known.cells[candidate.cell]
        if not cell.on:
            continue
        knobs.append(
            RankedKnob(
                cell=cell.id,
                settings=_settings(cell.on),
                energy=candidate.energy,
                time=times.get(cell.id),
                change=candidate.change,
                blocks=len(cell.rounds),
                verdict=_verdict(candidate),
                against=candidate.excluded,
                crossover=crossovers.get(cell.id),
                steps=steps.get(cell.id),
            )
        )
    return in_order(knobs)


def in_order(knobs: Sequence[RankedKnob]) -> tuple[RankedKnob, ...]:
    """Return those that save and keep the score first; of one verdict, least joules first."""
    return tuple(sorted(knobs, key=_order))


def _order(knob: RankedKnob) -> tuple[int, float]:
    return VERDICTS.index(knob.verdict), knob.energy.value


def _verdict(candidate: Candidate) -> str:
    if candidate.energy.low > 1:
        return COSTS
    if candidate.energy.high >= 1:
        return OPEN
    return LOSES if candidate.excluded else SAVES


def _times(known: TaskEvidence, fitted: StageFit) -> dict[str, Bounded]:
    """Return the seconds of each cell relative to V0's, as far as they are known."""
    others = [name for name in fitted.cells if name != known.baseline.id]
    return dict(zip(others, _relative(fitted, others), strict=True))


def _relative(fitted: StageFit, cells: Sequence[str]) -> list[Bounded]:
    gradients: np.ndarray
    logarithms, gradients = totals(fitted, cells)
    return [one.as_ratio for one in bounded(logarithms, fitted.model.contrasts(gradients))]


def _settings(on: KnobSet) -> tuple[str, ...]:
    """Return what is set, in the order in which knobs are declared."""
    values = dict(on)
    built_in = [description.knob for description in described_knobs()]
    own = [knob for knob in values if knob not in built_in]
    found = []
    for knob in (*built_in, *own):
        if knob in values:
            value = values[knob]
            written = value.lower() if value in {"True", "False"} else value
            found.append(f"{knob}={written}")
    return tuple(found)


def together(knobs: Sequence[RankedKnob]) -> tuple[str, ...]:
    """Return the settings of all ``knobs``, without those that contradict earlier ones."""
    chosen: dict[str, str] = {}
    for knob in knobs:
        own = dict(setting.split("=", 1) for setting in knob.settings)
        if any(chosen.get(name, value) != value for name, value in own.items()):
            continue  # a better value of it, or of what it needs, is chosen
        tried = {**chosen, **own}
        if not _contradict(tried):
            chosen = tried
    return tuple(f"{name}={value}" for name, value in chosen.items())


def _contradict(settings: Mapping[str, str]) -> bool:
    """Whether built-in knobs cannot stand together; of a suite's own ones nobody knows."""
    built_in = {description.knob for description in described_knobs()}
    words = [f"{name}={value}" for name, value in settings.items() if name in built_in]
    return bool(words and contradiction(knob_trial(" ".join(words)).options))
