"""Applies device settings in a context and restores the previous values however it exits.

The order is what makes it safe: lease, recovery of what ended sessions left, guard, journal on
disk, and only then the first change, which is read back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from greenbench.errors import UnavailableError
from greenbench.machine.control.controls import device_errors, first_line, is_permission_error
from greenbench.machine.control.guard import Guard
from greenbench.machine.control.journal import Entry, new_journal
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.restore import recover, restore_settings, same_value
from greenbench.machine.control.state_folder import shared_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from greenbench.machine.control.controls import Control, Value
    from greenbench.machine.control.journal import Journal

GUARD = Guard()
"""One for the process, however many cells set something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A control and the value to set."""

    control: Control
    value: Value


class SettingRefusedError(UnavailableError):
    """A device did not take a setting."""

    def __init__(self, control: Control, sentence: str) -> None:
        """Name the control that was refused."""
        super().__init__(sentence)
        self.control = control


class Transaction:
    """Context in which all of some settings are in force, or none.

    The lease of their devices is held from ``reserve`` to ``release``.
    """

    def __init__(
        self,
        settings: Sequence[Setting],
        say: Callable[[str], None] = lambda _text: None,
        *,
        devices: Collection[str] = (),
        restores: bool = True,
    ) -> None:
        """Prepare; nothing changes before the context is entered.

        ``devices`` are leased although nothing is set on them; ``restores`` says whether to restore
        what ended sessions left changed on all of them. ``say`` gets the messages of that.
        """
        self._readable = [s for s in settings if s.control.readable]
        self._unreadable = [s for s in settings if not s.control.readable]
        self._devices = {*devices, *(s.control.device for s in settings)}
        self._say = say
        self._restores = restores
        self._owner = os.getpid()
        self._journal: Journal | None = None
        self._lease: Lease | None = None
        self.messages: list[str] = []
        """Settings that somebody else had changed at the end, or that could not be restored."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is set, each with the value from before and the one that was read back."""
        return self._journal.entries if self._journal is not None else ()

    def reserve(self) -> None:
        """Wait for the devices, restore what ended sessions left there, and start the guard.

        Raises UnavailableError.
        """
        if self._lease is not None or not self._devices:
            return
        lease = Lease(shared_folder(), self._devices, self._say)
        lease.take()
        self._lease = lease
        try:
            if self._restores:
                recover(self._say, held=self._devices, about=self._devices)
            if self._readable or self._unreadable:
                GUARD.start(gpus=_gpu_uuids(self._devices))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Release the devices; a forked child does nothing."""
        if self._lease is not None and os.getpid() == self._owner:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> Self:
        """Set everything; raises UnavailableError if one setting fails, with nothing changed."""
        self.reserve()
        try:
            # What cannot be read is set last: a rollback then knows which locks were its own.
            self._set(self._readable)
            self._set(self._unreadable)
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Restore everything."""
        self._restore()

    def _set(self, settings: Sequence[Setting]) -> None:
        """Write to the journal what ``settings`` will change, change it, and read it back."""
        if not settings:
            return
        entries = _planned(settings)
        journal = self._journal or new_journal(())
        earlier = journal.entries
        self._keep(replace(journal, entries=(*earlier, *entries), read_back=False))
        for number, entry in enumerate(entries):
            try:
                entry.control.write(entry.after)
            except device_errors() as error:
                tried = entries[:number]
                if _may_have_changed(entry, error):
                    tried = entries[: number + 1]
                self._keep(replace(journal, entries=(*earlier, *tried)))
                reason = f"cannot be set to {entry.after}: {first_line(error)}"
                raise _refusal(entry.control, reason) from error
        self._read_back()

    def _keep(self, journal: Journal) -> None:
        """Keep ``journal`` in memory, to restore from even if the file is lost, and write it."""
        self._journal = journal
        journal.write()

    def _read_back(self) -> None:
        """Replace requested values by those read back: drivers round, and the result is ours.

        Raises SettingRefusedError for a setting that did not take effect.
        """
        assert self._journal is not None  # noqa: S101  ``_set`` wrote it
        entries = _with_actual_values(self._journal.entries)
        self._keep(replace(self._journal, entries=entries, read_back=True))
        requested = {s.control.title: s.value for s in self._readable}
        for entry in entries:
            if entry.control.readable:
                _check_effect(entry, requested[entry.control.title])

    def _restore(self) -> None:
        """Restore what this process has set; a forked child that exits the context does nothing."""
        if self._journal is not None and os.getpid() == self._owner:
            journal, self._journal = self._journal, None
            self.messages += restore_settings(journal)


def _gpu_uuids(devices: Iterable[str]) -> list[str]:
    """Return the UUIDs of the GPUs among ``devices``."""
    uuids = []
    for device in devices:
        if device.startswith("gpu "):
            uuids.append(device.removeprefix("gpu "))
    return uuids


def _planned(settings: Sequence[Setting]) -> tuple[Entry, ...]:
    """Return journal entries with the present values; raises UnavailableError."""
    entries = []
    try:
        for setting in settings:
            control = setting.control
            entries.append(Entry(control=control, before=control.read(), after=setting.value))
    except device_errors() as error:
        raise UnavailableError(
            f"the present settings cannot be read, so nothing is changed: {first_line(error)}"
        ) from error
    return tuple(entries)


def _with_actual_values(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries with the values that the devices report now, if they do."""
    actual_entries = []
    for entry in entries:
        if entry.control.readable:
            actual_entries.append(replace(entry, after=entry.control.read()))
        else:
            actual_entries.append(entry)
    return tuple(actual_entries)


def _may_have_changed(entry: Entry, error: Exception) -> bool:
    """Whether a failed write has to be restored.

    A lock that was refused for lack of permission was not set, and resetting it would undo somebody
    else's; what can be read is compared before it is restored.
    """
    return entry.control.readable or not is_permission_error(error)


def _check_effect(entry: Entry, requested: Value) -> None:
    """Raise SettingRefusedError if the value read back is not the requested one."""
    unchanged = entry.after == entry.before and str(requested) != str(entry.before)
    if unchanged or not same_value(entry.after, requested):
        reason = f"was set to {requested} and reads {entry.after}"
        raise _refusal(entry.control, reason)


def _refusal(control: Control, reason: str) -> SettingRefusedError:
    return SettingRefusedError(control, f"{control.title} {reason}")
