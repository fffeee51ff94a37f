"""What the command line selects: which tests, and which saved run to compare with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTING_OPTIONS = ("collectonly", "showfixtures", "show_fixtures_per_test")
PATTERN_PARTS = 2
"""Of pytest-benchmark's patterns for saved runs: a folder's and a file's."""
SELECTING_OPTIONS = ("keyword", "deselect", "lf", "stepwise")
"""Options of pytest that leave out tests one by one."""


def compared(config: pytest.Config) -> Path | Sequence[Path] | None:
    """Return the file that ``--benchmark-compare`` names, or all saved runs that match it.

    Saved runs come oldest first; None if there is no such option.
    """
    requested = config.getoption("benchmark_compare", None)
    if not requested:
        return None
    if isinstance(requested, str):
        path = Path(requested)
        if path.suffix == ".json" or path.exists():
            return path
    pattern = "[0-9][0-9][0-9][0-9]_" if requested is True else requested
    storage = config._benchmarksession.storage  # type: ignore[attr-defined]  # noqa: SLF001  it alone knows where
    return list(storage.query(pattern))


def refuse_missing_file(config: pytest.Config) -> None:
    """Raise pytest.UsageError if ``--benchmark-compare`` names a path where no file is.

    pytest-benchmark takes it for a pattern, and ends the session with an internal error.
    """
    requested = config.getoption("benchmark_compare", None)
    if not isinstance(requested, str):
        return
    path = Path(requested)
    is_pattern = not path.is_absolute() and len(path.parts) <= PATTERN_PARTS
    if is_pattern or os.path.isfile(path):  # noqa: PTH113  a name that is too long is none either
        return
    raise pytest.UsageError(
        f"--benchmark-compare={requested}: there is no such file; name a saved run's number, or a "
        "file that --benchmark-json wrote"
    )


def runs_tests(config: pytest.Config) -> bool:
    """Whether tests run, and are not only listed, nor their fixtures."""
    return not any(config.getoption(name, None) for name in LISTING_OPTIONS)


def argument_paths(config: pytest.Config) -> list[Path]:
    """Return the files and folders that pytest collects, the folder it was started in last."""
    start = config.invocation_params.dir
    paths = [start / argument.partition("::")[0] for argument in config.args]
    return [*paths, start]


def selective(config: pytest.Config) -> str:
    """Say what was selected: ``files``, ``tests``, or nothing if the whole suite runs."""
    for argument in config.args:
        if "::" in argument or argument.endswith(".py"):
            return "files"
    if any(config.getoption(name, None) for name in SELECTING_OPTIONS):
        return "tests"
    return ""
