"""Sets things of a shared machine for a while, and gives the machine its own settings back, whatever ends the while.

The order is what makes it safe: lease, recovery of what others left, guard, journal on disk, and only then the first change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from greenbench.errors import UnavailableError
from greenbench.power import journal as journals
from greenbench.power.controls import errors
from greenbench.power.guard import Guard
from greenbench.power.journal import Entry
from greenbench.power.lease import Lease
from greenbench.power.restoring import put_back, recover, same

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from greenbench.power.controls import Control, Value
    from greenbench.power.journal import Journal

GUARD = Guard()
"""One for the process, however many cells set something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A control and what it is to be set to."""

    control: Control
    value: Value


class Guarded:
    """Context in which ``wishes`` are in force; all of them, or none."""

    def __init__(
        self, wishes: Sequence[Wish], say: Callable[[str], None] = lambda _text: None, *, devices: Collection[str] = ()
    ) -> None:
        """Prepare; nothing changes before the context is entered. ``devices`` are leased though nothing is set on them."""
        self._wishes, self._say = tuple(wishes), say
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
        """Wait for the devices, restore what others left there, and have the guard ready; raises UnavailableError.

        Entering the context does it too: who measures the time does it before.
        """
        if self._lease is not None or not self._devices:
            return
        lease = Lease(journals.folder(), self._devices, self._say)
        lease.take()
        self._lease = lease
        try:
            recover(self._say, held=self._devices, about=self._devices)
            if self._wishes:
                GUARD.start(gpus=any(d.startswith("gpu") for d in self._devices))
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let others have the devices."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> Self:
        """Set everything; raises UnavailableError where one thing cannot be set, and then nothing is changed."""
        self.reserve()
        try:
            if self._wishes:
                self._set()
        except BaseException:
            self._put_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back."""
        self._put_back()

    def _set(self) -> None:
        try:
            entries = [Entry(control=w.control, before=w.control.read(), after=w.value) for w in self._wishes]
        except errors() as error:
            raise UnavailableError(f"what is set now cannot be read, so nothing is changed: {error}") from error
        self._journal = journals.new(entries)
        self._journal.write()
        for entry in entries:
            try:
                entry.control.write(entry.after)
            except errors() as error:
                raise UnavailableError(f"{entry.control.title} cannot be set to {entry.after}: {_line(error)}") from error
        self._note_what_is_set()

    def _note_what_is_set(self) -> None:
        """Replace what was asked by what was read back: drivers round, and what they rounded to is ours to undo."""
        assert self._journal is not None  # noqa: S101  ``_set`` wrote it
        read = [replace(e, after=e.control.read()) if e.control.readable else e for e in self._journal.entries]
        self._journal = replace(self._journal, entries=tuple(read), read_back=True)
        self._journal.write()
        for entry, wish in zip(read, self._wishes, strict=True):
            if entry.control.readable and not same(entry.after, wish.value):
                raise UnavailableError(f"{entry.control.title} was set to {wish.value} and reads {entry.after}")

    def _put_back(self) -> None:
        try:
            if self._journal is not None and self._journal.path.exists():
                self.told += put_back(self._journal)
        finally:
            self.release()


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
