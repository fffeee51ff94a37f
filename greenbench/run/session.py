"""The cells of one session: wires settings, matrix, meter, stages and results file together, and checks before it starts.

What is slow to import or to open (torch, data, Zeus) is opened on first use, so that listing tests stays instant.
"""

from __future__ import annotations

import functools
import platform
import shlex
import sys
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.data.models.checkpoints import REVISIONS, Checkpoint
from greenbench.errors import UsageError
from greenbench.experiment import matrix, profiles
from greenbench.experiment.cells import cells_of
from greenbench.experiment.settings import resolve_settings
from greenbench.machine.control import restore
from greenbench.results import files as store
from greenbench.results import forecast, record
from greenbench.run.effects import Outputs
from greenbench.run.inputs import dataset
from greenbench.run.yardstick import Yardsticks
from greenbench.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from greenbench.experiment.settings import Settings
    from greenbench.machine.energy import Meter
    from greenbench.machine.gpus import Gpu
    from greenbench.stages.system import System
    from greenbench.stages.toggles import Toggles
    from greenbench.tasks.dataset import Dataset
    from greenbench.types import Cell, TaskSize

IDLE_S = 5.0
"""Pause before the first cell and after the last, in which the idle power is measured where there are counters."""
NOTHING = matrix.Experiment(tasks=(), models=(), variants=())


