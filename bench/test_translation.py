"""Task T1, code translation: fine-tune the model on pairs of programs, then translate the held-out ones and run them.

pytest bench -k "V7 and T1"                one variant
pytest bench -k "T1 and (V0 or V7)"        a variant beside the baseline
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from greenbench.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.machine.energy import Meter
    from greenbench.types import Cell, CellResult


@pytest.mark.greenbench(task="T1")
def test_translation(
    cell: Cell,
    dataset: Any,
    model: Any,
    toggles: Any,
    energy: Meter,
    power: Any,
    measure: Callable[..., CellResult],
) -> None:
    """The variant trains, translates every held-out program, and leaves a score."""
    result = measure(Pipeline(cell, dataset, model, toggles, energy, power))
    assert result.quality["bleu"].value is not None, result.quality["bleu"].reason
