"""Ctrl-C with workers: the process that started them hears it, and they begin no further test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UnavailableError
from greenbench.run.stopping import REASON

if TYPE_CHECKING:
    from collections.abc import Generator

    from greenbench.plugin.suite import Suite
    from greenbench.run.meeting import MeetingFolder, Membership
    from greenbench.run.memory import SessionMemory


class StopRelay:
    """The hook of the process that starts workers."""

    def __init__(self, suite: Suite, folder: MeetingFolder) -> None:
        """Tell the workers in their ``folder``."""
        self._suite = suite
        self._folder = folder

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Let the first Ctrl-C end the session once the rounds that run have ended."""
        stop = self._suite.session.memory.stop
        with stop.deferred(self._stop):
            result = yield
        stop.heed()
        return result

    def _stop(self, notice: str) -> None:
        self._folder.request_stop()
        self._suite.progress.announce(notice)


class StopGate:
    """Lets a worker begin no further test once its session is to stop, or has no memory left."""

    def __init__(self, membership: Membership, memory: SessionMemory) -> None:
        """Ask ``membership`` before each test, and catch up with other workers' ``memory``."""
        self._membership = membership
        self._memory = memory

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Pass over the test, and end the worker's session, if it is to stop."""
        reason = self._reason()
        if not reason:
            return None
        item.session.shouldstop = reason
        return True

    def _reason(self) -> str:
        if self._membership.is_to_stop:
            return REASON
        try:
            self._memory.catch_up()
        except UnavailableError as error:
            return str(error)
        return ""
