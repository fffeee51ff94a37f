"""Puts back what a journal owes, exactly once, and leaves alone what somebody else has set since.

Whoever wants to restore takes the leases of the journal's devices first: while its owner lives they cannot be had.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.power import journal as journals
from greenbench.power.controls import errors
from greenbench.power.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from greenbench.power.controls import Value
    from greenbench.power.journal import Entry, Journal

CLOSE = 0.02
"""How far, of itself, a number may lie from what was set and still be ours: drivers and kernels round."""


def put_back(journal: Journal) -> list[str]:
    """Restore what ``journal`` owes and remove it; who calls holds the leases. Return sentences for what did not go smoothly.

    What cannot be restored now stays in the journal.
    """
    told: list[str] = []
    owed: list[Entry] = []
    for entry in reversed(journal.entries):
        try:
            told += _restore(entry, exact=journal.read_back)
        except errors() as error:
            owed.insert(0, entry)
            told.append(f"{entry.control.title} could not be put back to {_shown(entry.before)}: {_line(error)}")
    if owed:
        replace(journal, entries=tuple(owed)).write()
    else:
        journal.remove()
    return told


def recover(
    say: Callable[[str], None], *, held: Collection[str] = (), about: Collection[str] | None = None, wait: bool = False
) -> int:
    """Restore what sessions left behind that are gone, and return how many there were.

    ``held`` are devices whose lease the caller has; ``about`` narrows it to journals of these devices. A journal whose owner
    lives is left alone; with ``wait`` its end is waited for.
    """
    done = 0
    for journal in journals.found():
        if about is None or set(journal.devices) & set(about):
            done += _recover(journal, say, held, wait=wait)
    return done


def left_behind() -> str:
    """Say in a sentence what sessions that are gone have left changed; empty where nothing is."""
    owners = []
    for journal in journals.found():
        lease = Lease(journal.path.parent, journal.devices)
        try:
            if lease.take(wait=False):
                owners.append(_owner(journal))
        except UnavailableError:
            owners.append(_owner(journal))
        finally:
            lease.release()
    return f"{', '.join(owners)} left settings of this machine changed" if owners else ""


def _recover(journal: Journal, say: Callable[[str], None], held: Collection[str], *, wait: bool) -> int:
    lease = Lease(journal.path.parent, set(journal.devices) - set(held), say)
    try:
        if not lease.take(wait=wait):
            return 0
        current = journals.read(journal.path)
        if current is None:  # somebody else was faster
            return 0
        if current.boot != journals.boot():
            current.remove()
            say(f"{_owner(current)} left settings behind; the machine was restarted since, which reset them: nothing to do")
            return 1
        told = put_back(current)
    except UnavailableError as error:
        say(str(error))
        return 0
    finally:
        lease.release()
    what = ", ".join(e.control.title for e in current.entries)
    for text in told or [f"{_owner(current)} left {what} changed; the values from before are back"]:
        say(text)
    return 1


def _restore(entry: Entry, *, exact: bool) -> list[str]:
    """Put one setting back, where it still is what was set; raises what ``errors`` names.

    Where a session died before it read back what it had set, a value close to that is taken for its own.
    """
    if not entry.control.readable:
        entry.control.write(entry.before)
        return []
    now = entry.control.read()
    if now == entry.before:
        return []
    if now != entry.after and (exact or not same(now, entry.after)):
        here, before = _shown(entry.after), _shown(entry.before)
        return [
            f"{entry.control.title} is {_shown(now)}, which somebody else set after {here} was set here: left; it was {before}"
        ]
    entry.control.write(entry.before)
    if not same(now := entry.control.read(), entry.before):
        raise UnavailableError(f"it reads {_shown(now)} after it was set")
    return []


def same(one: Value, other: Value) -> bool:
    """Whether two values are one: equal, or numbers that differ by no more than rounding does."""
    if one == other:
        return True
    try:
        a, b = float(str(one)), float(str(other))
    except ValueError:
        return False
    return abs(a - b) <= CLOSE * max(abs(a), abs(b))


def _owner(journal: Journal) -> str:
    return f"process {journal.pid} of user {journal.uid} ({journal.command})"


def _shown(value: Value) -> str:
    return "unlocked" if value is None else str(value)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
