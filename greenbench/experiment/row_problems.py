"""Compares the rows of ``experiment.md`` with each other and with the folders under ``variants/``.

Every function yields problems: the line of a row, and one sentence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.experiment.folders import FOLDER_NAME, short_path
from greenbench.experiment.tables import VARIANT_FILES, cell, inherits, mark
from greenbench.experiment.texts import did_you_mean
from greenbench.gates.expression import METRICS, SAVED
from greenbench.options import STAGES, knobs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from greenbench.experiment.config import Config
    from greenbench.experiment.markdown import Row
    from greenbench.experiment.tables import Problem, Tables

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NAMES = {"Task": _WORD, "Model": re.compile(r"M\d+")}
_FORMS = {
    "Task": "a word of letters, digits and underscores, like T2 or sentiment",
    "Model": "M<number>, like M2",
}
_VARIANT = re.compile(r"V\d+(_\w+)?")


def folder_name(row: Row) -> str:
    """Return the folder that a row names, as ``V1_data`` or as ``variants/V1_data/``."""
    return cell(row, "Folder").rstrip("/").rpartition("/")[2]


def is_task_name(name: str) -> bool:
    """Whether a task may have this name."""
    return _WORD.fullmatch(name) is not None and not _taken(name)


def _taken(name: str) -> str:
    """Return what else is called so in gates and ids; empty if nothing is."""
    kinds = {"a stage": STAGES, "a metric": METRICS, "the compared run": (SAVED,)}
    for kind, names in kinds.items():
        if name in names:
            return kind
    return "a variant" if _VARIANT.fullmatch(name) else ""


def tasks_of(model: Row) -> tuple[str, ...]:
    """Return the names of the tasks in a row of the models table."""
    words = _WORD.findall(cell(model, "Tasks"))
    return tuple([word for word in words if word != "and"])


def models_of(task: str, tables: Tables) -> list[str]:
    """Return the names of the models that the models table gives ``task``."""
    return [cell(row, "Model") for row in tables.rows("Models") if task in tasks_of(row)]


def task_problems(tables: Tables, without_model: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what is wrong with names in the tasks and models tables, and between the two.

    Tasks ``without_model`` need no row of the models table.
    """
    yield from _name_problems(tables.rows("Tasks"), "Task")
    yield from _name_problems(tables.rows("Models"), "Model")
    if "Tasks" in tables.found and "Models" in tables.found:
        yield from _model_count_problems(tables, without_model)
        yield from _unknown_task_problems(tables)


def _name_problems(rows: Sequence[Row], column: str) -> Iterator[Problem]:
    first_lines: dict[str, int] = {}
    for row in rows:
        name = cell(row, column)
        if not _NAMES[column].fullmatch(name):
            form = _FORMS[column]
            yield row.line, f"'{name}' is not a {column.lower()}'s name; a name is {form}"
        elif column == "Task" and _taken(name):
            yield row.line, f"{name} is the name of {_taken(name)} too; give the task another one"
        elif name in first_lines:
            yield row.line, f"{name} already has a row on line {first_lines[name]}; keep one"
        first_lines.setdefault(name, row.line)


def _model_count_problems(tables: Tables, without_model: Collection[str]) -> Iterator[Problem]:
    for row in tables.rows("Tasks"):
        task = cell(row, "Task")
        models = models_of(task, tables)
        if len(models) == 1 or (task in without_model and not models):
            continue
        count = f"{len(models)} models ({', '.join(models)})" if models else "no model"
        remedy = "name it in one model's Tasks column"
        yield row.line, f"{task} has {count} in the models table; {remedy}"


def _unknown_task_problems(tables: Tables) -> Iterator[Problem]:
    known = [cell(row, "Task") for row in tables.rows("Tasks")]
    for row in tables.rows("Models"):
        for task in tasks_of(row):
            if task not in known:
                missing = "which has no row in the tasks table"
                yield row.line, f"{cell(row, 'Model')} is for {task}, {missing}; add or remove it"


