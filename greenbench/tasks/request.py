"""Which data a cell asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GENERATED = "generated"
SCORED = "scored_split"
"""Fact about the data: the split whose rows were scored, where that is not the test split."""
RULE, BALANCE = "random", "none"
"""How a profile's data are split, and how the rarer class is treated, if no option says."""


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """What the options say of one task's data."""

    source: str | Path
    columns: Mapping[str, str]
    sizes: tuple[int, int, int] | None
    seed: int
    asked: str = ""
    """The source as it was written, for results files; empty for ``source`` itself."""
    direction: str | None = None
    """``SRC:DST``, for tasks that have one; None takes the data's."""
    unsafe: bool = False
    """Whether generated programs may be run without a sandbox."""
    max_chars: int | None = None
    """Examples with more characters are left out, if the task can do that."""
    rule: str | None = None
    """How the data are split, for tasks that have a choice; None keeps the splits that the names of
    files tell."""
    balance: str = BALANCE
    """How the rarer class is treated in training."""
    scored: str = "test"
    """The split whose rows are scored: ``test``, or ``valid``."""
    natural: float | None = None
    """Share of positive examples that the scores are to be weighted to."""
