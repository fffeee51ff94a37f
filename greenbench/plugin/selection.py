"""What the command line selects: which tests, and which saved run to compare with."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from greenbench.types import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


SELECTION: pytest.StashKey[Selection] = pytest.StashKey()
LISTING_OPTIONS = ("collectonly", "showfixtures", "show_fixtures_per_test")
PATTERN_PARTS = 2
"""Of pytest-benchmark's patterns for saved runs: a folder's and a file's."""


class Selection:
    """Which tests run that measure, and which ones a person left out."""

    def __init__(self, config: pytest.Config) -> None:
        """Know the command line; the tests come with ``deselect`` and ``select``."""
        self.functions: list[str] = []
        """Node ids of selected tests that measure plain functions."""
        self._config = config
        self._start = config.invocation_params.dir
        self._deselected: set[str] = set()

    def deselect(self, items: Sequence[pytest.Item]) -> None:
        """Note tests that were collected and then left out: by ``-k``, ``-m``, ``--deselect``."""
        self._deselected.update(item.nodeid for item in items)
        self._deselected.update(cell.id for cell in selected_cells(items))

    def select(self, items: Sequence[pytest.Item]) -> None:
        """Note the tests of plain functions among those that will run."""
        for item in items:
            if "measure" in getattr(item, "fixturenames", ()) and cell_of(item) is None:
                self.functions.append(item.nodeid)

    def leaves_out(self, cell: str, test: str | None) -> bool:
        """Whether a person left out a cell of the compared run, which ``test`` measured there.

        Of a results file no test is known: then a file on the command line leaves out all others.
        """
        if (
            cell in self._deselected
            or test in self._deselected
            or self._config.getoption("lf", None)
        ):
            return True
        if test is None:
            return any("::" in a or a.endswith(".py") for a in self._config.args)
        return self._is_ignored(test) or not self._is_named(test)

    def _is_named(self, test: str) -> bool:
        """Whether the arguments, if there are any, lead to a test."""
        config = self._config
        if config.args_source != pytest.Config.ArgsSource.ARGS or config.getoption("pyargs", None):
            return True
        _, _, inner = test.partition("::")
        for argument in config.args:
            place, _, within = argument.partition("::")
            if not self._file(test).is_relative_to((self._start / place).resolve()):
                continue
            if not within or inner == within or inner.startswith((f"{within}::", f"{within}[")):
                return True
        return False

    def _is_ignored(self, test: str) -> bool:
        """Whether ``--ignore`` or ``--ignore-glob`` leaves out the file of a test."""
        file = self._file(test)
        for place in self._config.getoption("ignore", None) or ():
            if file.is_relative_to((self._start / place).resolve()):
                return True
        for pattern in self._config.getoption("ignore_glob", None) or ():
            glob = str(self._start / pattern)
            if any(fnmatch.fnmatch(str(path), glob) for path in (file, *file.parents)):
                return True
        return False

    def _file(self, test: str) -> Path:
        return (self._config.rootpath / test.partition("::")[0]).resolve()


def selection_of(config: pytest.Config) -> Selection:
    """Return the session's selection; whoever asks first makes it."""
    return config.stash.setdefault(SELECTION, Selection(config))


def selected_cells(items: Sequence[pytest.Item]) -> list[Cell]:
    """Return the cells that the benchmarks among ``items`` will run."""
    cells = []
    for item in items:
        cell = cell_of(item)
        if cell is not None and not cell.block:
            cells.append(cell)
    return cells


def leave_out_others(
    config: pytest.Config, items: list[pytest.Item], takes_part: Callable[[Cell], bool]
) -> None:
    """Deselect cells that take no part where the session makes up variants, and tests without any.

    The cells stay in the matrix, so that gates and compared runs treat them as if ``-k`` left them
    out. A test has no cell if the matrix of ``--green-matrix`` lacks its task.
    """
    kept: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        cell = cell_of(item)
        stays = not _lacks_cells(item) and (cell is None or takes_part(cell))
        (kept if stays else others).append(item)
    if others:
        items[:] = kept
        config.hook.pytest_deselected(items=others)


def _lacks_cells(item: pytest.Item) -> bool:
    """Whether a benchmark of cells has none: pytest then gives it a placeholder."""
    call = getattr(item, "callspec", None)
    if call is None or not item.get_closest_marker("greenbench"):
        return False
    return "cell" in call.params and cell_of(item) is None


def cell_of(item: pytest.Item) -> Cell | None:
    """Return the cell that a benchmark measures; None for every other test."""
    call = getattr(item, "callspec", None)
    # Another test's argument of that name is its own business.
    if call is None or not item.get_closest_marker("greenbench"):
        return None
    cell = call.params.get("cell")
    return cell if isinstance(cell, Cell) else None


def sources_of(session: pytest.Session) -> list[Path]:
    """Return the files of the tests that measure cells, and every conftest.py that was loaded."""
    files = {item.path for item in session.items if cell_of(item) is not None}
    for plugin in session.config.pluginmanager.get_plugins():
        file = Path(getattr(plugin, "__file__", None) or "")
        if file.name == "conftest.py":
            files.add(file)
    return sorted(files)


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
