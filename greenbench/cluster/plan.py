"""What a run on many machines consists of: jobs, each one block of V0 and variants of a task.

A ratio is taken within a job alone, so a job never holds a variant without the V0 of its task.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results.reading import is_baseline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.results.record import Json

ABSENT = "not there"
SMALLEST = 2
"""Cells of a job: V0 and one variant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """A selected cell, with what earlier results on the submitting host say of one round."""

    id: str
    task: str
    variant: str
    rounds: int
    sets: tuple[str, ...] = ()
    """Knobs of the system stage that it sets: power limits, clocks, threads."""
    seconds: float | None = None
    joules: float | None = None
    sources: tuple[str, ...] = ()
    """Of the joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One block of some cells of a task: what is measured in one go, on one machine."""

    name: str
    block: int
    """From 1, as ``--green-block`` counts."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What must be the same wherever a run's blocks are measured."""

    python: str
    packages: Mapping[str, str]
    commit: str | None
    dirty: bool | None
    changes: str = ""
    """Hash of the code that is in no commit; empty if there is none."""

    def differences(self, here: Software) -> list[str]:
        """Say what is different ``here``, with both sides."""
        ours = here.versions()
        theirs = self.versions()
        texts = []
        for name in {**theirs, **ours}:
            found = ours.get(name, ABSENT)
            wanted = theirs.get(name, ABSENT)
            if found != wanted:
                texts.append(f"{name}: {found} here, {wanted} where the run was submitted")
        return texts

    def versions(self) -> dict[str, str]:
        """Return all of it by name."""
        if self.commit is None:
            commit = f"none, files {self.changes}" if self.changes else "none"
        else:
            changed = self.dirty or self.changes
            commit = f"{self.commit} with changes {self.changes}" if changed else self.commit
        return {"Python": self.python, "the commit": commit, **self.packages}

    def __str__(self) -> str:
        """Say it in a few words."""
        versions = self.versions()
        return (
            f"Python {self.python}, {len(self.packages)} packages, commit {versions['the commit']}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """A whole run, as it was submitted; nothing in it changes afterwards."""

    run: str
    """Its name, as a person gave it: another folder may have a run of the same one."""
    mark: str = ""
    """What tells it from those; empty in plans of an earlier greenbench."""
    engine: str
    """``local``, ``slurm`` or ``ssh``."""
    root: str
    """The folder in which pytest runs, on the submitting machine."""
    arguments: tuple[str, ...]
    """Of pytest."""
    rounds: int
    """Blocks in all."""
    software: Software
    jobs: tuple[Job, ...]
    cells: tuple[PlannedCell, ...] = ()
    settings: Json = field(default_factory=dict)
    """Of the engine: partition, hosts, workers."""

    @property
    def identity(self) -> str:
        """What results call the run: no other run has it, whatever folder it lies in."""
        return f"{self.run}-{self.mark}" if self.mark else self.run

    def job(self, name: str) -> Job:
        """Return the job of this name; raises UsageError if there is none."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise UsageError(f"run {self.run} has no job {name!r}; `greenbench status` lists them")

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), indent=1)


def read_plan(text: str) -> RunPlan:
    """Return the plan that ``text`` is; raises ValueError or TypeError if it is none."""
    data = json.loads(text)
    jobs = []
    for job in data["jobs"]:
        job["cells"] = tuple(job["cells"])
        jobs.append(Job(**job))
    cells = []
    for cell in data["cells"]:
        cells.append(read_cell(cell))
    data["software"] = Software(**data["software"])
    data["arguments"] = tuple(data["arguments"])
    data["jobs"] = tuple(jobs)
    data["cells"] = tuple(cells)
    return RunPlan(**data)


def read_cell(data: Json) -> PlannedCell:
    """Return a cell as ``greenbench.plugin.job_cells`` and plans state it."""
    sets = tuple(data["sets"])
    sources = tuple(data["sources"])
    return PlannedCell(**{**data, "sets": sets, "sources": sources})


def jobs_of(cells: Sequence[PlannedCell], cells_per_job: int | None) -> tuple[Job, ...]:
    """Divide the blocks of ``cells`` into jobs, block by block and task by task.

    A task's variants are dealt out to jobs of at most ``cells_per_job`` cells (None: all in one),
    each with V0. Raises UsageError for variants without V0, and where a job could not hold both.
    """
    if cells_per_job is not None and cells_per_job < SMALLEST:
        raise UsageError(
            f"--cells-per-job {cells_per_job}: a job needs V0 and a variant; give {SMALLEST} or "
            "more"
        )
    by_task: dict[str, list[PlannedCell]] = {}
    blocks = 0
    for cell in cells:
        of_task = by_task.setdefault(cell.task, [])
        of_task.append(cell)
        blocks = max(blocks, cell.rounds)
    jobs = []
    for block in range(1, blocks + 1):
        for task, of_task in by_task.items():
            for number, names in enumerate(_groups(task, of_task, cells_per_job), 1):
                name = f"b{block:03}-{task}-{number:02}"
                jobs.append(Job(name=name, block=block, cells=names))
    return tuple(jobs)


def _groups(task: str, cells: Sequence[PlannedCell], most: int | None) -> list[tuple[str, ...]]:
    """Divide a task's variants, each group with V0; raises UsageError without V0."""
    baseline: list[str] = []
    variants: list[str] = []
    for cell in cells:
        if is_baseline(cell.variant):
            baseline.append(cell.id)
        else:
            variants.append(cell.id)
    if not baseline:
        raise UsageError(
            f"{variants[0]}: V0 of {task} is not selected, and a ratio is taken within a job "
            f'alone; select it too, e.g. -k "{task} and (V0_ or ...)"'
        )
    if most is None or len(cells) <= most:
        return [(*baseline, *variants)]
    size = max(1, most - len(baseline))
    groups = []
    for first in range(0, len(variants), size):
        some = variants[first : first + size]
        groups.append((*baseline, *some))
    return groups


def forecast_text(cells: Sequence[PlannedCell]) -> str:
    """Say what all rounds of ``cells`` took by earlier results on this host."""
    seconds = 0.0
    joules = 0.0
    known = 0
    sources: set[str] = set()
    for cell in cells:
        if cell.seconds is None:
            continue
        known += 1
        seconds += cell.seconds * cell.rounds
        if cell.joules is not None:
            joules += cell.joules * cell.rounds
            sources.update(cell.sources)
    if not known:
        return "hours and joules unknown: no earlier result of these cells on this host"
    hours = seconds / 3600
    text = f"by earlier results on this host {hours:.2g} h"
    if sources:
        labels = ", ".join(sorted(sources))
        text += f" and {joules:.3g} J ({labels})"
    if known < len(cells):
        text += f" for the {known} of {len(cells)} cells that ran before"
    return f"{text}, start-up, set-up and scoring not included"
