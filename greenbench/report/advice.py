"""What the gates advise on a difference that is open: how many rounds would settle it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from greenbench.gates.changes import Change

ENDING = re.compile(r" \((--green-(?:rounds|until-sure) (\d+))\)$")
"""The option with which the reason of an open difference ends."""
ONE_ROUND = "five rounds show how much rounds differ, and so how many are needed (--green-rounds 5)"
"""What is advised after one round, whose spread is an assumption."""
EQUAL = "nothing: each round took exactly what V0's took"
FEASIBLE = 40
"""Rounds up to which a command asks for them; a larger number is told, and not asked for."""


class Advice(NamedTuple):
    """What would settle a difference."""

    remedy: str
    option: str
    """``--green-rounds 12``; empty if no number of rounds would settle it."""
    rounds: int
    """The number in it, else 0."""

    @property
    def is_far(self) -> bool:
        """Whether it takes more rounds than anybody would measure for it."""
        return self.rounds > FEASIBLE


def advice_on(change: Change) -> Advice:
    """Return the advice on an open difference: what follows its reason."""
    reason, _, remedy = change.open_because.partition("; ")
    remedy = ONE_ROUND if change.rounds == 1 else remedy or reason or EQUAL
    ending = ENDING.search(remedy)
    if ending is None:
        return Advice(remedy, "", 0)
    return Advice(remedy[: ending.start()], ending[1], int(ending[2]))
