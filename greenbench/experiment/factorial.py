"""Factorial experiments: a variant's stages, each turned on or off, in all combinations.

A combination has the variant's values in the stages that are on, and V0's in the others. Up to four
stages make a whole factorial (Jain, *The Art of Computer Systems Performance Analysis* 1991, ch.
17). Five make a half fraction of resolution V (Box and Hunter, *Technometrics* 3, 1961; Jain ch.
19): the combinations with an odd number of stages on, whose defining relation is I = ABCDE. V0,
with which all are compared, runs beside them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from greenbench.errors import UsageError
from greenbench.experiment.knob_rules import contradiction
from greenbench.experiment.texts import did_you_mean
from greenbench.options import STAGES, baseline_of
from greenbench.types import Variant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from greenbench.experiment.option_parsers import RawOption

FLAG = "--green-factorial"
BASELINE = "V0"
ORIGIN = "V7"
FORM = "write STAGE,STAGE,... or VARIANT:STAGE,STAGE,..., e.g. V7:data,training, or off"
FEWEST_STAGES = 2
MOST_WHOLE = 4
"""Stages of which all combinations run; of more it is half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChoice:
    """What ``--green-factorial`` requests."""

    stages: tuple[str, ...]
    """Those that are turned on and off, in the pipeline's order."""
    origin: str = ORIGIN
    """The variant whose settings are turned on and off, by its number or its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """Which stages are on, and the variant that has it so."""

    on: tuple[str, ...]
    variant: Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Factorial:
    """The combinations of a variant's stages."""

    stages: tuple[str, ...]
    origin: Variant
    combinations: tuple[Combination, ...]
    """V0 first, then those with fewest stages on."""

    @property
    def is_half(self) -> bool:
        """Whether only half of the combinations run, beside V0."""
        return len(self.stages) > MOST_WHOLE

    @property
    def names(self) -> frozenset[str]:
        """The names of the variants that take part."""
        return frozenset(combination.variant.name for combination in self.combinations)

    def joined(self, known: Sequence[Variant]) -> tuple[Variant, ...]:
        """Return the ``known`` variants, and after them those that no folder has."""
        names = {variant.name for variant in known}
        made = [one.variant for one in self.combinations if one.variant.name not in names]
        return (*known, *made)


def stage_choice(raw: RawOption) -> StageChoice | None:
    """Return the stages of ``VARIANT:STAGE,STAGE,...``; None for ``off``."""
    if raw.value is None or raw.value == "off":
        return None
    if not isinstance(raw.value, str):
        raise raw.error(FORM)
    origin, colon, listed = raw.value.rpartition(":")
    words = [word.strip() for word in listed.split(",")]
    if colon and not origin.strip():
        raise raw.error(FORM)
    for word in words:
        if word not in STAGES:
            known = f"{', '.join(STAGES)}{did_you_mean(word, STAGES)}"
            raise raw.error(f"{word!r} is no stage; stages are {known}")
    stages = _in_order(words)
    if len(stages) < FEWEST_STAGES:
        raise raw.error(f"name two stages or more, of {', '.join(STAGES)}")
    return StageChoice(stages=stages, origin=origin.strip() or ORIGIN)


def factorial(choice: StageChoice, known: Sequence[Variant]) -> Factorial:
    """Return the combinations of a choice of stages.

    Where one of the ``known`` variants has the options of a combination, it stands for it: one set
    of options has one name. Raises UsageError if a stage would change nothing, or if a combination
    cannot run.
    """
    origin = _named(choice.origin, known)
    for stage in choice.stages:
        if _is_idle(stage, origin):
            _refuse_idle(stage, origin)
    combinations = []
    for on in _chosen(choice.stages):
        variant = _variant(on, origin, known)
        _check(variant)
        combinations.append(Combination(on=on, variant=variant))
    return Factorial(stages=choice.stages, origin=origin, combinations=tuple(combinations))


def _in_order(stages: Collection[str]) -> tuple[str, ...]:
    return tuple([stage for stage in STAGES if stage in stages])


def _chosen(stages: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the stages of each combination, fewest first."""
    is_half = len(stages) > MOST_WHOLE
    for size in range(len(stages) + 1):
        if size % 2 or not size or not is_half:
            yield from itertools.combinations(stages, size)


def _named(name: str, known: Sequence[Variant]) -> Variant:
    """Return the variant called ``name``, which may be its number; raises UsageError."""
    for variant in known:
        if name in {variant.name, variant.name.partition("_")[0]}:
            return variant
    names = ", ".join(variant.name for variant in known) or "none"
    raise UsageError(f"{FLAG}: there is no variant {name!r}; experiment.md has {names}; {FORM}")


def _is_idle(stage: str, variant: Variant) -> bool:
    """Whether ``variant`` sets nothing in ``stage``."""
    here = getattr(variant.options, stage)
    baseline = getattr(baseline_of(variant.options), stage)
    return bool(here == baseline)


def _refuse_idle(stage: str, origin: Variant) -> None:
    """Raise UsageError: turning ``stage`` on would change nothing."""
    problem = f"{origin.name} sets nothing in {stage}"
    if any(knob.startswith(f"{stage}.") for knob in origin.sweep):
        problem = f"{origin.name} only sweeps in {stage}, and no sweep takes part"
    active = []
    for other in STAGES:
        if not _is_idle(other, origin):
            active.append(other)
    rest = f"it sets something in {', '.join(active) or 'no stage'}"
    raise UsageError(f"{FLAG}: {problem}, so that turning it on would change nothing; {rest}")


def _variant(on: tuple[str, ...], origin: Variant, known: Sequence[Variant]) -> Variant:
    """Return the variant with the settings of ``origin`` in the stages that are ``on``."""
    if not on:
        return _named(BASELINE, known)
    stages: dict[str, Any] = {stage: getattr(origin.options, stage) for stage in on}
    options = replace(baseline_of(origin.options), **stages)
    for variant in known:
        if variant.options == options and not variant.sweep:
            return variant
    number = origin.name.partition("_")[0].removeprefix("V")
    return Variant(
        name="_".join([f"F{number}", *on]),
        title=" + ".join(on),
        options=options,
        folder=origin.folder,
    )


def _check(variant: Variant) -> None:
    """Raise UsageError if the knobs of ``variant`` contradict each other."""
    problem = contradiction(variant.options)
    if problem:
        raise UsageError(f"{FLAG}: {variant.name} cannot run: {problem}")
