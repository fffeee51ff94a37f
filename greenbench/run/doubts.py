"""What a reader should know of a cell before believing its numbers, in plain sentences, each said once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.types import CHANNELS, Energy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.types import Round


def doubts_of(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Return what a reader should know, each once: the rounds' doubts, knobs that did not act, the energy, a single round."""
    doubts = [d for r in rounds for d in r.doubts]
    doubts += [
        f"{a.stage}.{a.knob} = {a.asked}: {a.note}"
        for r in rounds
        for a in r.applied
        if not a.holds
    ]
    doubts += _energy_doubts(rounds)
    if len(rounds) == 1:
        doubts.append(
            "1 round: the +- lacks the spread between rounds; --green-rounds 5 would show it"
        )
    return once(doubts)


def once(doubts: Sequence[str]) -> tuple[str, ...]:
    """Return each doubt once; of those that differ in their numbers alone the first, and how often it came."""
    alike: dict[str, list[str]] = {}
    for doubt in dict.fromkeys(doubts):
        alike.setdefault(re.sub(r"(?<![\w-])[0-9.]+", "#", doubt), []).append(doubt)
    return tuple(
        first if not rest else f"{first} (so {len(rest) + 1} times, with other numbers)"
        for first, *rest in alike.values()
    )


def _energy_doubts(rounds: Sequence[Round]) -> list[str]:
    """Say what is to be known of the joules: guesses, counters that gave nothing, sensors that disagree, short stages."""
    told = [
        d for r in rounds for channel in CHANNELS if (d := _energy_doubt(r.whole.energy, channel))
    ]
    told += [d for r in rounds for w in (r.whole, *r.windows, *r.repeats) for d in w.energy.doubts]
    coarse = {w.stage: w for r in rounds for w in r.windows if w.energy.coarse}
    cured = {w.stage for r in rounds for w in r.repeats if not w.energy.coarse}
    if left := [name for name in coarse if name not in cured]:
        told.append(
            f"too short for the counter's 5 %: {', '.join(left)}; the +- of their joules holds what that leaves open"
        )
    return told


def _energy_doubt(energy: Energy, channel: str) -> str | None:
    """Say where a channel's joules are a guess or a simulation, or where a counter was there and gave none."""
    source = energy.sources.get(channel, "none")
    if source != "none" and energy.joules(channel) is None:
        return f"{channel} energy is unknown although there is {source}: {energy.reasons.get(channel, 'no reason')}"
    if source.startswith("estimated:"):
        return f"{channel} energy is {source}, not measured; most of its +- is common to all cells and leaves their ratios alone"
    return (
        f"{channel} energy is {source}, not measured" if source.startswith("simulated:") else None
    )


def lacking(asked: Sequence[str], energy: Mapping[str, str] | Energy) -> str:
    """Say which of the channels that ``--green-require`` asks for is not measured; an empty text where all are.

    ``energy`` is a window's, or the sources that a meter has before anything ran. Estimated and simulated joules are no
    measurement: ``measured`` wants at least one channel that is, and none that is not.
    """
    sources = energy.sources if isinstance(energy, Energy) else energy
    lost = [c for c in CHANNELS if isinstance(energy, Energy) and energy.joules(c) is None]
    known = {c: s for c, s in sources.items() if s != "none" and c not in lost}
    real = [c for c, s in known.items() if s.startswith("zeus:")]
    told = ", ".join(f"{c} {s}" for c, s in known.items()) or "nothing"
    for name in asked:
        if (name == "measured" and (not real or len(real) < len(known))) or (
            name != "measured" and name not in real
        ):
            return (
                f"--green-require {name}: there is {told}; `greenbench doctor` says how to get more"
            )
    return ""
