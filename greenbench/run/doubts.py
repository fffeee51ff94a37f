"""Warnings about a cell: what a reader should know before relying on its numbers, each once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenbench.types import ALL_CHANNELS, Energy, is_measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.types import Round

ONE_ROUND = "1 round: the +- lacks the spread between rounds; --green-rounds 5 would show it"


def doubts_of(rounds: Sequence[Round]) -> tuple[str, ...]:
    """Return each warning once: the rounds' own, knobs that did not act, the energy, one round."""
    warnings = [text for one_round in rounds for text in one_round.doubts]
    for one_round in rounds:
        for proof in one_round.applied:
            if not proof.holds:
                warnings.append(f"{proof.stage}.{proof.knob} = {proof.asked}: {proof.note}")
    warnings += _energy_warnings(rounds)
    if len(rounds) == 1:
        warnings.append(ONE_ROUND)
    return once(warnings)


def once(warnings: Sequence[str]) -> tuple[str, ...]:
    """Return each warning once; of those that differ in numbers only, the first with a count."""
    alike: dict[str, list[str]] = {}
    for warning in dict.fromkeys(warnings):
        pattern = re.sub(r"(?<![\w-])[0-9.]+", "#", warning)
        alike.setdefault(pattern, []).append(warning)
    texts = []
    for first, *others in alike.values():
        count = f" (so {len(others) + 1} times, with other numbers)" if others else ""
        texts.append(f"{first}{count}")
    return tuple(texts)


def _energy_warnings(rounds: Sequence[Round]) -> list[str]:
    """Return warnings about joules: estimates, failing counters, disagreement, short stages."""
    warnings = []
    for one_round in rounds:
        for channel in ALL_CHANNELS:
            warning = _channel_warning(one_round.whole.energy, channel)
            if warning:
                warnings.append(warning)
    for one_round in rounds:
        for window in (one_round.whole, *one_round.windows, *one_round.repeats):
            warnings += window.energy.doubts
    short = _unresolved_stages(rounds)
    if short:
        warnings.append(
            f"too short for the counter's 5 %: {', '.join(short)}; "
            "the +- of their joules includes the counter's resolution"
        )
    return warnings


def _unresolved_stages(rounds: Sequence[Round]) -> list[str]:
    """Return the stages that the counters resolve worse than 5 %, repeated or not."""
    resolved = set()
    coarse: dict[str, None] = {}
    for one_round in rounds:
        for window in one_round.windows:
            if window.energy.coarse:
                coarse[window.stage] = None
        for window in one_round.repeats:
            if not window.energy.coarse:
                resolved.add(window.stage)
    return [stage for stage in coarse if stage not in resolved]


def _channel_warning(energy: Energy, channel: str) -> str:
    """Say if a channel's joules are estimated or simulated, or if its counter gave none."""
    source = energy.sources.get(channel, "none")
    if source != "none" and energy.joules(channel) is None:
        reason = energy.reasons.get(channel, "no reason")
        return f"{channel} energy is unknown although there is {source}: {reason}"
    if source.startswith("estimated:"):
        return (
            f"{channel} energy is {source}, not measured; most of its +- is common to all cells "
            "and leaves their ratios alone"
        )
    if source.startswith("simulated:"):
        return f"{channel} energy is {source}, not measured"
    return ""


def lacking(required: Sequence[str], energy: Mapping[str, str] | Energy) -> str:
    """Say which channel of ``--green-require`` is not measured; an empty text if all are.

    ``energy`` is a window's, or the sources that a meter has before anything ran. Estimated and
    simulated joules are no measurement: ``measured`` requires at least one channel that is, and
    none that is not.
    """
    known = _known_sources(energy)
    measured = [channel for channel, source in known.items() if is_measured(source)]
    all_measured = bool(measured) and len(measured) == len(known)
    for name in required:
        satisfied = all_measured if name == "measured" else name in measured
        if not satisfied:
            sources = ", ".join(f"{channel} {source}" for channel, source in known.items())
            return (
                f"--green-require {name}: there is {sources or 'nothing'}; "
                "`greenbench doctor` says how to get more"
            )
    return ""


def _known_sources(energy: Mapping[str, str] | Energy) -> dict[str, str]:
    """Return the source of each channel that has one, and joules if the energy is a window's."""
    sources = energy.sources if isinstance(energy, Energy) else energy
    known = {}
    for channel, source in sources.items():
        lost = isinstance(energy, Energy) and energy.joules(channel) is None
        if source != "none" and not lost:
            known[channel] = source
    return known
