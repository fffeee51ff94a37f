"""Which two knobs cannot be set together, and few variants in which all others are.

The variants are a covering array of strength two (Cohen et al., IEEE Transactions on Software
Engineering 23, 1997), made greedily: every pair of settings that is not refused is in one of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from greenbench.experiment.knob_trials import KnobTrial
from greenbench.options import Options

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Refuse: TypeAlias = Callable[[Options], str]
"""Says why options cannot run, and what would work; an empty text if they can."""
Pair: TypeAlias = "frozenset[KnobTrial]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPair:
    """Two settings, each of which can run alone."""

    first: str
    second: str
    reason: str


def together(trials: Sequence[KnobTrial]) -> KnobTrial | None:
    """Return one trial that sets what all do; None if two give a knob different values."""
    settings: dict[str, object] = {}
    for trial in trials:
        for knob, value in trial.settings:
            if settings.setdefault(knob, value) != value:
                return None
    found = tuple(dict(itertools.chain(*(trial.settings for trial in trials))).items())
    return KnobTrial(found, " ".join(f"{knob}={value}" for knob, value in found))


def refused_pairs(trials: Sequence[KnobTrial], refuse: Refuse) -> list[RefusedPair]:
    """Return the pairs of ``trials`` that are refused; each trial alone can run."""
    refused = []
    for first, second in itertools.combinations(trials, 2):
        both = together([first, second])
        reason = "" if both is None else refuse(both.options)
        if reason:
            refused.append(RefusedPair(first=first.text, second=second.text, reason=reason))
    return refused


def pairs_that_run(trials: Sequence[KnobTrial], refuse: Refuse) -> list[Pair]:
    """Return the pairs of ``trials`` that are not refused, in their order."""
    pairs = []
    for pair in itertools.combinations(trials, 2):
        both = together(pair)
        if both is not None and not refuse(both.options):
            pairs.append(frozenset(pair))
    return pairs


def covering_variants(
    trials: Sequence[KnobTrial], refuse: Refuse, covered: Collection[Pair] = ()
) -> list[KnobTrial]:
    """Return variants that hold, between them, every pair of ``trials`` that is not refused.

    Pairs that are ``covered`` elsewhere are left out.
    """
    waiting: dict[Pair, None] = {}
    for needed in pairs_that_run(trials, refuse):
        if needed not in covered:
            waiting[needed] = None
    variants = []
    while waiting:
        members = sorted(next(iter(waiting)), key=trials.index)
        while True:
            further = _most_useful(members, trials, waiting, refuse)
            if further is None:
                break
            members.append(further)
        for pair in itertools.combinations(members, 2):
            waiting.pop(frozenset(pair), None)
        variant = together(members)
        assert variant is not None  # noqa: S101  each member fits the others
        variants.append(variant)
    return variants


def _most_useful(
    members: Sequence[KnobTrial],
    trials: Sequence[KnobTrial],
    waiting: dict[Pair, None],
    refuse: Refuse,
) -> KnobTrial | None:
    """Return the trial that adds most waiting pairs and can run with all members, if any."""
    gains = []
    for place, trial in enumerate(trials):
        gain = sum(frozenset((trial, member)) in waiting for member in members)
        if gain and trial not in members:
            gains.append((-gain, place, trial))
    for _, _, trial in sorted(gains, key=lambda one: one[:2]):
        all_of_them = together([*members, trial])
        if all_of_them is not None and not refuse(all_of_them.options):
            return trial
    return None
