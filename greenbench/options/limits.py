"""What values a knob takes: numbers within bounds, and texts of a form."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Annotated

LARGEST = sys.float_info.max
"""NaN, infinity, and whole numbers that no float can hold are not below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The numbers that a knob takes; a bound that is None does not bound."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None

    def __contains__(self, number: object) -> bool:
        """Whether ``number`` is a finite number within the bounds."""
        if not isinstance(number, int | float) or not abs(number) <= LARGEST:
            return False
        return (
            (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        """Describe it: ``above 0 and up to 1``."""
        bounds = {"from": self.least, "above": self.above, "up to": self.most, "below": self.below}
        words = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " and ".join(words)


@dataclass(frozen=True, slots=True)
class TextForm:
    """The texts that a knob takes."""

    pattern: str
    """Regular expression that a whole text matches."""
    meaning: str
    """The same in words."""

    def __contains__(self, text: object) -> bool:
        """Whether ``text`` is a text of this form."""
        return isinstance(text, str) and re.fullmatch(self.pattern, text) is not None

    def __str__(self) -> str:
        """Describe it: ``processors like 0-3,8``."""
        return self.meaning


Fraction = Annotated[float, Range(above=0, most=1)]
Count = Annotated[int, Range(least=1)]
Positive = Annotated[float, Range(above=0)]
Governor = Annotated[str, TextForm(r"[a-z_]+", "a governor that the kernel has, like powersave")]
CpuList = Annotated[str, TextForm(r"\d+(-\d+)?(,\d+(-\d+)?)*", "processors like 0-3,8")]
LayerNames = Annotated[
    str, TextForm(r"[A-Za-z_]\w*(,[A-Za-z_]\w*)*", "all, or names of linear layers like Wqkv,Wo")
]
Draft = Annotated[str, TextForm(r"\S.*", "none, prompt, or a smaller model's folder or hub id")]
LayerList = Annotated[str, TextForm(r"\d+(,\d+)*", "layers like 3,4")]
LayerChoice = Annotated[
    str,
    TextForm(
        r"(deepest|top|bottom|alternate|influence|\d+(,\d+)*)",
        "deepest, top, bottom, alternate, influence, or layers like 3,4",
    ),
]
