"""What to know before relying on the joules of a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.types import Energy

FORKED = "this process was forked within the block: its parent has the joules"
NO_IDLE = (
    "the idle power is unknown, so that no joules are net of idle: only counters show it, and only "
    "while no other block runs"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What happened to a block, beside what was read."""

    error: BaseException | None = None
    """What the block raised."""
    beside: tuple[str, ...] = ()
    """Names of blocks that ran at the same time elsewhere."""
    machine: tuple[str, ...] = ()
    """Warnings about the machine's state."""
    shortest_s: float = 0.0
    """From how many seconds on a block is resolved to 5 %."""
    no_idle: bool = False
    """Whether the idle power was asked for, and is not known."""


def warnings_of(energy: Energy, seconds: float, circumstances: Circumstances) -> tuple[str, ...]:
    """Return the warnings about a block of ``seconds``, each once, what changes most first."""
    warnings = _of_the_block(circumstances)
    for channel in energy.channels:
        warnings += _of_the_channel(energy, channel)
    if energy.coarse:
        warnings.append(_too_short(energy, seconds, circumstances.shortest_s))
    warnings += energy.doubts
    warnings += circumstances.machine
    if circumstances.no_idle:
        warnings.append(NO_IDLE)
    return tuple(dict.fromkeys(warnings))


def _of_the_block(circumstances: Circumstances) -> list[str]:
    warnings = []
    if circumstances.error is not None:
        kind = type(circumstances.error).__name__
        warnings.append(f"the block raised {kind}: these are its joules until then")
    for name in circumstances.beside:
        also = f"block '{name}' ran at the same time in another thread or task"
        warnings.append(f"{also}: the joules of both are in each")
    return warnings


def _of_the_channel(energy: Energy, channel: str) -> list[str]:
    source = energy.sources.get(channel, "none")
    known = energy.joules(channel) is not None
    if not known and source != "none":
        reason = energy.reasons.get(channel, "no reason")
        return [f"{channel} joules are unknown although there is {source}: {reason}"]
    if source.startswith("estimated:"):
        meaning = "ratios of blocks on this machine hold, as ratios of CPU time; joules do not"
        return [f"{channel} joules are estimated, not measured: {meaning}"]
    if source.startswith("simulated:"):
        return [f"{channel} joules are simulated, not measured"]
    return []


def _too_short(energy: Energy, seconds: float, shortest_s: float) -> str:
    channels = ", ".join(energy.coarse)
    needed = f"counters resolve blocks from {shortest_s:.2g} s on to 5 %"
    return f"{seconds:.2g} s are too short for {channels}: {needed}; the +- includes that"
