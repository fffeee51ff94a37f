"""Loads the experiment: ``experiment.md``, held against the folders under ``variants/``.

``experiment.md`` is what people read and edit; the folders are what runs. ``load`` refuses to go on until both say the
same, and lists everything that differs at once. It neither runs nor plans anything, and imports nothing that is slow.

How a row of the variants table is read:

* A stage's cell *inherits* where it holds a dash of any kind, a cross or nothing. Any other text, a check mark too,
  claims that the stage differs from the baseline. ``config.yaml`` must bear that out; the wording is the author's.
* The row named ``Baseline`` describes the baseline: its cells are free text, and its folder changes nothing.
* A folder without ``config.yaml``, or with one that sets nothing, *is* the baseline. Its row says so: it is named
  ``Baseline``, or all its stage cells inherit.

The directory checklist may leave a folder out; what it says of a folder must be true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import Disagreements
from greenbench.experiment.config import Config, did_you_mean, read_config
from greenbench.experiment.folders import FOLDER_NAME, folder_problems, list_folders, shown
from greenbench.experiment.tables import VARIANT_FILES, Tables, cell, inherits, mark, read_tables
from greenbench.options import STAGES, knobs
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from greenbench.experiment.markdown import Row

_NAMES = {"Task": re.compile(r"T\d+"), "Model": re.compile(r"M\d+")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A row of the tasks table, with the model that the models table gives it."""

    name: str
    description: str
    data_set: str
    split: str
    model: str
    """Name of the model, ``M2``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A row of the models table."""

    name: str
    base_model: str
    tasks: tuple[str, ...]
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What ``experiment.md`` and ``variants/`` agree on, in the order of the tables."""

    tasks: tuple[Task, ...]
    models: tuple[Model, ...]
    variants: tuple[Variant, ...]


def load(experiment: Path, variants_dir: Path) -> Experiment:
    """Read ``experiment`` (a Markdown file) and the folders of ``variants_dir``.

    Raises:
        Disagreements: with every problem found in either, and between them.

    """
    tables = read_tables(experiment)
    folders = list_folders(variants_dir)
    configs = {
        name: read_config(path) for name, path in folders.items() if FOLDER_NAME.fullmatch(name)
    }
    written = [
        *_task_problems(tables),
        *_variant_problems(tables, folders, configs),
        *_checklist_problems(tables, folders),
    ]
    problems = [
        *tables.problems,
        *(f"{tables.where}:{line}: {sentence}" for line, sentence in sorted(written)),
        *folder_problems(variants_dir),
        *(problem for config in configs.values() for problem in config.problems),
    ]
    if problems:
        raise Disagreements(problems)
    return Experiment(
        tasks=tuple(_task(row, tables) for row in tables.rows("Tasks")),
        models=tuple(_model(row) for row in tables.rows("Models")),
        variants=tuple(_variant(row, folders, configs) for row in tables.rows("Variants")),
    )


def ambiguous_keyword(keyword_expr: str, names: Sequence[str]) -> str | None:
    """Return a hint where pytest's ``-k`` takes ``V1`` for ``V10_...`` too, else None.

    ``keyword_expr`` is what stands behind ``-k``; ``names`` are folder names or cell ids. ``-k`` looks for a substring
    and ignores case, so ``V1`` is in ``V10_data``; ``V1_`` is not.
    """
    for short in re.findall(r"\bV\d+\b", keyword_expr, re.IGNORECASE):
        meant = [n for n in names if re.search(rf"\b{short}_", n, re.IGNORECASE)]
        others = [n for n in names if short.casefold() in n.casefold() and n not in meant]
        if meant and others:
            better = re.sub(rf"\b{short}\b", f"{short}_", keyword_expr)
            quoted = f'"{better}"' if " " in better else better
            return f"-k {keyword_expr} also selects {', '.join(others)}; use -k {quoted} for {', '.join(meant)} alone"
    return None


def _task_problems(tables: Tables) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with names in the tasks and models tables, and between the two."""
    yield from _name_problems(tables.rows("Tasks"), "Task")
    yield from _name_problems(tables.rows("Models"), "Model")
    if not {"Tasks", "Models"} <= tables.found.keys():
        return
    known = [cell(r, "Task") for r in tables.rows("Tasks")]
    for row in tables.rows("Tasks"):
        models = _models_of(cell(row, "Task"), tables)
        if len(models) != 1:
            found = f"{len(models)} models ({', '.join(models)})" if models else "no model"
            yield (
                row.line,
                f"{cell(row, 'Task')} has {found} in the models table; name it in one model's Tasks column",
            )
    for row in tables.rows("Models"):
        for name in _model(row).tasks:
            if name not in known:
                yield (
                    row.line,
                    f"{cell(row, 'Model')} is for {name}, which has no row in the tasks table; add or remove it",
                )


def _name_problems(rows: Sequence[Row], column: str) -> Iterator[tuple[int, str]]:
    seen: dict[str, int] = {}
    for row in rows:
        name = cell(row, column)
        if not _NAMES[column].fullmatch(name):
            yield (
                row.line,
                f"'{name}' is no {column.lower()}'s name; a name is {column[0]}<number>, like {column[0]}2",
            )
        elif name in seen:
            yield row.line, f"{name} has a row already on line {seen[name]}; keep one"
        seen.setdefault(name, row.line)


