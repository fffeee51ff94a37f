"""Makes a task of a suite's own functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.tasks.functions import judging, splits
from greenbench.tasks.functions.functions import WantedRows, task_functions
from greenbench.tasks.functions.source import FunctionModel, model_of
from greenbench.tasks.functions.stages import FunctionStages
from greenbench.tasks.task import CONTRACT, TaskOf
from greenbench.types import TaskSize

if TYPE_CHECKING:
    from greenbench.protocols import Opaque
    from greenbench.tasks.dummies import DummyBaselines
    from greenbench.tasks.functions.functions import TaskFunctions
    from greenbench.tasks.functions.splits import FunctionSplits
    from greenbench.tasks.request import DataRequest
    from greenbench.types import Cell, Judged

KIND = "function"
PROFILES = ("tiny", "small", "full")
NOT_OF_FUNCTIONS = ("system.processes",)
"""Knobs of the system stage that act on torch's training alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionParts:
    """What a task calls on a suite's functions."""

    functions: TaskFunctions
    model: FunctionModel

    def load(self, request: DataRequest) -> FunctionSplits:
        """Return the splits of the session's first seed; raises UsageError for what load gives."""
        return splits.load(self.functions, request.seed, _wanted(request.sizes))

    def judge(
        self,
        loaded: FunctionSplits,
        predictions: Opaque,
        _deciding: object,
        baselines: DummyBaselines,
    ) -> Judged:
        """Score the predictions for the test rows."""
        return judging.judge(self.functions, loaded, predictions, baselines)

    def baselines(self, loaded: FunctionSplits) -> DummyBaselines:
        """Score the suite's own dummy predictions."""
        return judging.baselines(self.functions, loaded)

    def stages(self, cell: Cell, size: TaskSize, broken: Exception | None) -> FunctionStages:
        """Return the stages of a cell; ``broken`` is the exception of a failed warm-up."""
        wanted = _wanted(size.sizes)
        return FunctionStages(cell.options, self.functions, wanted, broken=broken)

    def model_handle(self) -> FunctionModel:
        """Return where the training code is from."""
        return self.model

    def lacks(self, knob: str) -> str:
        """Say why functions have no such knob, and what they have; empty if they have it."""
        own = [one.knob for one in self.functions.own.knobs]
        if knob in own or (knob.startswith("system.") and knob not in NOT_OF_FUNCTIONS):
            return ""
        where = self.functions.where
        return (
            f"{where} trains by functions of its own, which greenbench's {knob} does not reach; "
            f"its knobs are {', '.join(own) or 'none'}, and those of system but processes"
        )


def function_task(
    name: str,
    source: object,
    where: str,
    sizes: Mapping[str, Mapping[str, int | None]] | None = None,
) -> TaskOf[FunctionSplits, Opaque]:
    """Return the task ``name`` of the functions that ``source`` has as attributes.

    ``where`` begins what is said of them; ``sizes`` are rows by profile and split, else those of
    the attribute ``PROFILES``. Raises UsageError for functions that make no task.
    """
    functions = task_functions(source, where)
    parts = FunctionParts(functions=functions, model=model_of(source, where))
    return TaskOf(
        name=name,
        kind=KIND,
        origin=where,
        description=_description(source),
        scores=functions.directions,
        primary=(functions.primary,),
        sizes=_sizes(sizes or getattr(source, "PROFILES", {}), where),
        load=parts.load,
        judge=parts.judge,
        baselines=parts.baselines,
        data_doubts=splits.leak_doubts,
        lacks=parts.lacks,
        own_knobs=functions.own.knobs,
        stages=parts.stages,
        model_handle=parts.model_handle,
        torch=False,
        extra="",
        contract=getattr(source, "CONTRACT", CONTRACT),
    )


def _description(source: object) -> str:
    """Return the attribute ``DESCRIPTION``."""
    return str(getattr(source, "DESCRIPTION", ""))


def _wanted(sizes: tuple[int | None, ...] | None) -> WantedRows:
    return WantedRows() if sizes is None else WantedRows(*sizes)


def _sizes(profiles: object, where: str) -> dict[str, TaskSize]:
    """Return the size of each profile; raises UsageError for what is no number of rows."""
    form = 'PROFILES = {"tiny": {"train": 200, "valid": 50, "test": 100}}'
    if not isinstance(profiles, Mapping):
        raise UsageError(f"{where}: PROFILES is {profiles!r}; write {form}")
    for name in profiles:
        if name not in PROFILES:
            known = ", ".join(PROFILES)
            raise UsageError(f"{where}: PROFILES has {name!r}; there are {known}; write {form}")
    sizes = {}
    for name in PROFILES:
        rows = _rows(profiles.get(name, {}), where, form)
        sizes[name] = TaskSize(
            model=where, data=where, sizes=rows, epochs=1, learning_rate=0.0, max_tokens=0
        )
    return sizes


def _rows(profile: object, where: str, form: str) -> tuple[int | None, int | None, int | None]:
    if not isinstance(profile, Mapping):
        raise UsageError(f"{where}: a profile is {profile!r}; write {form}")
    for split, count in profile.items():
        counts = isinstance(count, int) and not isinstance(count, bool) and count > 0
        if split not in WantedRows._fields or not counts:
            raise UsageError(f"{where}: a profile has {split!r}: {count!r}; write {form}")
    return profile.get("train"), profile.get("valid"), profile.get("test")
