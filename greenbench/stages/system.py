"""The system stage: settings of the process and of the devices around the other stages.

It opens no window of its own; its cost shows in theirs. Threads, affinity and NUMA node are the
process's own and are set here. Limits, clocks and governors are the machine's, shared with other
programs: ``greenbench.machine.control`` sets those, and restores them however the context exits.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from greenbench.errors import UsageError
from greenbench.machine.control.context import DeviceSettings
from greenbench.machine.processor_lists import listed, parsed
from greenbench.stages.numa_binding import NumaBinding
from greenbench.stages.thread_counts import TorchThreads
from greenbench.stages.thread_pinning import ThreadPinning, processors_in_use, strays
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenbench.machine.control.proofs import MachineRecord
    from greenbench.machine.gpu_records import Gpu
    from greenbench.options import SystemOptions
    from greenbench.stages.thread_counts import ThreadCount


class System:
    """Context in which the settings of one pipeline run are in force."""

    def __init__(
        self,
        options: SystemOptions,
        gpus: Sequence[Gpu],
        *,
        control: bool = True,
        threads: Callable[[int | None], ThreadCount] = TorchThreads,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing changes before the context is entered.

        Without ``control`` no limit or clock is touched; ``threads`` sets their number.
        """
        self._threads = threads
        self._thread_count: ThreadCount | None = None
        self._options = options
        self._devices = DeviceSettings(options, gpus, control=control, say=say)
        self._context = contextlib.ExitStack()
        self._process_settings: tuple[ThreadCount | _Affinity | NumaBinding, ...] = ()

    def reserve(self) -> None:
        """Wait for the devices, outside of what is timed; raises UsageError for invalid values."""
        if self._options.cpu_affinity:
            _processors(self._options.cpu_affinity)
        self._devices.reserve()
        self._thread_count = self._threads(self._options.cpu_threads)

    def release(self) -> None:
        """Let others have the devices."""
        self._devices.release()

    def __enter__(self) -> Self:
        """Set what can be set, and read it back."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._devices)
            count = self._thread_count or self._threads(self._options.cpu_threads)
            threads = stack.enter_context(count)
            affinity = stack.enter_context(_Affinity(self._options.cpu_affinity))
            node = stack.enter_context(NumaBinding(self._options.numa_node))
            self._process_settings = (threads, affinity, node)
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
        """Return a proof of each knob but ``processes``, which training proves.

        ``machine`` was sampled while the round ran.
        """
        process_proofs = [setting.proof for setting in self._process_settings]
        return (*process_proofs, *self._devices.proofs(machine))


class _Affinity:
    """Context in which every thread of the process may run on certain processors alone.

    None leaves them as they are.
    """

    proof: Applied

    def __init__(self, requested: str | None) -> None:
        self._requested = requested
        self._pinning: ThreadPinning | None = None

    def __enter__(self) -> Self:
        before = os.sched_getaffinity(0)
        actual = None
        if self._requested is not None:
            self._pinning = ThreadPinning(_processors(self._requested)).__enter__()
            actual = listed(os.sched_getaffinity(0))
        self.proof = Applied(
            stage="system",
            knob="cpu_affinity",
            asked=self._requested,
            got=actual,
            how="sched_getaffinity",
            before=listed(before),
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._pinning is None:
            return
        in_use = processors_in_use()
        if outside := strays(self._pinning.processors, in_use):
            actual = listed(set.union(*in_use))
            note = f"at the end {outside} might also run on other processors than {self._requested}"
            self.proof = replace(self.proof, got=actual, note=note)
        self._pinning.__exit__()


def _processors(text: str) -> set[int]:
    """Return the processors of a list; raises UsageError if this process may not use one."""
    processors = parsed(text)
    usable = os.sched_getaffinity(0)
    if not processors or not processors <= usable:
        raise UsageError(
            f"system.cpu_affinity: {text} was requested, and this process may use {listed(usable)}"
        )
    return processors
