"""What passes between the first rank and the others: orders one way, answers the other."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

DONE, FAILED, LOST = "done", "failed", "lost"
"""An order was carried out; it failed; it failed because of another rank."""


def send(connection: Connection, message: object) -> None:
    """Send a copy: torch would share tensors, by servers of its own, if ``send`` pickled them."""
    connection.send_bytes(pickle.dumps(message))