def variant_problems(
    tables: Tables, folders: Mapping[str, Path], configs: Mapping[str, Config]
) -> Iterator[Problem]:
    """Yield what is wrong with the rows of the variants table, and which folders it lacks."""
    if "Variants" not in tables.found:
        return
    table = tables.found["Variants"]
    for row, problem in _with_folder_problems(table.rows, folders):
        if problem:
            yield row.line, problem
        elif row.width == len(table.columns):
            config = configs[folder_name(row)]
            for sentence in _stage_problems(row, folders[folder_name(row)], config):
                yield row.line, sentence
    named = set(map(folder_name, table.rows))
    for name, folder in folders.items():
        if name not in named and FOLDER_NAME.fullmatch(name):
            missing = f"{short_path(folder)} has no row in this table"
            yield table.line, f"{missing}; add one, or remove the folder"


def _with_folder_problems(
    rows: Sequence[Row], folders: Mapping[str, Path]
) -> Iterator[tuple[Row, str]]:
    """Yield each row and what is wrong with the folder that it names, ``""`` if nothing is."""
    first_lines: dict[str, int] = {}
    for row in rows:
        name = folder_name(row)
        problem = ""
        if not FOLDER_NAME.fullmatch(name):
            form = "V<number>_<name>, like V8_arch_system"
            problem = f"'{name}' is not a variant's folder name; a name is {form}"
        elif name in first_lines:
            problem = f"{name} already has a row on line {first_lines[name]}; keep one"
        elif name not in folders:
            remedy = f"make variants/{name}, or remove the row"
            problem = f"{name} has no folder; {remedy}{did_you_mean(name, folders)}"
        first_lines.setdefault(name, row.line)
        yield row, problem


def _stage_problems(row: Row, folder: Path, config: Config) -> Iterator[str]:
    """Yield where a row's stage cells and its folder's config disagree."""
    title = cell(row, "Variant")
    if not title:
        yield f"{folder.name} has no title; fill the column Variant"
    if re.match(r"baseline\b", title, re.IGNORECASE):
        yield from _baseline_problems(folder, config)
        return
    for stage in STAGES:
        yield from _claim_problems(cell(row, stage), stage, folder, config)


def _baseline_problems(folder: Path, config: Config) -> Iterator[str]:
    for stage in STAGES:
        if stage in config.changes:
            change = f"{short_path(folder)}/config.yaml:{config.changes[stage]} changes {stage}"
            yield f"{folder.name} is named Baseline, but {change}; a baseline changes nothing"


def _claim_problems(text: str, stage: str, folder: Path, config: Config) -> Iterator[str]:
    """Yield a problem if ``text``, a row's cell for ``stage``, and the config disagree."""
    line = config.changes.get(stage)
    claim = f"{stage.capitalize()} of {folder.name} says '{text}'"
    if line and inherits(text):
        change = f"{short_path(folder)}/config.yaml:{line} changes {stage}"
        yield f"{claim} (inherits), but {change}; name it here or remove it there"
    elif not line and not inherits(text) and not config.problems:
        yield f"{claim}, but {_unchanged(folder, stage, config)}"


def _unchanged(folder: Path, stage: str, config: Config) -> str:
    file = f"{short_path(folder)}/config.yaml"
    if config.changes:
        remedy = f"write '-' here, or set one of: {', '.join(knobs(stage))}"
        return f"{file} changes nothing in {stage}; {remedy}"
    state = "sets nothing" if (folder / "config.yaml").exists() else "is missing"
    remedy = "name the row Baseline, write '-' in every stage, or set there what changes"
    return f"{file} {state}, so the folder is the baseline; {remedy}"


def checklist_problems(tables: Tables, folders: Mapping[str, Path]) -> Iterator[Problem]:
    """Yield the rows of the directory checklist that are not true."""
    for row, problem in _with_folder_problems(tables.rows("Directory checklist"), folders):
        if problem:
            yield row.line, problem
        elif row.width == len(tables.found["Directory checklist"].columns):
            for sentence in _mark_problems(row, folders[folder_name(row)]):
                yield row.line, sentence


def _mark_problems(row: Row, folder: Path) -> Iterator[str]:
    for file in VARIANT_FILES:
        text = cell(row, file)
        claim = f"{file} of {folder.name} says '{text}'"
        exists = (folder / file).is_file()
        if mark(text) is None:
            yield f"{claim}, which is neither a check mark nor a cross; write ✓ or ✗"
        elif mark(text) != exists:
            truth = "exists" if exists else "does not exist"
            yield f"{claim}, but {short_path(folder)}/{file} {truth}; correct the mark"
