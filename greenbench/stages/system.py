"""The system stage: settings of the process and of the devices around the other stages.

It opens no window of its own; its cost shows in theirs. Threads and affinity are the process's own
and are set here. Limits, clocks and governors are the machine's, shared with other programs:
``greenbench.machine.control`` sets those, and restores them however the context exits.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch

from greenbench.errors import UsageError
from greenbench.machine.control.context import DeviceSettings
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.control.proofs import MachineRecord
    from greenbench.machine.gpus import Gpu
    from greenbench.options import SystemOptions


class System:
    """Context in which the settings of one pipeline run are in force."""

    def __init__(
        self,
        options: SystemOptions,
        gpus: Sequence[Gpu],
        *,
        control: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing changes before the context is entered.

        Without ``control`` no limit or clock is touched.
        """
        self._options = options
        self._devices = DeviceSettings(options, gpus, control=control, say=say)
        self._context = contextlib.ExitStack()
        self._process_settings: tuple[_Threads | _Affinity, ...] = ()

    def reserve(self) -> None:
        """Wait for the devices, outside of what is timed; raises UsageError for invalid values."""
        if self._options.cpu_affinity:
            _processors(self._options.cpu_affinity)
        self._devices.reserve()

    def release(self) -> None:
        """Let others have the devices."""
        self._devices.release()

    def __enter__(self) -> Self:
        """Set what can be set, and read it back."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._devices)
            threads = stack.enter_context(_Threads(self._options.cpu_threads))
            affinity = stack.enter_context(_Affinity(self._options.cpu_affinity))
            self._process_settings = (threads, affinity)
            self._context = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Read the settings back once more, and restore the previous ones."""
        self._context.close()

    @property
    def doubts(self) -> tuple[str, ...]:
        """Warnings about settings that were not restored without trouble."""
        return self._devices.doubts

    def proofs(self, machine: MachineRecord) -> tuple[Applied, ...]:
        """Return a proof of each knob; ``machine`` was sampled while the round ran."""
        process_proofs = [setting.proof for setting in self._process_settings]
        return (*process_proofs, *self._devices.proofs(machine))


class _Threads:
    """Context in which torch uses a number of threads; None leaves it as it is."""

    proof: Applied

    def __init__(self, requested: int | None) -> None:
        self._requested = requested
        self._before = torch.get_num_threads()

    def __enter__(self) -> Self:
        if self._requested is not None:
            torch.set_num_threads(self._requested)
        actual = torch.get_num_threads()
        note = ""
        if self._requested not in {None, actual}:
            note = f"requested {self._requested} threads, torch uses {actual}"
        self.proof = Applied(
            stage="system",
            knob="cpu_threads",
            asked=self._requested,
            got=actual,
            how="torch.get_num_threads()",
            note=note,
            before=self._before,
        )
        return self

    def __exit__(self, *_: object) -> None:
        actual = torch.get_num_threads()
        if actual != self.proof.got:
            note = f"torch used {self.proof.got} threads at first and {actual} at the end"
            self.proof = replace(self.proof, got=actual, note=note)
        torch.set_num_threads(self._before)


class _Affinity:
    """Context in which every thread of the process may run on certain processors alone.

    None leaves them as they are.
    """

    proof: Applied

    def __init__(self, requested: str | None) -> None:
        self._requested = requested
        self._before: dict[int, set[int]] = {}
        self._pinned: set[int] = set()

    def __enter__(self) -> Self:
        before = os.sched_getaffinity(0)
        actual = None
        if self._requested is not None:
            self._pin_all(_processors(self._requested))
            actual = _listed(os.sched_getaffinity(0))
        self.proof = Applied(
            stage="system",
            knob="cpu_affinity",
            asked=self._requested,
            got=actual,
            how="sched_getaffinity",
            before=_listed(before),
        )
        return self

    def _read_again(self, in_use: Sequence[set[int]]) -> None:
        """Note in the proof what the threads may run on at the end; fewer processors are allowed.

        OpenMP binds a thread to one of the processors that it is given, for one.
        """
        outside = [processors for processors in in_use if not processors <= self._pinned]
        if outside:
            actual = _listed(set.union(*in_use))
            threads = f"{len(outside)} of {len(in_use)} threads"
            note = f"at the end {threads} might also run on other processors than {self._requested}"
            self.proof = replace(self.proof, got=actual, note=note)

    def _pin_all(self, processors: set[int]) -> None:
        self._pinned = processors
        for thread in _threads():
            self._before[thread] = os.sched_getaffinity(thread)
        for thread in self._before:
            _pin(thread, processors)

    def __exit__(self, *_: object) -> None:
        main = self._before.get(os.getpid())
        if main is None:
            return
        self._read_again(_processors_of(_threads()))
        for thread in _threads():
            # Threads that began within the context get the processors of the first one.
            _pin(thread, self._before.get(thread, main))


def _threads() -> list[int]:
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


def _processors_of(threads: Sequence[int]) -> list[set[int]]:
    """Return the processors that each of ``threads`` may run on; one that has ended has none."""
    processors = []
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):
            processors.append(os.sched_getaffinity(thread))
    return processors


def _pin(thread: int, processors: set[int]) -> None:
    with contextlib.suppress(ProcessLookupError):  # the thread has ended
        os.sched_setaffinity(thread, processors)


def _processors(text: str) -> set[int]:
    """Return the processors of a list; raises UsageError if this process may not use one."""
    processors: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        processors.update(range(int(first), int(last or first) + 1))
    usable = os.sched_getaffinity(0)
    if not processors or not processors <= usable:
        raise UsageError(
            f"system.cpu_affinity: {text} was requested, and this process may use {_listed(usable)}"
        )
    return processors


def _listed(processors: set[int]) -> str:
    """Write processors as the kernel does: ``0-3,8``."""
    runs: list[list[int]] = []
    for number in sorted(processors):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(map(_run, runs))


def _run(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return str(numbers[0])
    return f"{numbers[0]}-{numbers[-1]}"
