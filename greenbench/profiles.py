"""How big a run is: one literal table of profiles. What a variant changes is none of its business."""

from __future__ import annotations

from greenbench.errors import UsageError
from greenbench.types import Profile, TaskSize

PROFILES = {
    "tiny": Profile(
        name="tiny",
        rounds=1,
        tasks={
            "T2": TaskSize(
                model="modernbert_tiny",
                data="generated",
                sizes=(960, 128, 480),
                epochs=1,
                learning_rate=3e-3,
                max_tokens=256,
            ),
        },
    ),
    "full": Profile(
        name="full",
        rounds=5,
        tasks={
            "T2": TaskSize(
                model="answerdotai/ModernBERT-base",
                model_revision="8949b909ec900327062f0ebf497f51aef5e6f0c8",
                data="bstee615/bigvul",
                epochs=3,
                learning_rate=5e-5,
                max_tokens=512,
            ),
        },
    ),
}


def profile(name: str) -> Profile:
    """Return the profile called ``name``; raises UsageError where there is none."""
    if name not in PROFILES:
        raise UsageError(f"--green-profile: there is no profile {name!r}; it is one of {', '.join(PROFILES)}")
    return PROFILES[name]
