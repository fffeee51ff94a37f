"""A suite in a folder of any repository: its benchmarks run if the command line names them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from greenbench.plugin.hooks import use_matrix

if TYPE_CHECKING:
    from pathlib import Path

BENCH = "bench"
"""The folder of a suite's benchmarks."""


class UnrequestedBenchmarks:
    """Leaves a suite's benchmarks out of a session that runs the tests around them."""

    def __init__(self, folder: Path) -> None:
        """Leave out what is in ``folder``."""
        self._folder = folder
        self._left_out = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore the folder's files; of others, let the other plugins decide."""
        if not collection_path.is_relative_to(self._folder):
            return None
        self._left_out = True
        return True

    def pytest_report_collectionfinish(self, start_path: Path) -> list[str]:
        """Say that benchmarks were left out, and how they are measured."""
        if not self._left_out:
            return []
        place = os.path.relpath(self._folder, start_path)
        return [f"greenbench: left out are the benchmarks in {place}; `pytest {place}` measures"]


def use_suite(config: pytest.Config, folder: Path) -> None:
    """Measure the suite in ``folder`` if the command line names ``bench`` in it, or a part of it.

    For the conftest.py of the folder ``bench``, whichever configuration the repository has. In any
    other session, as a bare ``pytest`` is, the benchmarks are left out. Raises pytest.UsageError as
    ``use_matrix`` does.
    """
    folder = folder.resolve()
    start = config.invocation_params.dir
    named = [(start / argument.split("::")[0]).resolve() for argument in config.args]
    if any(path.is_relative_to(folder / BENCH) for path in named):
        use_matrix(config, folder / "experiment.md", folder / "variants")
    else:
        benchmarks = UnrequestedBenchmarks(folder / BENCH)
        config.pluginmanager.register(benchmarks, f"greenbench-unrequested-{folder}")
