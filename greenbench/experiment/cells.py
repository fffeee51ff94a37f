"""The cells of a matrix in a profile: which variants and swept values run."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from greenbench.experiment.knobs import with_knob
from greenbench.types import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenbench.options import Options
    from greenbench.stats.looks import Looks
    from greenbench.types import Profile, Variant


def cells_of(
    task: str,
    variants: Sequence[Variant],
    profile: Profile,
    *,
    seed: int,
    rounds: int | None,
    looks: Looks | None = None,
) -> tuple[Cell, ...]:
    """Return the cells of ``task``, in the matrix's order.

    A variant makes one cell, or one for each combination of the values that it sweeps. ``rounds``
    is the profile's if it is None; with ``looks`` there may be more.
    """
    if looks is not None:
        rounds = looks.first
    cells = []
    for variant in variants:
        for options, suffix in _combinations(variant):
            cell = Cell(
                task=task,
                variant=variant.name,
                options=options,
                profile=profile.name,
                seed=seed,
                rounds=rounds or profile.rounds,
                suffix=suffix,
                most_rounds=looks.most if looks else None,
            )
            cells.append(cell)
    return tuple(cells)


def _combinations(variant: Variant) -> Iterator[tuple[Options, str]]:
    """Yield options and id suffix for each combination of swept values; without a sweep, one."""
    for values in itertools.product(*variant.sweep.values()):
        options = variant.options
        suffix = ""
        for knob, value in zip(variant.sweep, values, strict=True):
            options = with_knob(options, knob, value)
            suffix += f"-{_label(knob)}{value}"
        yield options, suffix


def _label(knob: str) -> str:
    """Return ``b`` for ``data.batch_size``, a promise to saved baselines; else the knob's name."""
    name = knob.partition(".")[2]
    return "b" if knob == "data.batch_size" else f"{name}="
