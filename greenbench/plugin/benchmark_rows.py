"""pytest-benchmark's rows of what workers measured, rebuilt in the process that saves and compares.

pytest-benchmark switches itself off under pytest-xdist. To measure nevertheless, this leans on
names that it does not promise, in the versions of ``SUPPORTED``; a test pins them.
"""

from __future__ import annotations

import json
from importlib import metadata
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from greenbench.results.record import Json

SUPPORTED = SpecifierSet(">=5.2,<6")
"""Versions of pytest-benchmark, as pyproject.toml has them."""


def refuse_version(version: str) -> None:
    """Raise UsageError for a version of pytest-benchmark whose inner names are not known."""
    if not SUPPORTED.contains(version, prereleases=True):
        raise UsageError(
            f"-n: pytest-benchmark {version} is installed, and greenbench measures under "
            f"pytest-xdist with {SUPPORTED}: install one of these, or run without -n"
        )


def installed_version() -> str:
    """Return the version of pytest-benchmark."""
    return metadata.version("pytest-benchmark")


def measures(config: pytest.Config) -> bool:
    """Whether the command line lets pytest-benchmark measure, whatever it makes of xdist."""
    benchmarks = getattr(config, "_benchmarksession", None)
    if benchmarks is None or benchmarks.skip:
        return False
    return bool(config.getoption("benchmark_enable")) or not config.getoption("benchmark_disable")


def taken_row(benchmark: Any, config: pytest.Config, test: str) -> Json:
    """Take the row of a finished test out of a worker's own session, as plain builtins.

    ``test`` is the node id that the row is saved under. The record of greenbench stays behind: it
    travels by itself.
    """
    from pytest_benchmark.utils import safe_dumps

    own = benchmark.stats
    config._benchmarksession.benchmarks.remove(own)  # type: ignore[attr-defined]  # noqa: SLF001
    row: Json = own.as_dict(stats=False)
    row["extra_info"] = {k: v for k, v in row["extra_info"].items() if k != "greenbench"}
    name = test.rpartition("::")[2]
    row |= {"fullname": test, "name": name, "iterations": own.iterations}
    if row["param"] is not None:
        row["param"] = name.partition("[")[2].removesuffix("]")
    row |= {"seconds": list(own.stats.data), "has_error": own.has_error}
    builtins: Json = json.loads(safe_dumps(row))
    return builtins


class BenchmarkRows:
    """The rows of a session whose tests ran in workers, one for all rounds of a cell."""

    def __init__(self, config: pytest.Config) -> None:
        """Begin without any."""
        self._config = config
        self._latest: dict[str, Any] = {}
        self._blocks: dict[str, set[int]] = {}

    def add(self, row: Json, record: Json, block: int) -> None:
        """Add the seconds of a test, or of one ``block`` of a cell, and the record so far.

        A first block that is measured again begins a new row, as it does without workers.
        """
        test = row["fullname"]
        if test not in self._latest or (block == 0 and 0 in self._blocks[test]):
            self._latest[test] = self._begun(row)
            self._blocks[test] = set()
        self._blocks[test].add(block)
        latest = self._latest[test]
        for seconds in row["seconds"]:
            latest.stats.update(seconds)
        latest.extra_info["greenbench"] = record

    def take_over(self, rows: Mapping[str, Any]) -> None:
        """Go on from the rows, by test, of rounds that another session measured."""
        for test, row in rows.items():
            self._latest[test] = row
            rounds = row.extra_info["greenbench"]["rounds"]
            self._blocks[test] = {one_round["block"] or 0 for one_round in rounds}

    def replace(self, test: str, record: Json | None) -> None:
        """Replace the record in the row of a test, if it has both."""
        if test in self._latest and record is not None:
            self._latest[test].extra_info["greenbench"] = record

    def _begun(self, row: Json) -> Any:
        from pytest_benchmark.stats import Metadata

        fixture = SimpleNamespace(**row, cprofile_stats=None)
        begun = Metadata(fixture, row["iterations"], row["options"])
        self._config._benchmarksession.benchmarks.append(begun)  # type: ignore[attr-defined]  # noqa: SLF001
        return begun
