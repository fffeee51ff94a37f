"""Measures the points of a search as cells of the suite, and reads what each took and scored."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment import matrix
from greenbench.experiment.task_knobs import foreign_knob_problems
from greenbench.gates import comparability, score_margins
from greenbench.gates.expression import parse
from greenbench.gates.margins import Z
from greenbench.gates.metrics import readings
from greenbench.results.reading import is_baseline, source_label
from greenbench.run.refusals import refusal
from greenbench.run.search_sessions import COMMAND, BlockSessions
from greenbench.run.session import Session, check_packages
from greenbench.search.knob_levels import space_of
from greenbench.search.readings import PointReading, SearchBlock
from greenbench.search.space import Space
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.experiment.knob_trials import KnobTrial
    from greenbench.gates.expression import Gate
    from greenbench.gates.verdict import Measured
    from greenbench.results.reading import CellRecord
    from greenbench.search.readings import BlockPlan
    from greenbench.search.space import Point

NOT_COMPARABLE = "NOT-COMPARABLE"


class SearchedSuite:
    """A suite of this folder, one task of which is searched."""

    def __init__(self, given: Mapping[str, object], task: str, quality: str, minimise: str) -> None:
        """Read the suite; ``given`` are the session's options by flag.

        Raises UsageError for a task, a constraint or a measure that is not there, and
        UnavailableError if packages of the task are missing.
        """
        if not Path("bench").is_dir():
            raise UsageError(
                f"{COMMAND}: there is no folder bench in {Path.cwd()}; run it where the suite's "
                "experiment.md is"
            )
        self.given = given
        experiment = matrix.load(Path("experiment.md"), Path("variants"))
        known = list(experiment.definitions)
        if task not in known:
            raise UsageError(f"{COMMAND}: there is no task {task!r}; there are {', '.join(known)}")
        self.experiment = experiment
        self.task = experiment.definitions[task]
        check_packages([self.task])
        self.quality = _constraint(quality, task, experiment)
        self.objective = parse(f"{minimise} <= V0", [task], experiment.scores)
        if self.objective.about.kind not in {"energy", "time"}:
            raise UsageError(
                f"--minimise {minimise}: it is no joules or seconds; give energy, energy_gpu, "
                "j_per_correct or time"
            )
        self.session = Session(given.get, Path(), Path("experiment.md"), Path("variants"))

    def space(self, knobs: str) -> Space:
        """Return the space of ``--knobs``; without any, that of all knobs that the task has.

        Raises UsageError for what is no knob, and for knobs that the task has not.
        """
        every = space_of(knobs, self.experiment.baseline)
        kept = []
        for axis in every.axes:
            reason = self.task.lacks(axis.knob)
            if reason and knobs.strip():
                raise UsageError(f"--knobs {axis.knob}: {reason}")
            if not reason:
                kept.append(axis)
        if not kept:
            raise UsageError(f"{COMMAND}: {self.task.name} has no knob to search; give --knobs")
        return Space(axes=tuple(kept), suite=every.suite)


def _constraint(text: str, task: str, experiment: matrix.Experiment) -> Gate:
    """Return what is asked of the score; raises UsageError for what is no lower or upper bound."""
    gate = parse(text, [task], experiment.scores)
    if gate.about.kind != "quality" or not gate.applies(task):
        raise UsageError(f"--quality {text!r}: {gate.metric} is no score of {task}")
    if gate.reference not in {None, "V0"}:
        raise UsageError(
            f"--quality {text!r}: it refers to {gate.reference}; only V0 runs beside each point"
        )
    return gate


class CellEvaluator:
    """Measures points of a suite; ``readings.Evaluator`` says what each call is for."""

    def __init__(self, suite: SearchedSuite, space: Space) -> None:
        """Open nothing yet."""
        self._suite = suite
        self._space = space
        self._sessions = BlockSessions(suite.session, suite.task.name, suite.given, space)
        self._refusals: dict[Point, str] = {}

    def refusal(self, point: Point) -> str:
        """Say why this machine cannot run a point, once it was asked."""
        if point not in self._refusals:
            self._refusals[point] = self._refusal(self._space.trial(point))
        return self._refusals[point]

    def _refusal(self, trial: KnobTrial) -> str:
        suite = self._suite
        variant = Variant(name=trial.name, title="", options=trial.options, folder=Path())
        problems = foreign_knob_problems([variant], [suite.task])
        if problems:
            return problems[0]
        session, task = suite.session, suite.task
        plain = next(c for c in session.cells(task.name) if is_baseline(c.variant))
        cell = replace(plain, variant=trial.name, options=trial.options)
        instruments = session.instruments
        size = session.inputs(task.name).size
        return refusal(task, cell, size, instruments.device, instruments.gpus)

    def measure(self, plan: BlockPlan) -> SearchBlock:
        """Run a session of one block; raises UsageError if V0 was not measured in it."""
        started = time.monotonic()
        cells, ended = self._sessions.measure(plan)
        seconds = time.monotonic() - started
        return self._block(plan, cells, ended, seconds)

    def _block(
        self, plan: BlockPlan, cells: Sequence[Measured], ended: Mapping[Point, str], seconds: float
    ) -> SearchBlock:
        baseline = _baseline(cells)
        judge = RecordReader(self._suite.objective, self._suite.quality, baseline)
        found = {}
        for point in plan.points:
            if point in ended:
                found[point] = PointReading(flaw=ended[point])
            else:
                found[point] = judge.reading(self._cell_of(point, cells))
        return SearchBlock(
            plan=plan,
            baseline=judge.reading(baseline),
            readings=found,
            joules=_joules(cells),
            seconds=seconds,
            source=source_label(baseline.record),
            conditions=comparability.conditions(baseline),
        )

    def _cell_of(self, point: Point, cells: Sequence[Measured]) -> Measured | None:
        """Return the cell whose knobs are those of a point; a variant may stand for it."""
        for cell in cells:
            if self._has_knobs(cell.record, point):
                return cell
        return None

    def _has_knobs(self, record: CellRecord, point: Point) -> bool:
        for axis, level in zip(self._space.axes, point, strict=True):
            value = record.knobs.get(axis.knob)
            if value != axis.levels[level]:
                return False
        return True


def _baseline(cells: Sequence[Measured]) -> Measured:
    """Return V0's cell; raises UsageError if it has no round."""
    for cell in cells:
        record = cell.record
        if is_baseline(record.variant) and record.rounds and not record.failed:
            return cell
    raise UsageError(
        f"{COMMAND}: V0 was not measured in this block, and nothing can be compared with it; "
        "pytest's output above says why. The same command goes on from here"
    )


