"""Measures energy, time and quality of machine-learning pipelines, with pytest-benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.analysis.analyse import analyse as analyse

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import ``analyse`` when it is first asked for: NumPy would slow every command down."""
    if name == "analyse":
        from greenbench.analysis.analyse import analyse

        return analyse
    raise AttributeError(f"module 'greenbench' has no attribute {name!r}")
