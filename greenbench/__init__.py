"""Measures energy, time and quality of machine-learning pipelines, with pytest-benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.analysis.analyse import analyse as analyse
    from greenbench.export.table import load as load
    from greenbench.knobs.own import knob as knob
    from greenbench.knobs.own import proof as proof

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import a function when it is first asked for: NumPy would slow every command down."""
    if name == "analyse":
        from greenbench.analysis.analyse import analyse

        return analyse
    if name == "load":
        from greenbench.export.table import load

        return load
    if name in {"knob", "proof"}:
        from greenbench.knobs import own

        found: object = getattr(own, name)
        return found
    raise AttributeError(f"module 'greenbench' has no attribute {name!r}")
