"""Loads the experiment: ``experiment.md``, compared with the folders under ``variants/``.

``experiment.md`` is what people read and edit; the folders are what runs. ``load`` raises an error
that lists all differences at once, until both agree. It runs nothing and imports nothing slow.

How a row of the variants table is read:

* A stage's cell *inherits* if it holds a dash of any kind, a cross or nothing. Any other text, a
  check mark too, claims that the stage differs from the baseline, and ``config.yaml`` has to
  confirm that. The wording is free.
* The row named ``Baseline`` describes the baseline: its cells are free text, and its folder changes
  nothing.
* A folder without ``config.yaml``, or with one that sets nothing, *is* the baseline. Its row is
  named ``Baseline``, or all its stage cells inherit.

The directory checklist may leave a folder out; what it says of a folder must be true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment import task_definitions
from greenbench.experiment.config import Config, read_config
from greenbench.experiment.folders import FOLDER_NAME, folder_problems, list_folders
from greenbench.experiment.row_problems import (
    checklist_problems,
    folder_name,
    is_task_name,
    models_of,
    task_problems,
    tasks_of,
    variant_problems,
)
from greenbench.experiment.tables import cell, read_tables
from greenbench.experiment.task_knobs import (
    absent_knobs,
    foreign_knob_problems,
    same_knob_problems,
)
from greenbench.options import BASELINE, extended
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from greenbench.experiment.markdown import Row
    from greenbench.experiment.tables import Tables
    from greenbench.options import Options, OwnKnob
    from greenbench.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A row of the tasks table, with the model that the models table gives it."""

    name: str
    description: str
    data_set: str
    split: str
    model: str
    """Name of the model, ``M2``; empty for a task that needs no checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A row of the models table."""

    name: str
    base_model: str
    tasks: tuple[str, ...]
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What ``experiment.md`` and ``variants/`` agree on, in the order of the tables."""

    tasks: tuple[TaskRow, ...]
    models: tuple[ModelRow, ...]
    variants: tuple[Variant, ...]
    baseline: Options = BASELINE
    """V0's options: all knobs, with those that the suite declares."""
    definitions: Mapping[str, Task] = field(default_factory=dict)
    """What each task is, by its name."""
    root: Path | None = None
    """The folder of ``experiment.md``; None for a matrix of no file."""

    def model_of(self, task: str) -> str:
        """Return the name of the model that the models table gives ``task``."""
        (row,) = [row for row in self.tasks if row.name == task]
        return row.model

    @property
    def uses_torch(self) -> bool:
        """Whether torch runs a task, so that its devices are the cells'."""
        return any(task.torch for task in self.definitions.values())

    @property
    def scores(self) -> dict[str, dict[str, bool]]:
        """The scores that each task can give, and whether more of each is better."""
        return {name: dict(task.scores) for name, task in self.definitions.items()}

    @property
    def absent_knobs(self) -> frozenset[str]:
        """The knobs that no task of the suite has."""
        return absent_knobs(list(self.definitions.values()), self.baseline)

    @property
    def options(self) -> dict[str, Options]:
        """The options of each variant, by its name."""
        return {variant.name: variant.options for variant in self.variants}


def load(experiment: Path, variants_dir: Path) -> Experiment:
    """Read ``experiment`` (a Markdown file) and the folders of ``variants_dir``.

    Raises Disagreements, with every problem in either and between them, or with the path of an
    ``experiment`` that does not exist.
    """
    if _is_missing(experiment):
        give = "give the folder that the suite's experiment.md is in"
        raise Disagreements([f"{experiment}: there is no such file; {give}"])
    tables = read_tables(experiment)
    folders = list_folders(variants_dir)
    definitions, undefined = _definitions(tables, experiment.parent)
    own: dict[str, OwnKnob] = {}
    for task in definitions.values():
        own |= {knob.knob: knob for knob in task.own_knobs if knob.knob not in own}
    baseline = extended(list(own.values())) if own else BASELINE
    tasks = list(definitions.values())
    configs = _read_configs(folders, baseline, absent_knobs(tasks, baseline))
    problems = [
        *tables.problems,
        *undefined,
        *same_knob_problems(tasks),
        *_row_problems(tables, folders, configs, definitions),
        *folder_problems(variants_dir),
    ]
    for config in configs.values():
        if not undefined:  # which may declare the knobs that a config sets
            problems += config.problems
    if problems:
        raise Disagreements(problems)
    task_rows = [_task(row, tables) for row in tables.rows("Tasks")]
    models = [_model(row) for row in tables.rows("Models")]
    variants = [_variant(row, folders, configs) for row in tables.rows("Variants")]
    foreign = foreign_knob_problems(variants, tasks)
    if foreign:
        raise Disagreements(foreign)
    return Experiment(
        tasks=tuple(task_rows),
        models=tuple(models),
        variants=tuple(variants),
        definitions=definitions,
        baseline=baseline,
        root=experiment.parent,
    )


