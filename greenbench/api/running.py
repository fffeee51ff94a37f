"""Which blocks run at this moment, and which of them lie within which.

A counter counts what the machine draws, whoever draws it. So a block within another one is in the
joules of both, as it should be; and of two that run at the same time in different threads or tasks
each has the joules of both, of which they are to know.
"""

from __future__ import annotations

import itertools
import os
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field

ENCLOSING: ContextVar[tuple[int, ...]] = ContextVar("greenbench_blocks", default=())
"""Numbers of the blocks that the running code lies in, the outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBlock:
    """One block between its edges."""

    number: int
    name: str
    outermost: bool
    beside: set[str] = field(default_factory=set)
    """Names of the others that ran meanwhile, neither around nor within it."""


class RunningBlocks:
    """All blocks of this process that run, in all threads."""

    def __init__(self) -> None:
        """Start without any."""
        self._numbers = itertools.count()
        self.forget()

    def __bool__(self) -> bool:
        """Whether any block runs."""
        return bool(self._blocks)

    def begin(self, name: str) -> RunningBlock:
        """Note that a block begins here."""
        enclosing = ENCLOSING.get()
        number = next(self._numbers)
        block = RunningBlock(number=number, name=name, outermost=not enclosing)
        with self._lock:
            for other in self._blocks.values():
                if other.number not in enclosing:
                    other.beside.add(name)
                    block.beside.add(other.name)
            self._blocks[number] = block
        ENCLOSING.set((*enclosing, number))
        return block

    def end(self, block: RunningBlock) -> None:
        """Note that a block has ended."""
        with self._lock:
            self._blocks.pop(block.number, None)
        others = [number for number in ENCLOSING.get() if number != block.number]
        ENCLOSING.set(tuple(others))

    def forget(self) -> None:
        """In a forked child: the threads of the parent's blocks are not here."""
        self._blocks: dict[int, RunningBlock] = {}
        self._lock = threading.Lock()


RUNNING = RunningBlocks()
os.register_at_fork(after_in_child=RUNNING.forget)
