"""pytest-benchmark's rows from workers, and the inner names of it that they lean on."""

from __future__ import annotations

import inspect
import json
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.session import BenchmarkSession
from pytest_benchmark.stats import Metadata, Stats
from pytest_benchmark.utils import safe_dumps

from greenbench.errors import UsageError
from greenbench.plugin.benchmark_rows import (
    SUPPORTED,
    BenchmarkRows,
    installed_version,
    refuse_version,
    taken_row,
)

TEST = "bench/test_a.py::test_a[V0]"


def config_of(benchmarks: list) -> SimpleNamespace:
    """Return a stand-in for pytest's config with pytest-benchmark's session."""
    return SimpleNamespace(_benchmarksession=SimpleNamespace(benchmarks=benchmarks))


def measured(*seconds: float, info: dict | None = None) -> SimpleNamespace:
    """Return pytest-benchmark's fixture after it measured."""
    fixture = SimpleNamespace(
        name="test_a[V0-round2]",
        fullname=f"{TEST[:-1]}-round2]",
        group="g",
        param="V0-round2",
        params={"cell": object()},
        extra_info=info or {},
        cprofile_stats=None,
        has_error=False,
    )
    fixture.stats = Metadata(fixture, 1, {"timer": len, "min_rounds": 5})
    for value in seconds:
        fixture.stats.update(value)
    return fixture


def test_a_row_crosses_processes_as_plain_json() -> None:
    """Under its cell's id; it leaves the worker's own session, and the record travels by itself."""
    benchmark = measured(0.5, info={"greenbench": {"id": "V0"}, "other": 1})
    config = config_of([benchmark.stats])
    row = taken_row(benchmark, config, TEST)
    assert config._benchmarksession.benchmarks == []
    assert json.loads(json.dumps(row)) == row
    assert (row["fullname"], row["name"], row["param"]) == (TEST, "test_a[V0]", "V0")
    assert (row["seconds"], row["extra_info"]) == ([0.5], {"other": 1})
    assert row["options"] == {"timer": "len", "min_rounds": 5}


def test_rounds_share_a_row_in_whatever_order_they_end() -> None:
    """With the newest record; a first block that is measured again begins a new row."""
    config = config_of([])
    rows = BenchmarkRows(config)
    row = taken_row(one := measured(0.5), config_of([one.stats]), TEST)
    rows.add({**row, "seconds": [2.0]}, {"n": 1}, block=1)
    rows.add({**row, "seconds": [1.0]}, {"n": 2}, block=0)
    (saved,) = config._benchmarksession.benchmarks
    assert saved.as_dict()["stats"]["data"] == [2.0, 1.0]
    assert saved.extra_info["greenbench"] == {"n": 2}
    assert not saved.has_error
    rows.add({**row, "seconds": [3.0]}, {"n": 3}, block=0)
    assert [row.stats.data for row in config._benchmarksession.benchmarks] == [[2.0, 1.0], [3.0]]


def test_pytest_benchmark_has_the_inner_names_that_are_used() -> None:
    """What it does not promise: if one is gone, ``-n`` needs another way, or another range."""
    refuse_version(installed_version())
    session = inspect.getsource(BenchmarkSession.__init__)
    for name in ("disabled", "skip", "only", "benchmarks", "xdist_warning", "storage"):
        assert f"self.{name} = " in session
    options = ("benchmark_only", "benchmark_disable", "benchmark_enable", "benchmark_compare")
    for option in options:
        assert f"config.getoption('{option}')" in session
    assert list(inspect.signature(Metadata).parameters) == ["fixture", "iterations", "options"]
    for name in ("as_dict", "update", "has_error"):
        assert hasattr(Metadata, name)
    assert Stats().data == []
    assert callable(Stats.update)
    assert "self.disabled" in inspect.getsource(BenchmarkFixture.enabled.fget)
    assert json.loads(safe_dumps({"a": 1})) == {"a": 1}


def test_the_supported_versions_are_those_that_the_package_requires() -> None:
    """Two places, one range."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    requirements = [Requirement(text) for text in project["project"]["dependencies"]]
    (wanted,) = [r.specifier for r in requirements if r.name == "pytest-benchmark"]
    assert wanted == SUPPORTED


@pytest.mark.parametrize("version", ["4.0.0", "5.1.9", "6.0"])
def test_another_version_is_refused_with_the_range(version: str) -> None:
    """Instead of failing somewhere within it."""
    with pytest.raises(UsageError, match=rf"pytest-benchmark {version} .*(>=5.2,<6|<6,>=5.2)"):
        refuse_version(version)
    assert not SUPPORTED.contains(version)


@pytest.mark.parametrize("version", ["5.2.0", "5.9.1"])
def test_versions_in_the_range_pass(version: str) -> None:
    """The ends are those of the range."""
    refuse_version(version)
    assert SUPPORTED.contains(version)