def _definitions(tables: Tables, root: Path) -> tuple[dict[str, Task], list[str]]:
    """Return what each task is, by its name, and what is wrong with definitions."""
    found: dict[str, Task] = {}
    problems: list[str] = []
    for row in tables.rows("Tasks"):
        name = cell(row, "Task")
        if name in found or not is_task_name(name):
            continue  # which ``task_problems`` reports
        try:
            found[name] = task_definitions.find(name, root)
        except Disagreements as error:
            problems += error.problems
        except UsageError as error:
            problems.append(f"{tables.where}:{row.line}: {error}")
    return found, problems


def _is_missing(path: Path) -> bool:
    """Whether nothing is at ``path``; of what is there but cannot be read, its reader says why."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def _read_configs(
    folders: Mapping[str, Path], baseline: Options, absent: Collection[str]
) -> dict[str, Config]:
    configs = {}
    for name, folder in folders.items():
        if FOLDER_NAME.fullmatch(name):
            configs[name] = read_config(folder, baseline, absent)
    return configs


def _row_problems(
    tables: Tables,
    folders: Mapping[str, Path],
    configs: Mapping[str, Config],
    definitions: Mapping[str, Task],
) -> list[str]:
    """Return what is wrong with rows of the tables, in the order of their lines."""
    problems = [
        *task_problems(tables, _without_model(tables, definitions)),
        *variant_problems(tables, folders, configs),
        *checklist_problems(tables, folders),
    ]
    return [f"{tables.where}:{line}: {sentence}" for line, sentence in sorted(problems)]


def _without_model(tables: Tables, definitions: Mapping[str, Task]) -> set[str]:
    """Return the names of the tasks whose own code makes the model, or that are not defined."""
    names = set()
    for row in tables.rows("Tasks"):
        name = cell(row, "Task")
        task = definitions.get(name)
        if task is None or task.model_handle is not None:
            names.add(name)
    return names


def ambiguous_keyword(keyword_expr: str, names: Sequence[str]) -> str | None:
    """Return a hint if pytest's ``-k V1`` selects ``V10_...`` too, else None.

    ``keyword_expr`` is the argument of ``-k``; ``names`` are folder names or cell ids. ``-k``
    searches for a substring and ignores case, so ``V1`` is in ``V10_data``; ``V1_`` is not.
    """
    for short in re.findall(r"\bV\d+\b", keyword_expr, re.IGNORECASE):
        intended = []
        others = []
        for name in names:
            if re.search(rf"\b{short}_", name, re.IGNORECASE):
                intended.append(name)
            elif short.casefold() in name.casefold():
                others.append(name)
        if intended and others:
            better = re.sub(rf"\b{short}\b", f"{short}_", keyword_expr)
            quoted = f'"{better}"' if " " in better else better
            remedy = f"use -k {quoted} for {', '.join(intended)} alone"
            return f"-k {keyword_expr} also selects {', '.join(others)}; {remedy}"
    return None


def _task(row: Row, tables: Tables) -> TaskRow:
    name = cell(row, "Task")
    return TaskRow(
        name=name,
        description=cell(row, "Description"),
        data_set=cell(row, "Data set"),
        split=cell(row, "Split notes"),
        model=next(iter(models_of(name, tables)), ""),
    )


def _model(row: Row) -> ModelRow:
    return ModelRow(
        name=cell(row, "Model"),
        base_model=cell(row, "Base model"),
        tasks=tasks_of(row),
        notes=cell(row, "Notes"),
    )


def _variant(row: Row, folders: Mapping[str, Path], configs: Mapping[str, Config]) -> Variant:
    name = folder_name(row)
    config = configs[name]
    return Variant(
        name=name,
        title=cell(row, "Variant"),
        options=config.options,
        folder=folders[name],
        sweep=config.sweep,
    )
