"""Loads results files, and folders of them. A file that cannot be read is named, not fatal."""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results.fields import Fields
from greenbench.results.files import RESULTS_FILES
from greenbench.results.json_files import read_json
from greenbench.results.reading import RunRecord, run_record
from greenbench.results.record import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = ("variant", "profile", "environment", "cells")


def load(path: Path) -> RunRecord:
    """Read a results file.

    Raises UsageError, which names the file, if it is none, is written by a newer greenbench, or
    contradicts itself.
    """
    try:
        data = read_json(path)
    except ValueError as error:
        raise UsageError(
            f"{path}: not a results file ({error}); delete it or give another"
        ) from error
    return parsed(data, str(path))


def parsed(data: object, origin: str) -> RunRecord:
    """Return the results file that ``data`` is; raises UsageError as ``load`` does."""
    if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
        raise UsageError(f"{origin}: not a results file; delete it or give another")
    fields = Fields(data, origin)
    refuse_newer(fields)
    lacking = [key for key in REQUIRED if key not in fields]
    if lacking:
        raise UsageError(
            f"{origin}: not a results file (it lacks {', '.join(lacking)}); "
            "delete it or give another"
        )
    return run_record(fields, origin)


def refuse_newer(fields: Fields) -> None:
    """Raise UsageError for a schema that this greenbench does not know."""
    schema = fields.integer("schema")
    if schema < 1:
        fields.refuse(f"schema {schema}", f"one from 1 to {SCHEMA}")
    if schema > SCHEMA:
        raise UsageError(
            f"{fields.place}: written with schema {schema}, and this greenbench reads up to "
            f"{SCHEMA}; update greenbench"
        )


def results_files(folder: Path) -> list[Path]:
    """Return the results files in ``folder``, oldest first a variant.

    A folder that does not exist has none. Raises UsageError if it cannot be listed.
    """
    try:
        names = fnmatch.filter(os.listdir(folder), RESULTS_FILES)  # noqa: PTH208  a path is slower
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(
            f"{folder}: its results files cannot be listed ({error.strerror})"
        ) from error
    return [folder / name for name in sorted(names)]


def load_folder(folder: Path) -> tuple[list[RunRecord], list[str]]:
    """Read all results files in ``folder``, oldest first, and say which could not be read.

    A folder that does not exist has none; one that cannot be listed is named too.
    """
    runs, problems = [], []
    try:
        paths = results_files(folder)
    except UsageError as error:
        return [], [str(error)]
    for path in paths:
        try:
            runs.append(load(path))
        except UsageError as error:
            problems.append(str(error))
    return runs, problems
