"""The ranks of a session, whose cells may train in different numbers of processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenbench.stages.ranks.pool import Ranks


class RankPools:
    """One ``Ranks`` for each name of devices.

    torch has one group in a process: ranks that start end those of other cells first.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._pools: dict[str, Ranks] = {}

    def of(self, devices: str) -> Ranks:
        """Return the ranks that train on ``devices``, a resolved name; imports torch."""
        from greenbench.stages.ranks.pool import Ranks

        if devices not in self._pools:
            self._pools[devices] = Ranks(devices, before_start=self.close)
        return self._pools[devices]

    def close(self) -> None:
        """End all other processes."""
        for ranks in self._pools.values():
            ranks.close()
