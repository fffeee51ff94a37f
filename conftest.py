"""This suite: where its matrix is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.plugin import use_matrix

if TYPE_CHECKING:
    import pytest

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Read the matrix if benchmarks are requested, and only then."""
    if any(_in_bench(config.invocation_params.dir / arg.split("::")[0]) for arg in config.args):
        use_matrix(config, HERE / "experiment.md", HERE / "variants")


def _in_bench(path: Path) -> bool:
    """Whether ``path`` leads to benchmarks: the folder, something in it, or something around it."""
    bench = HERE / "bench"
    return path.resolve().is_relative_to(bench) or bench.is_relative_to(path.resolve())
