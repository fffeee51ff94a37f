"""Task T1, code translation: fine-tune on pairs of programs, translate the held-out ones, run them.

pytest bench -k "V7 and T1"                one variant
pytest bench -k "T1 and (V0 or V7)"        a variant beside the baseline
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenbench.pipeline import Pipeline
    from greenbench.types import CellResult


@pytest.mark.greenbench(task="T1")
def test_translation(pipeline: Pipeline, measure: Callable[[Pipeline], CellResult]) -> None:
    """The variant trains, translates every held-out program, and leaves a score."""
    result = measure(pipeline)
    assert result.quality["bleu"].value is not None, result.quality["bleu"].reason
