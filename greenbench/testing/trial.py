"""Rounds of one task without a session: real stages and scores, planted joules, no settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.experiment import profiles
from greenbench.experiment.resolving import resolve_settings
from greenbench.machine.sensor_classes import UserSensors
from greenbench.options import extended
from greenbench.pipeline import Pipeline
from greenbench.run.inputs import stages_of, task_inputs
from greenbench.run.instruments import Instruments
from greenbench.run.rounds import WHOLE
from greenbench.testing.meter import PlantedMeter
from greenbench.testing.stages import StubSystem
from greenbench.types import Cell

if TYPE_CHECKING:
    from greenbench.experiment.settings import Settings
    from greenbench.options import Options
    from greenbench.run.inputs import TaskInputs
    from greenbench.tasks import Task
    from greenbench.tasks.dataset import TaskDataset
    from greenbench.types import Round

SEED = 0
NOWHERE = Path(Path.cwd().anchor)
"""Where no pyproject.toml has settings: a task is looked at by the defaults."""


@dataclass(slots=True)
class Step:
    """What a round is doing, for sentences about what it raised."""

    name: str = "load"


class Trial:
    """Loads and runs one task as a session of the profile would, V0 or another setting."""

    def __init__(self, task: Task, profile: str) -> None:
        """Load nothing yet; raises UsageError if the task has no such profile."""
        self.task = task
        self.step = Step()
        self._profile = profiles.profile(profile)
        self._settings = _defaults(task)
        self._inputs: TaskInputs = task_inputs(task, "", self._settings, self._profile)

    @property
    def baseline(self) -> Options:
        """The options of V0, with the task's own knobs."""
        return extended(self.task.own_knobs)

    def dataset(self) -> TaskDataset:
        """Return a handle whose data nobody has loaded."""
        self.step.name = "load"
        return replace(self._inputs.dataset, seed=SEED)

    def round(self, options: Options, dataset: TaskDataset) -> Round:
        """Run all stages once, and score; whatever the task raises goes through."""
        cell = Cell(
            task=self.task.name,
            variant="V0",
            options=options,
            profile=self._profile.name,
            seed=SEED,
            rounds=1,
        )
        with self._instruments() as instruments, PlantedMeter({}) as meter:
            ranks = partial(instruments.ranks, options.system.processes)
            stages = stages_of(self.task, cell, self._inputs.size, ranks)
            system = StubSystem(options)
            pipeline = Pipeline(cell, dataset, self._inputs.model, stages, meter, system)
            return self._measured(pipeline)

    def _instruments(self) -> Instruments:
        return Instruments(self._settings, UserSensors(), knows_devices=self.task.torch)

    def _measured(self, pipeline: Pipeline) -> Round:
        """Run a round as ``run.rounds`` does."""
        meter = pipeline.energy
        pipeline.progress = self._note
        pipeline.prepare(SEED)
        meter.watch.begin()
        with meter.window(WHOLE):
            pipeline.run()
        *inner, whole = meter.take()
        return pipeline.finish(whole, tuple(inner))

    def _note(self, step: str) -> None:
        self.step.name = step


def _defaults(task: Task) -> Settings:
    """Return the options of a session of this task that nobody gave any."""
    return resolve_settings(lambda _flag: None, NOWHERE, tasks=[task.name], models=[])
