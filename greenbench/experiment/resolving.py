"""The value of each option: the command line goes before ``[tool.greenbench]`` and the defaults.

A wrong value is a sentence that names the option, what was found and what is allowed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenbench.errors import Disagreements, UsageError
from greenbench.experiment.option_parsers import RawOption
from greenbench.experiment.pyproject import nearest_settings, read_pyproject
from greenbench.experiment.settings import OPTIONS, Settings
from greenbench.options import BASELINE
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from greenbench.experiment.settings import Option
    from greenbench.options import Options

BUILT_IN_SCORES = {name: dict(task.scores) for name, task in BUILT_IN.items()}
NONE = "none"
"""On the command line, in place of a gate: what pyproject.toml has is left out."""


def resolve_settings(
    command_line: Callable[[str], object],
    root: Path,
    *,
    tasks: Sequence[str],
    models: Sequence[str],
    scores: Mapping[str, Mapping[str, bool]] | None = None,
    places: Sequence[Path] = (),
    baseline: Options = BASELINE,
    absent: Collection[str] = (),
) -> Settings:
    """Return every option's value: the command line's, else pyproject.toml's, else the default.

    ``command_line`` returns the value of a flag, None if it was not given. ``tasks`` and ``models``
    are the names that options may refer to, ``scores`` those of each task (None: those of
    greenbench's own tasks) with their directions, the knobs are those of ``baseline``, of which no
    task has those that are ``absent``, and relative paths start from ``root``. The pyproject.toml
    is the nearest one with settings, upwards from ``places``, then from ``root``.
    Raises Disagreements, with a sentence for each option that is wrong.
    """
    table = _table(root, places)
    values: dict[str, Any] = {}
    problems = []
    names = RawOption(
        flag="",
        value=None,
        tasks=tasks,
        models=models,
        scores=scores or BUILT_IN_SCORES,
        root=root,
        baseline=baseline,
        absent=absent,
    )
    for known in OPTIONS:
        typed = command_line(known.flag)
        value = _value(known, typed, table)
        raw = replace(names, flag=known.flag, value=value)
        try:
            if _is_empty(typed):
                typed_alone = replace(raw, value=typed)
                raise typed_alone.error("give a value, or leave the option out")
            values[known.field] = known.parse(raw)
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise Disagreements(problems)
    return Settings(**values)


def other_matrix(
    command_line: Callable[[str], object], root: Path, places: Sequence[Path] = ()
) -> Path | None:
    """Return the experiment.md that ``--green-matrix`` names; None without that option.

    It is found before the other options, whose values may name tasks of that matrix. Arguments are
    those of ``resolve_settings``. Raises UsageError if there is no such file.
    """
    (known,) = [option for option in OPTIONS if option.field == "matrix"]
    value = _value(known, command_line(known.flag), _table(root, places))
    file: Any = known.parse(RawOption(known.flag, value, root=root))
    return None if file is None else Path(file)


def _table(root: Path, places: Sequence[Path]) -> Mapping[str, object]:
    """Return the settings of the nearest pyproject.toml; empty if none has any."""
    folder = nearest_settings([*places, root])
    return {} if folder is None else read_pyproject(folder)


def _value(option: Option, typed: object, table: Mapping[str, object]) -> object:
    """Return what the command line, pyproject.toml and the default say together."""
    written = table.get(option.name, option.default)
    if typed is None:
        return written
    if not option.adds or not isinstance(typed, list):
        return typed
    if NONE in typed:
        return [entry for entry in typed if entry != NONE]
    if isinstance(written, list):
        return [*written, *typed]
    if isinstance(written, str):
        return [written, *typed]
    return typed if written is None else written  # a wrong one, which its parser refuses


def _is_empty(typed: object) -> bool:
    """Whether an option has an empty value on the command line, as of an unset variable."""
    entries = typed if isinstance(typed, list) else [typed]
    return any(isinstance(entry, str) and not entry.strip() for entry in entries)
