"""Restores what a journal lists, exactly once, and leaves alone what somebody else has set since.

Whoever restores takes the leases of the devices first: they cannot be had while the session that
wrote the journal lives.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import first_line
from greenbench.machine.control.journal import (
    boot_id,
    read_journal,
    trusted_journals,
    unrestorable_journals,
)
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.state_folder import shared_folder
from greenbench.machine.control.texts import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from greenbench.machine.control.controls import Value
    from greenbench.machine.control.journal import Entry, Journal

ROUNDING = 0.02
"""Relative difference up to which a number is what was set: drivers and kernels round."""


def restore_settings(journal: Journal, devices: Collection[str] | None = None) -> list[str]:
    """Restore what ``journal`` lists, or the part of it on ``devices``; the caller has their lease.

    Returns a message for each setting that could not be restored, which stays in the journal while
    the others go on, and for each that somebody else has changed, which is left as it is.
    """
    messages = []
    remaining = []
    for entry in reversed(journal.entries):
        if devices is not None and entry.control.device not in devices:
            remaining.append(entry)
            continue
        try:
            message = _restore(entry, exact=journal.read_back)
        except Exception as error:  # noqa: BLE001  whatever one device raises, the others are restored
            remaining.append(entry)
            before = _shown(entry.before)
            message = (
                f"{entry.control.title} could not be restored to {before}: {first_line(error)}"
            )
        if message:
            messages.append(message)
    remaining.reverse()
    try:
        _keep_only(journal, remaining)
    except (OSError, UnavailableError) as error:
        messages.append(f"the journal {journal.path} could not be updated ({first_line(error)})")
    return messages


def _keep_only(journal: Journal, entries: Sequence[Entry]) -> None:
    """Leave ``entries`` in the journal on disk; remove it if there are none."""
    if entries:
        replace(journal, entries=tuple(entries)).write()
    else:
        journal.remove()


def recover(
    say: Callable[[str], None],
    *,
    held: Collection[str] = (),
    about: Collection[str] | None = None,
    wait: bool = False,
) -> int:
    """Restore what ended sessions left changed, and return how many such sessions there were.

    ``held`` are devices whose lease the caller has; ``about`` selects journals of these devices.
    The settings of a living session are left alone; ``wait`` waits for its end. ``say`` gets a
    message for each journal, also for other users' journals, which are not restored.
    """
    count = 0
    for journal in trusted_journals():
        if about is not None and not set(journal.devices) & set(about):
            continue
        if _recover(journal, say, held, wait=wait):
            count += 1
    for message in unrestorable_journals():
        say(message)
    return count


def _recover(
    journal: Journal, say: Callable[[str], None], held: Collection[str], *, wait: bool
) -> bool:
    """Restore the devices of ``journal`` that no living session has; whether there was anything."""
    leases = []
    free = set(held)
    try:
        for device in journal.devices:
            if device in held:
                continue
            leases.append(Lease(shared_folder(), [device], say))
            if leases[-1].take(wait=wait):
                free.add(device)
        messages = _restore_free_devices(journal.path, free)
    except (OSError, UnavailableError) as error:
        reason = first_line(error)
        messages = [f"what {journal.owner} left changed could not be restored: {reason}"]
    finally:
        for lease in leases:
            lease.release()
    for message in messages:
        say(message)
    return bool(messages)


def _restore_free_devices(path: Path, free: Collection[str]) -> list[str]:
    """Restore the devices in ``free`` from the journal ``path`` and say so; nothing if it is gone.

    The journal is read again, now that the leases are held: another process may have been faster.
    """
    journal = read_journal(path)
    if journal is None or not set(journal.devices) & set(free):
        return []
    if journal.boot != boot_id():
        journal.remove()
        since = "the machine was restarted since, which reset them: nothing to restore"
        return [f"{journal.owner} left settings changed; {since}"]
    messages = restore_settings(journal, free)
    if messages:
        return messages
    titles = []
    for entry in journal.entries:
        if entry.control.device in free:
            titles.append(entry.control.title)
    return [f"{journal.owner} left {', '.join(titles)} changed; the previous values are restored"]


def left_behind() -> str:
    """Say in a sentence what ended sessions have left changed; empty if there is nothing."""
    messages = []
    for journal in trusted_journals():
        if _is_abandoned(journal):
            messages.append(f"{journal.owner} left settings of this machine changed")
    messages += unrestorable_journals()
    return "; ".join(messages)


def _is_abandoned(journal: Journal) -> bool:
    """Whether nobody holds the lease of one of its devices, as far as can be known."""
    for device in journal.devices:
        try:
            lease = Lease(shared_folder(), [device])
            is_free = lease.take(wait=False)
        except UnavailableError:
            return True
        lease.release()
        if is_free:
            return True
    return False


def _restore(entry: Entry, *, exact: bool) -> str:
    """Restore one setting if it still has the value that was set; raises what the device raises.

    Returns a message if somebody else has changed it, else nothing. Without ``exact`` (the session
    died before it read back what it had set) a value that rounding explains counts as its own.
    """
    control = entry.control
    if not control.readable:
        control.write(entry.before)
        return ""
    present = control.read()
    if present == entry.before:
        return ""
    is_ours = present == entry.after or (not exact and same_value(present, entry.after))
    if not is_ours:
        return (
            f"{control.title} is {_shown(present)}, changed by somebody else after greenbench set "
            f"{_shown(entry.after)}: left as it is; it was {_shown(entry.before)} before"
        )
    control.write(entry.before)
    restored = control.read()
    if not same_value(restored, entry.before):
        raise UnavailableError(f"it reads {_shown(restored)} after it was set")
    return ""


def same_value(value: Value, other: Value) -> bool:
    """Whether two values are equal, or numbers that differ by no more than ``ROUNDING``."""
    if value == other:
        return True
    try:
        number, other_number = float(str(value)), float(str(other))
    except ValueError:
        return False
    largest = max(abs(number), abs(other_number))
    return abs(number - other_number) <= ROUNDING * largest


def _shown(value: Value) -> str:
    return "unlocked" if value is None else legible(str(value))
