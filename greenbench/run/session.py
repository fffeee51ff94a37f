"""One session, in its order: check what was selected, warm up, run cells, release what was opened.

What is slow to import or to open (torch, data, Zeus) is opened on first use, so that listing tests
stays instant.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from greenbench import extras
from greenbench.errors import UsageError
from greenbench.experiment import matrix, profiles, task_definitions
from greenbench.experiment.cells import cells_of
from greenbench.experiment.resolving import other_matrix, resolve_settings
from greenbench.experiment.task_knobs import variants_of
from greenbench.machine import devices, launchers, numa, sensor_classes, training_processes
from greenbench.machine.sensor_classes import UserSensors
from greenbench.report.page import rendering, saving
from greenbench.run.inputs import TaskInputs, check_reuse, stages_of, task_inputs
from greenbench.run.instruments import Instruments
from greenbench.run.leftovers import restore_leftovers
from greenbench.run.made_up import made_up
from greenbench.run.memory import SessionMemory
from greenbench.run.messages import Messages
from greenbench.run.session_results import SessionResults
from greenbench.run.suite_files import suite_files
from greenbench.run.until_sure import planned_looks
from greenbench.run.warm_up import WarmUp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from greenbench.experiment.settings import Settings
    from greenbench.protocols import WarmingStages
    from greenbench.stages.system import System
    from greenbench.tasks import Task
    from greenbench.types import Cell, Variant

NO_MATRIX = matrix.Experiment(tasks=(), models=(), variants=())


class Session:
    """The cells of one session, and what they share."""

    def __init__(
        self,
        option: Callable[[str], object],
        root: Path,
        experiment: Path | None,
        variants: Path | None,
        places: Sequence[Path] = (),
    ) -> None:
        """Read the matrix, if there is one, and the settings.

        ``option(flag)`` is what the command line gives for a flag. pyproject.toml is looked for
        upwards from ``places``, then ``root``. Raises Disagreements or another UsageError.
        """
        other = other_matrix(option, root, places)
        self.matrix = _loaded(other, experiment, variants)
        self._replaced = experiment.parent if experiment and other else None
        self.settings = _settings(option, root, places, self.matrix)
        self.matrix, self.factorial, self.takes_part = made_up(self.matrix, self.settings)
        self.profile = profiles.profile(self.settings.profile)
        self.instruments = _instruments(self.settings, root, self.matrix)
        self.results = SessionResults(root, self.settings, self.instruments, self.matrix.options)
        self.memory = SessionMemory()
        self.offered: list[str] = []
        """Ids of all cells that the collected tests can measure."""
        self.selected: tuple[Cell, ...] = ()
        """The cells that will run."""
        self.messages = Messages()
        self.miniatures = WarmUp(self.inputs, self.toggles)
        """Know which cells cannot run, once the session is warm."""
        self._warm = False

    def cells(self, task: str) -> tuple[Cell, ...]:
        """Return the cells of ``task``; raises UsageError if the matrix has no such task."""
        seed, rounds, looks = self.settings.seed, self.settings.rounds, planned_looks(self.settings)
        variants = _variants(task, self.matrix, self._replaced)
        cells = cells_of(task, variants, self.profile, seed=seed, rounds=rounds, looks=looks)
        self.offered += [cell.id for cell in cells if self.takes_part(cell)]
        return cells

    def check(self, selected: Sequence[Cell], sources: Sequence[Path] = ()) -> None:
        """Find contradicting options and an unfit results folder; raises GreenbenchError."""
        self.selected = tuple(selected)
        if not selected:  # plain functions leave no results file
            return
        _check_tasks([self.matrix.definitions[task] for task in self.tasks], self.settings)
        _check_machine(selected, self.settings, self.instruments)
        for task in self.tasks:
            self.inputs(task)
        self.results.check_folder({cell.variant for cell in selected})
        self.results.state_conditions(selected, {*sources, *suite_files(self.matrix.root)})

    @property
    def tasks(self) -> list[str]:
        """The tasks of the selected cells."""
        return list(dict.fromkeys(cell.task for cell in self.selected))

    @functools.cache  # noqa: B019  a session lives as long as its process
    def inputs(self, task: str) -> TaskInputs:
        """Return what the cells of ``task`` share; raises UsageError for unfitting options."""
        asked = self.matrix.definitions[task], self.matrix.model_of(task)
        return task_inputs(*asked, self.settings, self.profile)

    def warm_up(self) -> None:
        """Before the first cell: open data, models and instruments, and run a miniature of each.

        Raises UsageError or UnavailableError for what would make every cell fail. Does nothing the
        second time.
        """
        if self._warm:
            return
        for task in self.tasks:
            self.messages.show(f"{task}: loading or generating data, and the model")
            inputs = self.inputs(task)
            _ = inputs.dataset.facts, inputs.model.folder
        launchers.report(self.messages.say)
        self.messages.show("opening energy counters")
        restore_leftovers(self.messages.say, control=self.settings.control == "on")
        meter = self.instruments.meter
        self.instruments.report_gpus(self.messages.say)
        self.messages.show("warming up: imports, and a miniature of each kind of cell")
        self.miniatures.run(self.selected)
        self.messages.show("measuring idle power")
        self.instruments.measure_idle()
        self.results.note({"instrument": meter.facts})
        self._warm = True

    def toggles(self, cell: Cell) -> WarmingStages:
        """Return the cell's switches; raises UsageError for options that contradict each other."""
        task, size = self.matrix.definitions[cell.task], self.inputs(cell.task).size
        ranks = functools.partial(self.instruments.ranks, cell.options.system.processes)
        return stages_of(task, cell, size, ranks, self.miniatures.failure(cell))

    def power(self, cell: Cell) -> System:
        """Return the cell's system stage."""
        from greenbench.stages.system import System
        from greenbench.stages.thread_counts import threads_of

        gpus, control = self.instruments.gpus, self.settings.control == "on"
        threads = threads_of(torch=self.matrix.definitions[cell.task].torch)
        options, say = cell.options.system, self.messages.say
        return System(options, gpus, control=control, threads=threads, say=say)

    def release(self, *, hurry: bool = False) -> tuple[str, ...]:
        """Measure the idle power again, unless in a ``hurry``, and close what was opened.

        Returns warnings, which go into the results files too; raises OSError if these do not.
        """
        if not (self.instruments.opened or self.results.continues):
            return ()
        with self.instruments:
            warnings = tuple(self.messages.kept)
            if self._warm and not hurry:
                warnings += self.instruments.measure_idle_again()
            sampler = {"sampler_cpu_seconds": self.instruments.sampler_seconds}
        self.results.conclude(conclusion={"doubts": list(warnings), "in_a_hurry": hurry, **sampler})
        return warnings


