"""Puts back what a journal owes, exactly once, and leaves alone what somebody else has set since.

Whoever wants to restore takes the leases of the devices first: while a journal's owner lives they cannot be had.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control import journal as journals
from greenbench.machine.control.lease import Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from greenbench.machine.control.controls import Value
    from greenbench.machine.control.journal import Entry, Journal

CLOSE = 0.02
"""How far, of itself, a number may lie from what was set and still be ours: drivers and kernels round."""


def put_back(journal: Journal, devices: Collection[str] | None = None) -> list[str]:
    """Restore what ``journal`` owes, of ``devices`` alone where they are given; who calls holds their leases.

    Returns sentences for what did not go smoothly. What cannot be restored now stays in the journal, and the rest goes on.
    """
    told: list[str] = []
    owed: list[Entry] = []
    for entry in reversed(journal.entries):
        if devices is not None and entry.control.device not in devices:
            owed.insert(0, entry)
            continue
        try:
            told += _restore(entry, exact=journal.read_back)
        except Exception as error:  # noqa: BLE001  whatever one device raises, the others get their settings back
            owed.insert(0, entry)
            told.append(
                f"{entry.control.title} could not be put back to {_shown(entry.before)}: {_line(error)}"
            )
    try:
        replace(journal, entries=tuple(owed)).write() if owed else journal.remove()
    except (OSError, UnavailableError) as error:
        told.append(f"the journal {journal.path} could not be changed ({_line(error)})")
    return told


def recover(
    say: Callable[[str], None],
    *,
    held: Collection[str] = (),
    about: Collection[str] | None = None,
    wait: bool = False,
) -> int:
    """Restore what sessions left behind that are gone, and return how many there were.

    ``held`` are devices whose lease the caller has; ``about`` narrows it to journals of these devices. What belongs to a
    session that lives is left alone; with ``wait`` its end is waited for. Other users' journals are told, not believed.
    """
    done = 0
    for journal in journals.found():
        if about is None or set(journal.devices) & set(about):
            done += _recover(journal, say, held, wait=wait)
    for text in journals.others():
        say(text)
    return done


def _recover(
    journal: Journal, say: Callable[[str], None], held: Collection[str], *, wait: bool
) -> int:
    leases = {d: Lease(journals.folder(), [d], say) for d in journal.devices if d not in held}
    free = set(held)
    try:
        free |= {device for device, lease in leases.items() if lease.take(wait=wait)}
        current = journals.read(journal.path)
        if current is None or not free & set(current.devices):  # somebody else was faster, or lives
            return 0
        if current.boot != journals.boot():
            current.remove()
            say(
                f"{_owner(current)} left settings behind; the machine was restarted since, which reset them: nothing to do"
            )
            return 1
        told = put_back(current, free)
    except (OSError, UnavailableError) as error:
        say(f"what {_owner(journal)} left could not be put back: {_line(error)}")
        return 1
    finally:
        for lease in leases.values():
            lease.release()
    what = ", ".join(e.control.title for e in current.entries if e.control.device in free)
    for text in told or [f"{_owner(current)} left {what} changed; the values from before are back"]:
        say(text)
    return 1


def left_behind() -> str:
    """Say in a sentence what sessions that are gone have left changed; empty where nothing is."""
    found = [
        f"{_owner(j)} left settings of this machine changed"
        for j in journals.found()
        if _is_abandoned(j)
    ]
    return "; ".join([*found, *journals.others()])


def _is_abandoned(journal: Journal) -> bool:
    """Whether nobody holds the lease of a device that it is about."""
    for device in journal.devices:
        lease = Lease(journals.folder(), [device])
        try:
            if lease.take(wait=False):
                return True
        finally:
            lease.release()
    return False


def _restore(entry: Entry, *, exact: bool) -> list[str]:
    """Put one setting back, where it still is what was set; raises what the device raises.

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
