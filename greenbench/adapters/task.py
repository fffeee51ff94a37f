"""What every adapter is given besides the code that it adapts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenbench.protocols import Opaque

SuiteFunction: TypeAlias = "Callable[..., Opaque]"
"""A function that the suite writes."""


@dataclass(frozen=True, kw_only=True)
class AdaptedTask:
    """The parts of a task that no library has, named as in a file ``tasks/NAME.py``."""

    load: SuiteFunction
    """``load(seed, sizes)`` returns train, valid and test."""
    score: SuiteFunction
    """``score(rows, predictions)`` returns each score by its name."""
    PRIMARY: str
    """The score that counts."""
    HIGHER_IS_BETTER: bool | Mapping[str, bool]
    """Whether more of it is better, or of each score."""
    Options: type | None = None
    """Frozen dataclass of the task's own knobs; None for none."""
    PROOFS: Mapping[str, SuiteFunction] = field(default_factory=dict)
    """Proofs of knobs by name, for those that ``greenbench.knob`` was given none of."""
    prepare: SuiteFunction | None = None
    """``prepare(options, data, seed)`` returns train, valid and test for the other stages."""
    baselines: SuiteFunction | None = None
    """``baselines(data)`` returns dummy predictions by name."""
    PROFILES: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows of train, valid and test by profile: what ``load`` is asked for."""
    DESCRIPTION: str = ""
    """What the task does, in half a sentence."""
