"""What a search may take: joules, seconds, or evaluations, of which some are kept to confirm."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.search.readings import SearchBlock

UNITS = {
    "J": ("joules", 1.0),
    "kJ": ("joules", 1e3),
    "MJ": ("joules", 1e6),
    "s": ("seconds", 1.0),
    "min": ("seconds", 60.0),
    "h": ("seconds", 3600.0),
    "": ("evaluations", 1.0),
}
"""Unit to what is counted, and how much of it."""
FORM = "a number with J, kJ, MJ, s, min or h, or of evaluations: 200kJ, 30min, 60"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """The most that a search takes."""

    counts: str
    """``joules``, ``seconds`` or ``evaluations``, which are rounds of points; V0's are not
    counted."""
    most: float
    text: str

    def spent(self, blocks: Sequence[SearchBlock]) -> float:
        """Return what some blocks took; blocks of unknown joules raise UsageError."""
        total = 0.0
        for block in blocks:
            if self.counts == "evaluations":
                total += len(block.readings)
            elif self.counts == "seconds":
                total += block.seconds
            elif block.joules is None:
                raise UsageError(
                    f"--budget {self.text}: the joules of a round are unknown here, and cannot be "
                    "counted; give a budget in seconds or evaluations"
                )
            else:
                total += block.joules
        return total

    def evaluations_left(self, blocks: Sequence[SearchBlock]) -> int:
        """Return for how many more evaluations the rest suffices, as those before cost.

        Before the first block, whose cost nobody knows, it is a block's.
        """
        rest = self.most - self.spent(blocks)
        done = sum(len(block.readings) for block in blocks)
        if self.counts == "evaluations":
            return int(rest)
        if not done:
            return UNKNOWN
        return int(rest / (self.spent(blocks) / done))

    def worth(self, before: Sequence[SearchBlock], points: int) -> int:
        """Return how many evaluations of the search a block of the confirmation is worth.

        All stages of its ``points`` run, while cells of the search share theirs: by joules or
        seconds it is taken to be as dear as the mean block before it.
        """
        if self.counts == "evaluations" or not before:
            return points
        done = sum(len(block.readings) for block in before)
        return max(points, math.ceil(done / len(before)))

    def blocks_left(
        self, blocks: Sequence[SearchBlock], alike: Sequence[SearchBlock], points: int
    ) -> int:
        """Return for how many more blocks of ``points`` the rest suffices after ``blocks``.

        By joules or seconds each takes the mean of those that are ``alike``.
        """
        each = float(points)
        if self.counts != "evaluations":
            each = self.spent(alike) / len(alike)
        rest = self.most - self.spent(blocks)
        return int(rest / each)


UNKNOWN = 1_000
"""Evaluations that are left before anything is known of their cost."""


def budget_of(text: str) -> SearchBudget:
    """Return what ``200kJ``, ``30min`` or ``60`` means; raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    if match is None or match[2] not in UNITS or not float(match[1]):
        raise UsageError(f"--budget: found {text!r}; it is {FORM}")
    counts, factor = UNITS[match[2]]
    return SearchBudget(counts=counts, most=float(match[1]) * factor, text=text.strip())
