"""One other rank, as the process that measures sees it: orders, answers, and how it failed."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from greenbench.machine.processes import import_paths
from greenbench.stages.ranks.messages import DONE, LOST, send

if TYPE_CHECKING:
    from greenbench.stages.ranks.rank import Rank

MODULE = "greenbench.stages.ranks.child"
START_S = 180.0
"""How long imports may take, of several processes at once."""
END_S = 10.0
"""How long a process may take to end, once its socket is closed."""
MOST_LOG = 4096
"""Bytes at the end of what it printed, in which the reason of its death may stand."""
DURING = {
    "start": "when it started",
    "join": "when the ranks met",
    "reset": "when it was reset",
    "load": "when it loaded the model",
    "train": "in training",
}


class RankFailure(Exception):
    """Why another rank did not do what it was to do, in a sentence."""

    def __init__(self, sentence: str, *, is_of_others: bool = False) -> None:
        """Keep the sentence; ``is_of_others`` says that yet another rank caused it."""
        super().__init__(sentence)
        self.is_of_others = is_of_others


class RankProcess:
    """A process that is not yet told which rank it is until it is to join the others."""

    def __init__(self, rank: Rank, devices: str, limit_s: float) -> None:
        """Start it; it is not ready yet. No wait is longer than ``limit_s``."""
        own, theirs = socket.socketpair()
        with own, theirs:
            _limit(own, limit_s)
            self._printed = tempfile.TemporaryFile()  # noqa: SIM115  closed by ``end``
            child, parent = str(theirs.fileno()), str(os.getpid())
            self._process = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-P", "-m", MODULE, child, parent],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": import_paths()},
            )
            self.orders = Connection(own.detach())
        self.rank = rank
        self._limit_s = limit_s
        self._name = f"rank {rank.number} of {devices} (process {self.pid})"
        self._order = "start"
        self._failure: RankFailure | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def order(self, name: str, *arguments: object) -> None:
        """Let it begin; raises RankFailure if it does not take the order."""
        self._order = name
        try:
            send(self.orders, (name, arguments))
        except BlockingIOError:
            raise self.silence() from None
        except OSError:
            raise self._death() from None

    def answer(self) -> object:
        """Wait for the answer to the latest order; raises RankFailure if there is none."""
        return self._answer(self._limit_s)

    def ready(self) -> None:
        """Wait until it has imported what it needs; raises RankFailure if it has not."""
        self._answer(START_S)

    def _answer(self, limit_s: float) -> object:
        if self._failure is not None:
            raise self._failure
        try:
            if not self.orders.poll(limit_s):
                raise self.silence()
            kind, value = pickle.loads(self.orders.recv_bytes())  # noqa: S301  our own process
        except BlockingIOError:
            raise self.silence() from None
        except (EOFError, OSError):
            raise self._death() from None
        if kind != DONE:
            sentence = f"{self._name} failed {DURING[self._order]}: {value}"
            raise self._noted(RankFailure(sentence, is_of_others=kind == LOST))
        return value

    def failure(self) -> RankFailure | None:
        """Return how it has failed; None if it has not, as far as is known."""
        if self._failure is None and self.orders.poll():
            with contextlib.suppress(RankFailure):
                self.answer()
        return self._failure

    def silence(self) -> RankFailure:
        """Return the failure of a process that gives no sign."""
        return self._noted(
            RankFailure(
                f"{self._name} gave no sign for {self._limit_s:g} s {DURING[self._order]}, and was "
                "ended; see whether it was stopped or the machine is overloaded, and run again"
            )
        )

    def _death(self) -> RankFailure:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        status = self._process.returncode
        if status is None:
            how = "closed its connection"
        elif status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with exit status {status}"
        printed = self._last_line()
        reason = f" ({printed})" if printed else ""
        remedy = "see whether memory ran out, and run again or on fewer devices"
        return self._noted(
            RankFailure(f"{self._name} {how} {DURING[self._order]}{reason}; {remedy}")
        )

    def _noted(self, failure: RankFailure) -> RankFailure:
        self._failure = self._failure or failure
        return self._failure

    def _last_line(self) -> str:
        end = self._printed.seek(0, os.SEEK_END)
        self._printed.seek(max(0, end - MOST_LOG))
        lines = self._printed.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def end(self) -> None:
        """Kill it, and wait for that: so its CPU seconds stay known."""
        self._process.kill()
        self._process.wait()
        self.orders.close()
        self._printed.close()


def _limit(connection: socket.socket, seconds: float) -> None:
    """Let no transfer wait for longer: one that stops reading would block for ever."""
    whole, part = divmod(seconds, 1)
    time = struct.pack("ll", int(whole), int(part * 1_000_000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, time)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time)