class Session:
    """Everything that the cells of a session share."""

    def __init__(
        self, asked: Any, root: Path, experiment: Path | None, variants: Path | None
    ) -> None:
        """Read the matrix, if there is one, and the settings. ``asked(flag)`` is what the command line says.

        Raises Disagreements or another UsageError.
        """
        self.root = root
        self.matrix = matrix.load(experiment, variants) if experiment and variants else NOTHING
        names = [t.name for t in self.matrix.tasks], [m.name for m in self.matrix.models]
        self.settings: Settings = resolve_settings(
            asked, root, tasks=names[0], models=names[1]
        )
        self.profile = profiles.profile(self.settings.profile)
        self.started = store.now_stamp()
        self.asked: tuple[Cell, ...] = ()
        self.offered: list[str] = []
        self.likes: dict[str, forecast.Like] = {}
        self.yardsticks, self.outputs = Yardsticks(), Outputs()
        self._ready = False
        self.said: dict[str, None] = {}
        """What happened to the machine's settings, each sentence once."""
        self.live: Callable[[str], None] = lambda _text: None
        """Shows a line while something is waited for."""
        self._cold: dict[Any, Exception] = {}

    def cells(self, task: str) -> tuple[Cell, ...]:
        """Return the cells of ``task``; raises UsageError where the matrix or the profile has no such task."""
        known = [t.name for t in self.matrix.tasks if t.name in TASKS]
        if task not in known:
            raise UsageError(
                f"there is no task {task!r}; experiment.md and greenbench have: {', '.join(known) or 'none'}"
            )
        cells = cells_of(
            task,
            self.matrix.variants,
            self.profile,
            seed=self.settings.seed,
            rounds=self.settings.rounds,
        )
        self.offered += [c.id for c in cells]
        return cells

    def check(self, cells: Sequence[Cell]) -> None:
        """Find, before the first cell runs, what needs no torch to find; raises UsageError.

        That is options that contradict each other, and a results folder that cannot take the results.
        """
        self.asked = tuple(cells)
        self.likes = self.like()
        store.check_folder(self.settings.results)

    def size(self, task: str) -> TaskSize:
        """Return how big ``task`` is in the profile. A checkpoint of the user's is fine-tuned as the profile ``full`` does.

        The tiny profile's learning rate is tuned for its own start and would ruin a model of usual size.
        """
        weighted = self.settings.balance.get(task) == "weights"
        size = replace(self.profile.tasks[task], class_weights=weighted)
        wanted = self.settings.size.get(task, {})
        if TASKS[task].model not in self.settings.model:
            return profiles.sized(size, wanted)
        full = profiles.profile("full").tasks[task]
        size = replace(
            size,
            learning_rate=full.learning_rate,
            weight_decay=full.weight_decay,
            warmup=full.warmup,
            parameters=None,  # those of another model
            vocabulary=None,
        )
        return profiles.sized(size, wanted)

    def dataset(self, task: str) -> Dataset:
        """Return the handle of the task's data; the same one for all its cells."""
        return dataset(TASKS[task], self.size(task), self.settings)

    @functools.lru_cache(maxsize=8)  # noqa: B019  a session lives as long as its process
    def model(self, task: str) -> Checkpoint:
        """Return the handle of the task's model."""
        name, size = TASKS[task].model, self.size(task)
        given = self.settings.model.get(name)
        return Checkpoint(
            name, given or size.model, REVISIONS.get(given) if given else size.model_revision
        )

    def outlook(self, cells: Sequence[Cell]) -> list[str]:
        """Return, line by line, what ``cells`` would do and cost; loads no model, asks no network, runs nothing."""
        from greenbench.report import plan as outlook

        self.asked = tuple(cells)
        runs, problems = store.load_folder(self.settings.results)
        ahead = [
            outlook.Ahead(
                task=task,
                size=self.size(task),
                data=self.dataset(task),
                model=self.model(task),
                cells=tuple(c for c in cells if c.task == task),
            )
            for task in dict.fromkeys(c.task for c in cells)
        ]
        return [
            f"greenbench: profile {self.profile.name}",
            *outlook.lines(ahead, runs, self.like()),
            *problems,
        ]

    def like(self) -> dict[str, forecast.Like]:
        """Say, task by task, which earlier results speak of the cells to come."""
        return {
            task: forecast.Like(
                host=platform.node(),
                device=self.settings.device if self.settings.device != "auto" else None,
                model=self.model(task).source,
                data=str(self.dataset(task).source),
            )
            for task in dict.fromkeys(c.task for c in self.asked)
        }

    def toggles(self, cell: Cell) -> Toggles:
        """Return the cell's switches; raises UsageError for options that contradict each other."""
        from greenbench.stages.toggles import Toggles

        return Toggles(
            cell.options, self.size(cell.task), self.device, broken=self._cold.get(_kind(cell))
        )

    def power(self, cell: Cell) -> System:
        """Return the cell's system stage."""
        from greenbench.stages.system import System

        return System(
            cell.options.system, self.gpus, control=self.settings.control == "on", say=self.say
        )

    def get_ready(self) -> None:
        """Before the first cell: open data, models, meter and environment, then warm up.

        Raises UsageError or UnavailableError where that would make every cell fail.
        """
        if self._ready:
            return
        for task in dict.fromkeys(c.task for c in self.asked):
            _ = self.dataset(task).facts, self.model(task).folder
        self._recover()
        _ = self.meter, self.recorder
        for cell in {_kind(c): c for c in self.asked}.values():
            self._warm_up(cell)
        self.meter.rest(IDLE_S)
        self.recorder.note({"instrument": self.meter.facts})
        self._ready = True

    def say(self, text: str) -> None:
        """Keep ``text`` for the end, and show it now."""
        self.said[text] = None
        self.live(text)

    def _recover(self) -> None:
        """Put back what sessions that were killed have left, or say that it is there."""
        if self.settings.control == "on":
            restore.recover(self.say)
        elif left := restore.left_behind():
            self.say(f"{left}; --green-control off leaves it so: greenbench restore puts it back")

    def _warm_up(self, cell: Cell) -> None:
        """Run a miniature of ``cell``: it pays for imports and first uses, and its numbers are nobody's.

        What fails here is kept for the cells of that kind: their own check raises it, and no other cell fails by it.
        """
        try:
            toggles = self.toggles(cell)
            toggles.check()
            toggles.warm_up(self.dataset(cell.task).train, self.model(cell.task))
        except Exception as error:  # noqa: BLE001  raised again by the check of each cell of this kind
            self._cold[_kind(cell)] = error

    @functools.cached_property
    def device(self) -> str:
        """The torch device of the cells; torch is asked only where the machine has a GPU or one is named."""
        from greenbench.machine.gpus import gpus

        if self.settings.device == "cpu" or (self.settings.device == "auto" and not gpus()):
            return "cpu"
        from greenbench.stages.toggles import resolve_device

        return str(resolve_device(self.settings.device))

    @functools.cached_property
    def gpus(self) -> tuple[Gpu, ...]:
        """The GPUs whose energy counts. Without a matrix ``auto`` takes all whole ones: nobody knows where the code runs."""
        from greenbench.machine.gpus import counted
        from greenbench.machine.gpus import gpus as visible

        if (
            not self.matrix.tasks
            and self.settings.gpus == "auto"
            and self.settings.device == "auto"
        ):
            return tuple(gpu for gpu in visible() if not gpu.mig)
        return counted(self.settings.gpus, self.device)

    @functools.cached_property
    def meter(self) -> Meter:
        """The one meter of the session."""
        from greenbench.machine.energy import open_meter

        return open_meter(self.gpus, cpu_watts=self.settings.cpu_watts, synchronize=wait_for_cuda)

    def release(self, *, hurry: bool = False) -> tuple[str, ...]:
        """Look at the idle power once more, unless in a ``hurry``; close what was opened; say what a reader should know.

        What is said goes into the results files too; raises OSError where they cannot be written.
        """
        if "meter" not in self.__dict__:
            return ()
        from greenbench.machine.control.transaction import GUARD

        meter = self.__dict__.pop("meter")
        try:
            told = (*self.said, *(self._last_look(meter) if self._ready and not hurry else ()))
        finally:
            meter.close()
            GUARD.stop()
        if self._ready:
            sampler = meter.sampler.cpu_seconds if meter.sampler is not None else None
            self.recorder.conclude(
                conclusion={
                    "doubts": list(told),
                    "in_a_hurry": hurry,
                    "sampler_cpu_seconds": sampler,
                }
            )
        return told

    def _last_look(self, meter: Meter) -> tuple[str, ...]:
        """Measure the idle power once more; what keeps it from that is told, and costs nobody the results."""
        try:
            return meter.rest(IDLE_S)
        except Exception as error:  # noqa: BLE001  whatever a driver raises at the end: the cells are measured and written
            return (
                f"the idle power could not be looked at again: {type(error).__name__}: {error}",
            )

    @functools.cached_property
    def header(self) -> dict[str, Any]:
        """The circumstances of this session, as its files state them."""
        from greenbench.machine.environment import describe

        return {
            "profile": self.profile.name,
            "profile_changes": {task: dict(wanted) for task, wanted in self.settings.size.items()},
            "session": {
                "id": uuid.uuid4().hex,
                "argv": shlex.join(["pytest", *sys.argv[1:]]),
                "started": self.started.isoformat().replace("+00:00", "Z"),
            },
            "environment": {
                "device": self.device,
                **record.builtin(describe(self.root, self.gpus)),
            },
        }

    @functools.cached_property
    def recorder(self) -> store.Recorder:
        """The one writer of this session's results files."""
        return store.Recorder(self.settings.results, self.started, self.header)

    @property
    def written(self) -> tuple[Path, ...]:
        """The results files of this session so far."""
        return self.recorder.paths if "recorder" in self.__dict__ else ()

    def record(self, record: dict[str, Any]) -> None:
        """Write a finished cell; raises OSError."""
        options = next(v.options for v in self.matrix.variants if v.name == record["variant"])
        self.recorder.append(record, options)


def _kind(cell: Cell) -> tuple[Any, ...]:
    """Cells of one kind use the same libraries, formats and shapes for the first time: one warm-up serves them all."""
    return (
        cell.task,
        cell.options.data,
        cell.options.training,
        cell.options.architecture,
        cell.options.inference,
    )


def wait_for_cuda() -> None:
    """Wait for what torch has queued on its current CUDA device, if the code that is measured uses it at all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
