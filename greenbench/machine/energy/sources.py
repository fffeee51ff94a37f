"""The energy source of each channel: hardware counters, an estimate for the CPU, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.machine.energy.counters import Counters
    from greenbench.machine.energy.estimate import CpuEstimate
    from greenbench.machine.energy.readings import Reading
    from greenbench.machine.energy.sampler import Sampler
    from greenbench.machine.energy.sensors import Sensor


class EnergySources:
    """Reads all channels of any number of open windows. Close it: counters run a thread."""

    def __init__(
        self, counters: Counters | None, estimate: CpuEstimate | None, missing: Mapping[str, str]
    ) -> None:
        """Read ``counters``, and ``estimate`` for the CPU.

        ``missing`` says why a channel has no counter.
        """
        self.counters = counters
        self.estimate = estimate
        labels = dict.fromkeys((*CHANNELS, *missing), "none")
        if counters is not None:
            labels.update(counters.sources)
        if estimate is not None:
            labels["cpu"] = estimate.source
        self.labels: Mapping[str, str] = labels
        """Where each channel's joules come from; ``none`` for a channel without any."""
        self.reasons: Mapping[str, str] = dict(missing)
        """Why a channel has no counter: it has no joules, or estimated ones."""

    @property
    def sensors(self) -> tuple[Sensor, ...]:
        """The sensors that are counted."""
        return self.counters.sensors if self.counters is not None else ()

    @property
    def shortest_s(self) -> float:
        """How long a window must be for all counters to resolve it to 5 %; 0 without counters."""
        return self.counters.shortest_s if self.counters is not None else 0.0

    @property
    def sampler(self) -> Sampler | None:
        """The thread that reads the counters between edges; None without counters."""
        return self.counters.sampler if self.counters is not None else None

    def begin(self, key: str) -> None:
        """Open window ``key``."""
        if self.estimate is not None:
            self.estimate.begin(key)
        if self.counters is not None:
            self.counters.begin(key)

    def end(self, key: str, seconds: float) -> dict[str, Reading]:
        """Close window ``key``, which took ``seconds``, and return the channels that were read."""
        readings: dict[str, Reading] = {}
        if self.counters is not None:
            readings.update(self.counters.end(key, seconds))
        if self.estimate is not None:
            readings["cpu"] = self.estimate.end(key)
        return readings

    def cancel(self, key: str) -> None:
        """Forget window ``key``."""
        if self.counters is not None:
            self.counters.cancel(key)
        if self.estimate is not None:
            self.estimate.cancel(key)

    def close(self) -> None:
        """End what the counters started."""
        if self.counters is not None:
            self.counters.close()
