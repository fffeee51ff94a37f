"""Keeps ``os._exit(0)``, in a cell or in what it calls, from ending a session in 0."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED = 1


class EarlyExit:
    """Replaces ``os._exit`` in this process until ``restore``; forked children are left alone.

    Calls of the C library's function are not seen: ``greenbench run`` notices these.
    """

    def __init__(self, status: Callable[[], int | None], show: Callable[[str], None]) -> None:
        """Replace it.

        ``status`` returns the session's own exit status once that is known, else None; ``show``
        tells a reader why the status is another one.
        """
        self._status = status
        self._show = show
        self._exit = os._exit
        self._process = os.getpid()
        os._exit = self._end

    def restore(self) -> None:
        """Put the original back, unless somebody has replaced it since."""
        if os._exit == self._end:
            os._exit = self._exit

    def _end(self, status: int) -> NoReturn:
        if os.getpid() == self._process and status == 0:
            known = self._status()
            if known is None:
                self._show(
                    "a test, or what it calls, ended this process with os._exit(0): what was "
                    "selected was not judged, so the exit code is 1"
                )
            status = FAILED if known is None else known
        self._exit(status)