def _joules(cells: Sequence[Measured]) -> float | None:
    """Return what all rounds took themselves, without stages that they took over."""
    total = 0.0
    for cell in cells:
        for one_round in cell.record.rounds:
            if one_round.own_j is None:
                return None
            total += one_round.own_j
    return total


class RecordReader:
    """Reads what a search needs of the records of a block, whose cells have one round each."""

    def __init__(self, objective: Gate, quality: Gate, baseline: Measured) -> None:
        """Compare with ``baseline``, V0's cell."""
        self._objective = objective
        self._quality = quality
        self._baseline = baseline

    def reading(self, cell: Measured | None) -> PointReading:
        """Return what a cell says of its only round."""
        if cell is None:
            return PointReading(flaw="it left no record")
        record = cell.record
        if record.failed or not record.rounds:
            reason = record.error or record.outcome
            return PointReading(flaw=f"the cell failed: {reason}")
        value = readings(self._objective, record)
        if isinstance(value, str):
            return PointReading(flaw=f"{self._objective.metric} is unmeasured: {value}")
        flaw = self._flaw(cell)
        shared = value.systematic if self._objective.metric == "energy_net" else 0.0
        plain = PointReading(
            value=value.mean,
            uncertainty=value.uncertainty,
            systematic=shared,
            seconds=record.seconds,
            flaw=flaw,
        )
        return self._with_score(plain, record)

    def _flaw(self, cell: Measured) -> str:
        """Return why a cell is no evidence; V0 is what others are compared with, as it is."""
        record = cell.record
        if cell is self._baseline:
            return ""
        if record.flaw is not None:
            return f"{record.flaw.verdict}: {record.flaw.reason}"
        if record.status == "partial":
            return "partial: a knob did not take effect"
        found = comparability.differences(cell, self._baseline, self._objective)
        apart = []
        for name, (here, there) in found.items():
            apart.append(f"{name}: {here} here, {there} in V0")
        return f"{NOT_COMPARABLE}: {'; '.join(apart)}" if apart else ""

    def _with_score(self, plain: PointReading, record: CellRecord) -> PointReading:
        gate = self._quality
        scores = (record.score(gate.metric), self._baseline.record.score(gate.metric))
        if None in scores:
            return replace(plain, flaw=plain.flaw or f"{gate.metric} is unknown")
        reference = self._baseline.record if gate.reference else None
        try:
            estimate = score_margins.estimate(gate, record, reference)
        except ValueError as error:
            raise UsageError(f"--quality {gate.text!r}: {error}") from error
        margin = estimate.margin
        if not math.isfinite(margin):
            return replace(plain, flaw=plain.flaw or f"{gate.metric} is no number")
        if estimate.how == score_margins.NO_INTERVAL:
            return replace(plain, margin=margin)
        low = margin - Z * estimate.below
        high = margin + Z * estimate.above
        return replace(plain, margin=margin, low=low, high=high)