def _loaded(
    other: Path | None, experiment: Path | None, variants: Path | None
) -> matrix.Experiment:
    """Return the matrix of ``--green-matrix``, which is the ``other`` one, or the suite's own.

    Raises UsageError for an option that nothing would read.
    """
    if experiment is None or variants is None:
        if other is not None:
            raise UsageError(
                f"--green-matrix: found {str(other)!r}; it replaces the matrix of a suite, and no "
                "conftest.py here calls use_matrix: leave it out"
            )
        return NO_MATRIX
    if other is not None:
        return matrix.load(other, other.parent / "variants")
    return matrix.load(experiment, variants)


def _settings(
    option: Callable[[str], object],
    root: Path,
    places: Sequence[Path],
    experiment: matrix.Experiment,
) -> Settings:
    """Return the settings, which may refer to what is in the matrix; raises Disagreements."""
    tasks = [task.name for task in experiment.tasks]
    models = [model.name for model in experiment.models]
    return resolve_settings(
        option,
        root,
        tasks=tasks,
        models=models,
        scores=experiment.scores,
        places=places,
        baseline=experiment.baseline,
        absent=experiment.absent_knobs,
    )


def check_packages(tasks: Iterable[Task]) -> None:
    """Raise UnavailableError, with the line to type, if one of ``tasks`` lacks a package."""
    for task in tasks:
        if task.extra:
            extras.require(task.extra, f"task {task.name}", extras.PIPELINE)


def _instruments(settings: Settings, root: Path, experiment: matrix.Experiment) -> Instruments:
    own = UserSensors(names=settings.sensor, root=root)
    return Instruments(settings, own, knows_devices=experiment.uses_torch)


def _variants(task: str, experiment: matrix.Experiment, replaced: Path | None) -> list[Variant]:
    """Return the variants that make cells of ``task``; raises UsageError for an unknown task."""
    if not _has_task(task, experiment, replaced):
        return []
    return variants_of(experiment.definitions[task], experiment.variants)


def _check_tasks(tasks: Sequence[Task], settings: Settings) -> None:
    """Raise UsageError or UnavailableError for what one of the ``tasks`` cannot have here."""
    check_packages(tasks)
    check_reuse(tasks, settings)


def _check_machine(cells: Sequence[Cell], settings: Settings, instruments: Instruments) -> None:
    """Raise UsageError or UnavailableError for what a cell, or the report, cannot have here."""
    launchers.check()
    devices.check(settings.device, cells)
    training_processes.check(cells, lambda: instruments.device, reuse=settings.reuse)
    numa.check(cells)
    sensor_classes.check(instruments.own)
    _check_report(settings.report)


def _check_report(path: Path | None) -> None:
    """Raise GreenbenchError if no HTML report could be written to ``path`` at the end."""
    if path is not None:
        rendering.environment()
        saving.check_target(path)


def _has_task(task: str, experiment: matrix.Experiment, replaced: Path | None) -> bool:
    """Whether the matrix has ``task``; one in place of the ``suite``'s may lack one of its tasks.

    Raises UsageError for a task that the suite's matrix lacks.
    """
    known = list(experiment.definitions)
    if task in known:
        return True
    if replaced is not None and known and task_definitions.is_defined(task, replaced):
        return False
    names = ", ".join(known) or "none"
    raise UsageError(f"there is no task {task!r}; experiment.md has: {names}")
