"""The other ranks of a session: started and ended by the process that measures, which is rank 0.

They are started, import torch and form a group outside every window, and serve all cells. If one
fails, dies or is silent, the cell fails with a sentence, all are ended, and the next cell starts
new ones.
"""

from __future__ import annotations

import contextlib
import re
import time
from datetime import timedelta
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, TypeVar

from greenbench.errors import UnavailableError
from greenbench.machine.devices import parts
from greenbench.stages.ranks.process import RankFailure, RankProcess
from greenbench.stages.ranks.rank import HOST, LIMIT_S, Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GRACE_S = 3.0
"""How long to wait for what explains an error of this rank."""
SETTLE_S = 0.5
"""How long others that fail for the same reason may take to say so."""
TIMED_OUT = re.compile("timed out|timeout", re.IGNORECASE)
T = TypeVar("T")


class Ranks:
    """Trains on all devices of a session; of a single one it starts nothing."""

    def __init__(
        self,
        devices: str,
        limit_s: float = LIMIT_S,
        before_start: Callable[[], None] = lambda: None,
    ) -> None:
        """Start nothing yet.

        ``devices`` is a name as ``--green-device`` takes it, resolved; a rank that is silent for
        ``limit_s`` is given up. ``before_start`` ends other ranks of this process.
        """
        self.devices = devices
        self.rank = Rank(0, parts(devices))
        self._limit_s = limit_s
        self._before_start = before_start
        self._others: list[RankProcess] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the other ranks."""
        return tuple(other.pid for other in self._others)

    def reset(self, seed: int) -> None:
        """Start the others if they do not run, and let them be as new; outside every window.

        Raises UnavailableError if they cannot be started.
        """
        if self.rank.count == 1:
            return
        if not self._others:
            self._start()
        self.together("reset", seed, lambda: None)

    def together(self, order: str, argument: object, own: Callable[[], T]) -> tuple[T, list[Any]]:
        """Do ``own`` while the others carry out ``order``; return what came of it, and of theirs.

        Raises UnavailableError with a sentence if one of them failed, and ends them all if this or
        anything else ends the work.
        """
        with self._failing_together():
            for other in self._others:
                other.order(order, argument)
            result = own()
            return result, [other.answer() for other in self._others]

    def close(self) -> None:
        """End the others, and leave the group; does nothing if there are none."""
        if not self._others:
            return
        from torch import distributed

        for other in self._others:
            other.end()
        self._others.clear()
        if distributed.is_initialized():
            with contextlib.suppress(RuntimeError):  # nobody is left to answer
                distributed.group.WORLD.abort()  # type: ignore[union-attr]
            distributed.destroy_process_group()

    def _start(self) -> None:
        from torch import distributed

        self._before_start()
        if not distributed.is_available() or distributed.is_initialized():
            state = "in use elsewhere in this session" if distributed.is_available() else "missing"
            raise UnavailableError(
                f"{self.devices}: torch.distributed is {state}, and training on several devices "
                "needs it; name one device"
            )
        ranks = [Rank(number, self.rank.devices) for number in range(1, self.rank.count)]
        with self._failing_together():
            for rank in ranks:
                self._others.append(RankProcess(rank, self.devices, self._limit_s))
            for other in self._others:
                other.ready()
            limit = timedelta(seconds=self._limit_s)
            store = distributed.TCPStore(  # type: ignore[attr-defined]
                HOST, 0, is_master=True, wait_for_workers=False, timeout=limit
            )
            for other in self._others:
                other.order("join", other.rank, store.port, self._limit_s)
            self.rank.join(store, self._limit_s)
            for other in self._others:
                other.answer()

    @contextlib.contextmanager
    def _failing_together(self) -> Iterator[None]:
        """End all others if the block fails; raises UnavailableError if one of them caused it."""
        try:
            yield
        except BaseException as error:
            cause = self._cause(error) if isinstance(error, Exception) else None
            self.close()
            if cause is None:
                raise
            raise UnavailableError(str(cause)) from error

    def _cause(self, error: Exception) -> RankFailure | None:
        """Return the failure behind ``error``; None if it is none of the others'."""
        if not self._others:
            return None
        if not isinstance(error, RankFailure):
            wait([other.orders for other in self._others], timeout=GRACE_S)
        time.sleep(SETTLE_S)
        failures = [failure for other in self._others if (failure := other.failure())]
        for failure in failures:
            if not failure.is_of_others:
                return failure
        silent = [other for other in self._others if other.failure() is None]
        if silent and any(map(_is_timeout, (error, *failures))):
            return silent[0].silence()
        if failures and _is_timeout(error):
            return _impatience(self.devices, self._limit_s)
        return failures[0] if failures else None


def _impatience(devices: str, limit_s: float) -> RankFailure:
    """Return the failure of this rank, which gave up while the others worked on."""
    return RankFailure(
        f"the ranks of {devices} waited for each other for more than {limit_s:g} s; see whether "
        "the machine is overloaded, and run again"
    )


def _is_timeout(error: Exception) -> bool:
    """Whether a collective operation, or another rank that waited in one, has given up."""
    return isinstance(error, RuntimeError | RankFailure) and bool(TIMED_OUT.search(str(error)))
