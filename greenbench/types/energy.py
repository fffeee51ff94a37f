"""Joules and seconds of a window, and the means that are made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANNELS = ("gpu", "cpu", "dram")
"""Parts of a machine that do not contain one another: their joules are summed."""
NODE = "node"
"""The machine, or its module, as a whole. It contains the others, and is never added to them."""
ALL_CHANNELS = (*CHANNELS, NODE)
State = Literal["cold", "warm", "reused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules of one window, channel by channel, with what is known of their uncertainty.

    All mappings are keyed by channel. A source is ``zeus:nvml-counter``, ``zeus:rapl`` and the
    like, ``user:...``, ``estimated:...``, ``simulated:...`` or ``none``; a channel whose joules are
    ``None`` has a reason. ``node`` has neither where no sensor knows the machine as a whole.
    """

    gpu_j: float | None = None
    cpu_j: float | None = None
    dram_j: float | None = None
    node_j: float | None = None
    """Joules of the machine, or its module, as a whole: not in the total, whose parts they hold."""
    sources: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    uncertainty_j: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Standard uncertainties (one sigma) by channel, then cause: ``resolution``, ``edges``,
    ``stall``, ``jump``, ``integration``, ``cross_sensor``, ``model`` or ``lost``."""
    idle_j: Mapping[str, float] = field(default_factory=dict)
    """Joules of the idle machine in the same time; absent for channels of unknown idle power."""
    idle_uncertainty_j: Mapping[str, float] = field(default_factory=dict)
    """Standard uncertainty of ``idle_j``."""
    coarse: tuple[str, ...] = ()
    """Channels whose counter resolves so short a window worse than 5 %."""
    doubts: tuple[str, ...] = ()
    """Warnings: sensors that disagree, readings that were left out."""

    def joules(self, channel: str) -> float | None:
        """Joules of ``channel`` (``gpu``, ``cpu``, ``dram`` or ``node``), or None."""
        value: float | None = getattr(self, f"{channel}_j")
        return value

    def net(self, channel: str) -> float | None:
        """Joules of ``channel`` net of idle, possibly negative; None if either is unknown."""
        gross, idle = self.joules(channel), self.idle_j.get(channel)
        return None if gross is None or idle is None else gross - idle

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels to speak of: ``node`` only where there is a sensor of it."""
        return ALL_CHANNELS if NODE in self.sources else CHANNELS

    @property
    def scope(self) -> tuple[str, ...]:
        """The channels that are known, the ones that ``total_j`` sums."""
        joules = zip(CHANNELS, (self.gpu_j, self.cpu_j, self.dram_j), strict=True)
        return tuple([channel for channel, value in joules if value is not None])

    @property
    def total_j(self) -> float | None:
        """Sum over the known channels (see ``scope``), or None where none is known."""
        known = [j for j in (self.gpu_j, self.cpu_j, self.dram_j) if j is not None]
        return sum(known) if known else None

    @property
    def total_net_j(self) -> float | None:
        """Sum of ``net`` over the known channels; None if it is unknown for one of them."""
        known = [self.net(c) for c in self.scope]
        return sum(j for j in known if j is not None) if known and None not in known else None


def is_measured(source: str) -> bool:
    """Whether joules of this source are a measurement: not estimated, simulated or absent."""
    return source.partition(":")[0] not in {"", "none", "estimated", "simulated"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one stage took, once; where it was repeated, what one pass took on average."""

    stage: str
    seconds: float
    energy: Energy
    state: State = "cold"
    passes: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured number with the half-width of its 95 % interval."""

    value: float | None
    uncertainty: float | None = None
    """Half-width of the 95 % interval, in the value's unit."""
    standard: float | None = None
    """Combined standard uncertainty (one sigma)."""
    causes: Mapping[str, float] = field(default_factory=dict)
    """Its parts: ``spread``, ``resolution``, ``edges``, ``stall``, ``jump``, ``integration``,
    ``cross_sensor``, ``idle``, ``model`` and ``lost``."""
    lacks: tuple[str, ...] = ()
    """What the uncertainty could not take into account."""
    n: int = 0
    """Rounds that were averaged."""
    reason: str = ""
    """Why ``value`` is None."""
