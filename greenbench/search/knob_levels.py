"""Reads ``--knobs training.precision,data.batch_size=8..128,inference.skip_layers=0.1,0.2``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.experiment.knob_candidates import LONG, NOT_TRIED, candidates
from greenbench.experiment.knob_list import described_knobs
from greenbench.experiment.texts import did_you_mean
from greenbench.knobs.kinds import knob_type
from greenbench.search.space import Axis, Space, axis_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.knobs.kinds import KnobType
    from greenbench.options import KnobValue, Options

OPTION = "--knobs"
STEPS = 6
"""Levels of a range, beside the baseline's."""
WIDE = 4
"""Times the lower end from which on a range of whole numbers goes up by doubling."""


def space_of(text: str, suite: Options) -> Space:
    """Return the space that ``text`` describes; an empty text takes every knob with its values.

    Raises UsageError for an unknown knob, and for values that a knob does not take.
    """
    known = [knob.knob for knob in described_knobs(suite)]
    axes = []
    if not text.strip():
        for knob in known:
            if knob in LONG or knob in NOT_TRIED:
                continue
            values = _tried(knob, suite)
            if values:
                axis = axis_of(knob, values, suite)
                axes.append(axis)
        return Space(axes=tuple(axes), suite=suite)
    for knob, words in _parts(text, known):
        axis = _axis(knob, words, suite)
        axes.append(axis)
    return Space(axes=tuple(axes), suite=suite)


def _parts(text: str, known: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return each knob with the words of its values; a word that is no knob is a further value."""
    parts: list[tuple[str, list[str]]] = []
    seen = set()
    for word in text.split(","):
        name, equals, value = word.strip().partition("=")
        knob = _knob(name, known)
        if knob in seen:
            raise UsageError(f"{OPTION}: {knob} stands there twice; give its values at once")
        if knob:
            seen.add(knob)
            values = [value] if equals else []
            parts.append((knob, values))
        elif parts and parts[-1][1] and not equals:
            *_, (_, values) = parts
            values.append(name)
        else:
            hint = did_you_mean(name, sorted(known))
            raise UsageError(f"{OPTION}: {name!r} is no knob{hint}; greenbench knobs lists them")
    return parts


def _knob(name: str, known: Sequence[str]) -> str:
    """Return the knob with this name, with or without its stage; empty if there is none."""
    if name in known:
        return name
    found = [knob for knob in known if knob.partition(".")[2] == name]
    if len(found) > 1:
        raise UsageError(f"{OPTION}: {name!r} is {' or '.join(found)}; write one of them")
    return found[0] if found else ""


def _axis(knob: str, words: Sequence[str], suite: Options) -> Axis:
    kind = knob_type(knob, suite)
    if not words:
        values = _tried(knob, suite)
        if not values:
            raise UsageError(
                f"{OPTION}: {knob} takes {kind}, and nothing says which values to try; write "
                f"{knob}=LOW..HIGH, or {knob}=VALUE,VALUE"
            )
        return axis_of(knob, values, suite)
    values = []
    for word in words:
        low, dots, high = word.partition("..")
        if dots:
            values += _between(knob, low, high, kind)
        else:
            values.append(_value(knob, word, kind))
    axis = axis_of(knob, values, suite)
    if len(axis.levels) == 1:
        raise UsageError(
            f"{OPTION}: {knob} is {axis.levels[0]} in V0 already; give a value that differs"
        )
    return axis


def _tried(knob: str, suite: Options) -> list[KnobValue]:
    """Return the values at which ``knobs --measure`` tries a knob."""
    trials, _ = candidates([knob], suite)
    values = []
    for trial in trials:
        settings = dict(trial.settings)  # some are tried for what another knob does beside them
        if knob in settings and settings[knob] not in values:
            values.append(settings[knob])
    return values


def _value(knob: str, word: str, kind: KnobType) -> KnobValue:
    try:
        return kind.convert(_parsed(word, kind))
    except ValueError:
        raise UsageError(f"{OPTION}: {knob}={word}: it takes {kind}") from None


def _parsed(word: str, kind: KnobType) -> KnobValue:
    """Return what ``word`` means for a knob of this kind; raises ValueError."""
    if word in {"null", "none", "None"} and kind.optional:
        return None
    if kind.kind is bool:
        return {"true": True, "false": False}.get(word.lower(), word)
    return word if kind.kind is str else kind.kind(word)


def _between(knob: str, low: str, high: str, kind: KnobType) -> list[KnobValue]:
    """Return the levels of a range: doublings of whole numbers if it is wide, else even steps."""
    if kind.kind not in {int, float}:
        raise UsageError(
            f"{OPTION}: {knob}={low}..{high}: it takes {kind}, which has no range; list values"
        )
    first, last = _value(knob, low, kind), _value(knob, high, kind)
    assert isinstance(first, int | float) and isinstance(last, int | float)  # noqa: S101, PT018  of the kind
    if not first < last:
        raise UsageError(f"{OPTION}: {knob}={low}..{high}: the lower end is not below the upper")
    if kind.kind is int and 0 < first * WIDE <= last:
        numbers: list[float] = [first]
        while numbers[-1] * 2 < last:
            numbers.append(numbers[-1] * 2)
        numbers.append(last)
    else:
        steps = STEPS - 1 if kind.kind is float else min(STEPS - 1, int(last - first))
        numbers = [first + (last - first) * step / steps for step in range(steps + 1)]
    levels = []
    for number in numbers:
        rounded = round(number) if kind.kind is int else float(f"{number:.4g}")
        levels.append(kind.convert(rounded))
    return levels
