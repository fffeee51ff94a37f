"""Sets things of a shared machine for a while, and gives the machine its own settings back, whatever ends the while.

The order is what makes it safe: lease, recovery of what others left, guard, journal on disk, and only then the first change.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from greenbench.errors import UnavailableError
from greenbench.machine.control import journal as journals
from greenbench.machine.control.controls import denied, errors
from greenbench.machine.control.guard import Guard
from greenbench.machine.control.journal import Entry
from greenbench.machine.control.lease import Lease
from greenbench.machine.control.restore import put_back, recover, same

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from greenbench.machine.control.controls import Control, Value
    from greenbench.machine.control.journal import Journal

GUARD = Guard()
"""One for the process, however many cells set something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A control and what it is to be set to."""

    control: Control
    value: Value


class SettingRefusedError(UnavailableError):
    """A device did not take a setting."""

    def __init__(self, control: Control, sentence: str) -> None:
        """Name what was refused."""
        super().__init__(sentence)
        self.control = control


class Transaction:
    """Context in which ``wishes`` are in force; all of them, or none. The lease is held from ``reserve`` to ``release``."""

    def __init__(
        self,
        wishes: Sequence[Setting],
        say: Callable[[str], None] = lambda _text: None,
        *,
        devices: Collection[str] = (),
        restores: bool = True,
    ) -> None:
        """Prepare; nothing changes before the context is entered.

        ``devices`` are leased though nothing is set on them; ``restores`` puts back what others left there.
        """
        # What cannot be read is set last: a rollback then knows which locks were its own.
        self._wishes = tuple(sorted(wishes, key=lambda w: not w.control.readable))
        self._say, self._restores, self._owner = say, restores, os.getpid()
        self._devices = {*devices, *(w.control.device for w in wishes)}
        self._journal: Journal | None = None
        self._lease: Lease | None = None
        self.told: list[str] = []
        """What a reader should know: settings that were somebody else's at the end, or could not be put back."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is set, each with the value from before and the one that was read back."""
        return self._journal.entries if self._journal is not None else ()

    def reserve(self) -> None:
        """Wait for the devices, restore what others left there, and have the guard ready; raises UnavailableError."""
        if self._lease is not None or not self._devices:
            return
        lease = Lease(journals.folder(), self._devices, self._say)
        lease.take()
        self._lease = lease
        try:
            if self._restores:
                recover(self._say, held=self._devices, about=self._devices)
            if self._wishes:
                GUARD.start(
                    gpus=[d.removeprefix("gpu ") for d in self._devices if d.startswith("gpu ")]
                )
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others have the devices."""
        if self._lease is not None and os.getpid() == self._owner:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> Self:
        """Set everything; raises UnavailableError where one thing cannot be set, and then nothing is changed."""
        self.reserve()
        try:
            self._set([w for w in self._wishes if w.control.readable])
            self._set([w for w in self._wishes if not w.control.readable])
        except BaseException:
            self._put_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back."""
        self._put_back()

    def _set(self, wishes: Sequence[Setting]) -> None:
        """Journal what ``wishes`` would change, then change it, one by one."""
        if not wishes:
            return
        try:
            entries = tuple(
                Entry(control=w.control, before=w.control.read(), after=w.value) for w in wishes
            )
        except errors() as error:
            raise UnavailableError(
                f"what is set now cannot be read, so nothing is changed: {_line(error)}"
            ) from error
        journal = self._journal or journals.new(())
        done = journal.entries
        self._keep(replace(journal, entries=(*done, *entries), read_back=False))
        for place, entry in enumerate(entries):
            try:
                entry.control.write(entry.after)
            except errors() as error:
                # A refused lock was not set, and letting go of it would undo somebody else's; what can be read is looked at.
                tried = place + (entry.control.readable or not denied(error))
                self._keep(replace(journal, entries=(*done, *entries[:tried])))
                raise SettingRefusedError(
                    entry.control,
                    f"{entry.control.title} cannot be set to {entry.after}: {_line(error)}",
                ) from error
        self._note_what_is_set()

    def _keep(self, journal: Journal) -> None:
        """Have ``journal`` in memory and on disk: what is in memory is put back even where the file is lost."""
        self._journal = journal
        journal.write()

    def _note_what_is_set(self) -> None:
        """Replace what was asked by what was read back: drivers round, and what they rounded to is ours to undo."""
        assert self._journal is not None  # noqa: S101  ``_set`` wrote it
        read = [
            replace(e, after=e.control.read()) if e.control.readable else e
            for e in self._journal.entries
        ]
        wanted = {w.control.title: w.value for w in self._wishes}
        self._keep(replace(self._journal, entries=tuple(read), read_back=True))
        for entry in read:
            asked = wanted[entry.control.title]
            ignored = entry.after == entry.before and str(asked) != str(entry.before)
            if entry.control.readable and (ignored or not same(entry.after, asked)):
                raise SettingRefusedError(
                    entry.control,
                    f"{entry.control.title} was set to {asked} and reads {entry.after}",
                )

    def _put_back(self) -> None:
        """Put back what this process has set; a forked child that leaves the context does nothing."""
        if self._journal is not None and os.getpid() == self._owner:
            journal, self._journal = self._journal, None
            self.told += put_back(journal)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
