"""The profiles: how big a run is. Nothing here depends on the variant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.types import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.types import TaskSize

SPLIT_NAMES = ("train", "valid", "test")

PROFILES = {
    "tiny": Profile(name="tiny", rounds=1),
    "small": Profile(name="small", rounds=1),
    "full": Profile(name="full", rounds=5),
}
"""How big each of them is for a task, the task's definition says."""


def sized(size: TaskSize, changes: Mapping[str, float]) -> TaskSize:
    """Return ``size`` with the numbers of ``changes``, by key; other splits keep their sizes."""
    fields: dict[str, Any] = {k: v for k, v in changes.items() if k not in SPLIT_NAMES}
    if any(split in changes for split in SPLIT_NAMES):
        fields["sizes"] = _split_sizes(size.sizes, changes)
        fields["local_sizes"] = _split_sizes(size.local_sizes, changes)
    return replace(size, **fields)


def _split_sizes(
    sizes: tuple[int | None, int | None, int | None] | None, changes: Mapping[str, float]
) -> tuple[float | None, ...]:
    known = sizes or (None, None, None)
    return tuple(changes.get(s, n) for s, n in zip(SPLIT_NAMES, known, strict=True))


def profile(name: str) -> Profile:
    """Return the profile called ``name``; raises UsageError if there is none."""
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise UsageError(f"--green-profile: there is no profile {name!r}; it is one of {known}")
    return PROFILES[name]
