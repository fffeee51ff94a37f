"""What a person sees of a factorial experiment: combinations, and the aliases of half of one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.experiment.factorial import Combination, Factorial

LETTERS = "ABCDE"
ALIASED = (1, 2)
"""Stages of the effects that are of interest: of one stage, and of a pair."""


def lines(factorial: Factorial) -> list[str]:
    """Return which combinations there are, by which names, and what cannot be told apart."""
    cells = ", ".join(map(_name, factorial.combinations))
    whole = 2 ** len(factorial.stages)
    if factorial.is_half:
        count = f"half of the {whole} combinations, and V0"
    else:
        count = f"all {whole} combinations"
    source = f"{', '.join(factorial.stages)} of {factorial.origin.name} on and off"
    texts = [f"greenbench: {source}, {count}: {cells}"]
    if factorial.is_half:
        texts += _aliases(factorial)
    return texts


def _name(combination: Combination) -> str:
    """Return a variant's name, with the stages that are on where it does not say them itself."""
    name, on = combination.variant.name, combination.on
    if not on or name.partition("_")[2] == "_".join(on):
        return name
    return f"{name} ({' + '.join(on)})"


def _aliases(factorial: Factorial) -> Iterator[str]:
    """Yield what each stage and each pair is aliased with: all the other stages together."""
    letters = LETTERS[: len(factorial.stages)]
    named = [f"{key} = {stage}" for key, stage in zip(letters, factorial.stages, strict=True)]
    yield f"greenbench: {', '.join(named)}; I = {letters}, resolution V: aliases are"
    pairs = []
    for size in ALIASED:
        for effect in itertools.combinations(letters, size):
            rest = [key for key in letters if key not in effect]
            pairs.append(f"{''.join(effect)} = {''.join(rest)}")
    yield f"    {', '.join(pairs)}"
