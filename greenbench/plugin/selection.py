"""What the command line selects: which tests, and which saved run to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

LISTING_OPTIONS = ("collectonly", "showfixtures", "show_fixtures_per_test")
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
