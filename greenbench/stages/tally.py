"""How often each value of something was read: the proof of a knob that acts again and again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ValueT = TypeVar("ValueT")


class Tally(Generic[ValueT]):
    """Counts what was read in every pass or step, so that no single one speaks for all."""

    def __init__(self, unit: str) -> None:
        """Begin without readings; ``unit`` is what each is one of, in the plural: ``passes``."""
        self.unit = unit
        self.counts: Counter[ValueT] = Counter()
        """How often each value was read."""

    @property
    def total(self) -> int:
        """The number of readings."""
        return self.counts.total()

    @property
    def usual(self) -> ValueT | None:
        """The value that was read most often, the first of several; None without readings."""
        for value, _ in self.counts.most_common(1):
            return value
        return None

    def share(self, value: ValueT) -> str:
        """Say in how many readings ``value`` was seen: `` in 1 of 12 passes``; empty if in all."""
        times = self.counts[value]
        if times == self.total:
            return ""
        return f" in {times} of {self.total} {self.unit}"

    def exceptions(self, asked: object, text: Callable[[ValueT], object] = lambda v: v) -> str:
        """List the values other than ``asked`` with their shares; empty if there are none."""
        listed = []
        for value in self.counts:
            if value != asked:
                listed.append(f"{text(value)}{self.share(value)}")
        return ", ".join(listed)
