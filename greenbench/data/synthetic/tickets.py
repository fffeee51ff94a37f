"""Made-up support tickets: short English texts with a topic, things in them, and a size of trouble.

They are data to try a suite with, when nothing else is at hand: easy to learn, too easy to compare
models by.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, NamedTuple

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

TOPICS = {
    "billing": ("was charged twice for", "got a wrong invoice for", "want my money back for"),
    "delivery": ("still wait for", "received a broken parcel with", "cannot track"),
    "technical": ("cannot start", "see an error message on", "failed to update"),
}
THINGS = (
    *("desk lamp", "coffee machine", "phone", "office chair", "printer", "bicycle"),
    *("kitchen scale", "camera", "headset", "keyboard", "water filter", "monitor"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEVERITIES = {"slightly": 1, "rather": 2, "quite": 3, "very": 5, "extremely": 8}
"""Word to the hours of work that it adds."""
MOODS = ("annoyed", "worried", "puzzled", "disappointed", "sorry")
OPENINGS = ("Hello", "Good morning", "Dear team", "Hi there", "To whom it may concern")
CLOSINGS = (
    *("please call me", "thanks for looking into it", "I hope for an answer soon"),
    *("what should I do now", "my neighbour has the same problem", "it is not the first time"),
)


class Ticket(NamedTuple):
    """One message."""

    topic: str
    words: list[str]
    tags: list[str]
    """One a word: ``B-ITEM``, ``I-ITEM``, ``B-DAY`` or ``O``."""
    hours: int
    """What its words say of the work that it will take."""
    item: str
    day: str

    @property
    def text(self) -> str:
        """The message as one text."""
        return " ".join(self.words)


def rows(kind: str, count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return ``count`` rows for a kind of task, by the column's name; no text twice.

    Raises UsageError for a kind that tickets are no data for.
    """
    if kind not in COLUMNS:
        raise UsageError(f"there are no tickets for {kind!r}; there are for {', '.join(COLUMNS)}")
    rng = Random(seed)
    found: dict[str, Ticket] = {}
    while len(found) < count:
        ticket = _drawn(rng)
        found[ticket.text] = ticket
    return [COLUMNS[kind](ticket) for ticket in found.values()]


def _drawn(rng: Random) -> Ticket:
    topic = rng.choice(list(TOPICS))
    item, day = rng.choice(THINGS), rng.choice(DAYS)
    words, tags = [], []

    def say(text: str, name: str = "") -> None:
        for place, word in enumerate(text.split()):
            words.append(word)
            begin = "I" if place else "B"
            tags.append(f"{begin}-{name}" if name else "O")

    severity = rng.choice(list(SEVERITIES))
    mood = rng.choice(MOODS)
    closing = rng.choice(CLOSINGS)
    endings = [f"I am {severity} {mood}", closing]
    rng.shuffle(endings)
    opening = rng.choice(OPENINGS)
    trouble = rng.choice(TOPICS[topic])
    say(opening)
    say(f"I {trouble} the")
    say(item, "ITEM")
    say("since")
    say(day, "DAY")
    for ending in endings:
        say(ending)
    hours = SEVERITIES[severity]
    return Ticket(topic, words, tags, hours, item, day)


def _classified(ticket: Ticket) -> dict[str, str]:
    return {"text": ticket.text, "label": ticket.topic}


def _rated(ticket: Ticket) -> dict[str, str]:
    return {"text": ticket.text, "value": str(ticket.hours)}


def _tagged(ticket: Ticket) -> dict[str, str]:
    return {"tokens": ticket.text, "tags": " ".join(ticket.tags)}


def _answered(ticket: Ticket) -> dict[str, str]:
    return {"prompt": ticket.text, "answer": f"{ticket.item} on {ticket.day}"}


COLUMNS: dict[str, Callable[[Ticket], dict[str, str]]] = {
    "text-classification": _classified,
    "regression": _rated,
    "token-classification": _tagged,
    "causal-lm": _answered,
}
"""Kind of task to what a row of it has."""
