"""Measures energy, time and quality of machine-learning pipelines, with pytest-benchmark."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.analysis.analyse import analyse as analyse
    from greenbench.api.measure import measure as measure
    from greenbench.api.measured import measured as measured
    from greenbench.export.table import load as load
    from greenbench.knobs.own import knob as knob
    from greenbench.knobs.own import proof as proof

__version__ = "0.1.0"


PUBLIC = {
    "analyse": "greenbench.analysis.analyse",
    "knob": "greenbench.knobs.own",
    "load": "greenbench.export.table",
    "measure": "greenbench.api.measure",
    "measured": "greenbench.api.measured",
    "proof": "greenbench.knobs.own",
}
"""By name of a function: the module that has it."""


def __getattr__(name: str) -> object:
    """Import a function when it is first asked for: NumPy would slow every command down."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'greenbench' has no attribute {name!r}")
    module = importlib.import_module(PUBLIC[name])
    return getattr(module, name)