def _variant_problems(
    tables: Tables, folders: Mapping[str, Path], configs: Mapping[str, Config]
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the variants table's rows, and which folders it lacks."""
    if "Variants" not in tables.found:
        return
    table = tables.found["Variants"]
    for row, problem in _folder_cell_problems(table.rows, folders):
        if problem:
            yield row.line, problem
        elif row.width == len(table.columns):
            yield from ((row.line, s) for s in _stage_problems(row, folders, configs))
    for name in folders.keys() - {_folder_name(r) for r in table.rows}:
        if FOLDER_NAME.fullmatch(name):
            yield (
                table.line,
                f"{shown(folders[name])} has no row in this table; add one, or remove the folder",
            )


def _folder_cell_problems(
    rows: Sequence[Row], folders: Mapping[str, Path]
) -> Iterator[tuple[Row, str]]:
    """Yield each row and what is wrong with the folder it names, ``""`` where nothing is."""
    seen: dict[str, int] = {}
    for row in rows:
        name = _folder_name(row)
        problem = ""
        if not FOLDER_NAME.fullmatch(name):
            problem = f"'{name}' is no variant's folder name; a name is V<number>_<name>, like V8_arch_system"
        elif name in seen:
            problem = f"{name} has a row already on line {seen[name]}; keep one"
        elif name not in folders:
            problem = f"{name} has no folder; make variants/{name}, or remove the row{did_you_mean(name, folders)}"
        seen.setdefault(name, row.line)
        yield row, problem


def _stage_problems(
    row: Row, folders: Mapping[str, Path], configs: Mapping[str, Config]
) -> Iterator[str]:
    """Yield where the row's stage cells and the folder's config disagree."""
    name, title = _folder_name(row), cell(row, "Variant")
    config = configs[name]
    config_file = f"{shown(folders[name])}/config.yaml"
    if not title:
        yield f"{name} has no title; fill the column Variant"
    for stage in STAGES:
        claimed, line = not inherits(cell(row, stage)), config.changes.get(stage)
        says = f"{stage.capitalize()} of {name} says '{cell(row, stage)}'"
        if _is_baseline(title):
            if line:
                yield f"{name} is named Baseline, but {config_file}:{line} changes {stage}; a baseline changes nothing"
        elif line and not claimed:
            yield f"{says} (inherits), but {config_file}:{line} changes {stage}; name it here or remove it there"
        elif claimed and not line and not config.problems:
            yield f"{says}, but {_unchanged(folders[name], stage, config)}"


def _unchanged(folder: Path, stage: str, config: Config) -> str:
    if config.changes:
        remedy = f"write '-' here, or set one of: {', '.join(knobs(stage))}"
        return f"{shown(folder)}/config.yaml changes nothing in {stage}; {remedy}"
    state = "sets nothing" if (folder / "config.yaml").exists() else "is missing"
    remedy = "name the row Baseline, write '-' in every stage, or say there what changes"
    return f"{shown(folder)}/config.yaml {state}, so the folder is the baseline; {remedy}"


def _checklist_problems(tables: Tables, folders: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    for row, problem in _folder_cell_problems(tables.rows("Directory checklist"), folders):
        if problem:
            yield row.line, problem
        elif row.width == len(tables.found["Directory checklist"].columns):
            yield from ((row.line, s) for s in _mark_problems(row, folders[_folder_name(row)]))


def _mark_problems(row: Row, folder: Path) -> Iterator[str]:
    for file in VARIANT_FILES:
        text = cell(row, file)
        says, is_there = mark(text), (folder / file).is_file()
        if says is None:
            yield f"{file} of {folder.name} says '{text}', which is neither a check mark nor a cross; write ✓ or ✗"
        elif says != is_there:
            truth = "exists" if is_there else "does not exist"
            yield f"{file} of {folder.name} says '{text}', but {shown(folder)}/{file} {truth}; mend the mark"


def _task(row: Row, tables: Tables) -> Task:
    name = cell(row, "Task")
    return Task(
        name=name,
        description=cell(row, "Description"),
        data_set=cell(row, "Data set"),
        split=cell(row, "Split notes"),
        model=_models_of(name, tables)[0],
    )


def _model(row: Row) -> Model:
    return Model(
        name=cell(row, "Model"),
        base_model=cell(row, "Base model"),
        tasks=tuple(re.findall(r"\bT\d+\b", cell(row, "Tasks"))),
        notes=cell(row, "Notes"),
    )


def _models_of(task: str, tables: Tables) -> list[str]:
    return [m.name for m in map(_model, tables.rows("Models")) if task in m.tasks]


def _variant(row: Row, folders: Mapping[str, Path], configs: Mapping[str, Config]) -> Variant:
    name = _folder_name(row)
    config = configs[name]
    return Variant(
        name=name,
        title=cell(row, "Variant"),
        options=config.options,
        folder=folders[name],
        sweep=config.sweep,
    )


def _folder_name(row: Row) -> str:
    """Return the folder that a row names, whether as ``V1_data`` or as ``variants/V1_data/``."""
    return cell(row, "Folder").rstrip("/").rpartition("/")[2]


def _is_baseline(title: str) -> bool:
    return re.match(r"baseline\b", title, re.IGNORECASE) is not None
