"""What will run: the cells of a matrix in a profile, and what earlier results say they will cost."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from greenbench.types import Cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenbench.options import Options
    from greenbench.types import Profile, Variant


def cells(
    task: str, variants: Sequence[Variant], profile: Profile, *, seed: int, rounds: int | None
) -> tuple[Cell, ...]:
    """Return the cells of ``task``: one a variant, or one for each value of what a variant sweeps, in the matrix's order."""
    return tuple(
        Cell(
            task=task,
            variant=variant.name,
            options=options,
            profile=profile.name,
            seed=seed,
            rounds=rounds or profile.rounds,
            suffix=suffix,
        )
        for variant in variants
        for options, suffix in _swept(variant)
    )


def _swept(variant: Variant) -> Iterable[tuple[Options, str]]:
    """Yield the options and the id's suffix for each combination of swept values; without a sweep, the options alone."""
    for values in itertools.product(*variant.sweep.values()):
        options, suffix = variant.options, ""
        for knob, value in zip(variant.sweep, values, strict=True):
            options, suffix = with_knob(options, knob, value), f"{suffix}-{_short(knob)}{value}"
        yield options, suffix


def _short(knob: str) -> str:
    """``data.batch_size`` stands as ``b`` in an id (a promise to saved baselines); other knobs by their name."""
    name = knob.partition(".")[2]
    return {"batch_size": "b"}.get(name, f"{name}=")


def with_knob(options: Options, knob: str, value: Any) -> Options:
    """Return ``options`` with ``knob`` (``stage.name``) at ``value``."""
    stage, _, name = knob.partition(".")
    return replace(options, **{stage: replace(getattr(options, stage), **{name: value})})
