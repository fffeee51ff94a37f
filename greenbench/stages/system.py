"""The system stage: circumstances around the other stages. It opens no window of its own; its cost shows in theirs.

Threads and affinity are the process's own and are set here. Limits, clocks and governors are the machine's, shared with others:
``greenbench.machine.control`` sets those, and puts them back whatever happens.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from greenbench.errors import UsageError
from greenbench.machine.control.context import DeviceSettings
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.machine.gpus import Gpu
    from greenbench.options import SystemOptions


class System:
    """Context of one pipeline run: holds the asked-for circumstances, and puts the previous ones back."""

    def __init__(
        self,
        options: SystemOptions,
        gpus: Sequence[Gpu],
        *,
        control: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing changes before the context is entered. Without ``control`` no limit or clock is touched."""
        self._options = options
        self._machine = DeviceSettings(options, gpus, control=control, say=say)
        self._open = contextlib.ExitStack()
        self._own: tuple[Applied, ...] = ()

    def reserve(self) -> None:
        """Before the timer: check what is asked, wait for the devices; raises UsageError for what they do not take."""
        if asked := self._options.cpu_affinity:
            _processors(asked)
        self._machine.reserve()

    def release(self) -> None:
        """Let others have the devices."""
        self._machine.release()

    def __enter__(self) -> Self:
        """Set what can be set, and note what was read back."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._machine)
            self._own = (
                stack.enter_context(_Threads(self._options)).proof,
                stack.enter_context(_Affinity(self._options)).proof,
            )
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Put the previous circumstances back."""
        self._open.close()

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a reader should know of settings that did not go back smoothly."""
        return self._machine.doubts

    def proofs(self, machine: Mapping[str, Any]) -> tuple[Applied, ...]:
        """Return a proof of each knob; ``machine`` is what was sampled while the round ran."""
        return (*self._own, *self._machine.proofs(machine))


class _Threads:
    """Context in which torch uses as many threads as asked."""

    def __init__(self, options: SystemOptions) -> None:
        self._asked, self._before = options.cpu_threads, torch.get_num_threads()

    def __enter__(self) -> Self:
        if self._asked is not None:
            torch.set_num_threads(self._asked)
        got = torch.get_num_threads()
        note = (
            ""
            if self._asked in (None, got)
            else f"asked for {self._asked} threads, torch uses {got}"
        )
        self.proof = _proof(
            "cpu_threads", self._asked, got, "torch.get_num_threads()", note, self._before
        )
        return self

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)


class _Affinity:
    """Context in which every thread of the process may run on the asked processors alone."""

    def __init__(self, options: SystemOptions) -> None:
        self._asked = options.cpu_affinity
        self._before: dict[int, set[int]] = {}

    def __enter__(self) -> Self:
        before = os.sched_getaffinity(0)
        if self._asked is not None:
            wanted = _processors(self._asked)
            self._before = {thread: os.sched_getaffinity(thread) for thread in _threads()}
            for thread in self._before:
                _pin(thread, wanted)
        got = _listed(os.sched_getaffinity(0)) if self._asked is not None else None
        self.proof = _proof(
            "cpu_affinity", self._asked, got, "sched_getaffinity", "", _listed(before)
        )
        return self

    def __exit__(self, *_: object) -> None:
        own = self._before.get(os.getpid())
        for thread in (
            _threads() if own else ()
        ):  # those that began inside go back with the first one
            _pin(thread, self._before.get(thread, own or set()))


def _threads() -> list[int]:
    return [int(p.name) for p in Path("/proc/self/task").iterdir()]


def _pin(thread: int, processors: set[int]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.sched_setaffinity(thread, processors)


def _processors(text: str) -> set[int]:
    """Return the processors that a list names; raises UsageError for one that this process may not use."""
    parts = [p.partition("-") for p in text.split(",")]
    wanted = {n for first, _, last in parts for n in range(int(first), int(last or first) + 1)}
    usable = os.sched_getaffinity(0)
    if not wanted or not wanted <= usable:
        raise UsageError(
            f"system.cpu_affinity: {text} was asked for, and this process may use {_listed(usable)}"
        )
    return wanted


def _listed(processors: set[int]) -> str:
    """Write processors as the kernel does: ``0-3,8``."""
    parts: list[list[int]] = []
    for n in sorted(processors):
        if parts and n == parts[-1][-1] + 1:
            parts[-1].append(n)
        else:
            parts.append([n])
    return ",".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)


def _proof(knob: str, asked: Any, got: Any, how: str, note: str, before: Any) -> Applied:
    return Applied(
        stage="system", knob=knob, asked=asked, got=got, how=how, note=note, before=before
    )
