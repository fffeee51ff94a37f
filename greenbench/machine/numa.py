"""NUMA nodes: their processors, the memory policy of a thread, and where its pages lie.

A node is a set of processors with memory of their own; that of other nodes is slower and costs more
energy (Documentation/mm/numa.rst). The policy is the kernel's, by its system calls alone.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from greenbench.errors import UnavailableError
from greenbench.machine.control import cpu_files
from greenbench.machine.processor_lists import listed, parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenbench.types import Cell

BIND = 2
"""``MPOL_BIND`` of linux/mempolicy.h: memory comes from the nodes of the mask alone."""
CALLS = {"x86_64": (239, 238), "aarch64": (236, 237)}
"""Machine to the numbers of the system calls get_mempolicy and set_mempolicy."""
WORDS = 16
"""Words of a mask: 1,024 nodes, the most of any kernel."""
WORD_BITS = 8 * ctypes.sizeof(ctypes.c_ulong)
MAPS = Path("/proc/self/numa_maps")

Mask = ctypes.c_ulong * WORDS


@dataclass(frozen=True, slots=True)
class NumaNode:
    """A node of this machine."""

    number: int
    processors: frozenset[int]


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """From which nodes the kernel takes memory for a thread."""

    mode: int
    """One of ``MPOL_...``; 0 takes it where the thread runs."""
    nodes: frozenset[int] = frozenset()

    @classmethod
    def binding(cls, node: int) -> MemoryPolicy:
        """Return the policy that takes memory from ``node`` alone."""
        return cls(BIND, frozenset({node}))


def nodes() -> tuple[NumaNode, ...]:
    """Return the nodes that have processors, by number; none if the kernel shows none."""
    found = []
    for folder in (cpu_files.root() / "devices/system/node").glob("node[0-9]*"):
        processors = parsed((folder / "cpulist").read_text("utf-8"))
        if processors:
            number = int(folder.name.removeprefix("node"))
            found.append(NumaNode(number, frozenset(processors)))
    return tuple(sorted(found, key=lambda node: node.number))


def usable(number: int) -> NumaNode:
    """Return a node with those of its processors that this process may use.

    Raises UnavailableError if it is none of several, has none, or the kernel sets no policy.
    """
    request = f"system.numa_node: node {number} was requested"
    present = nodes()
    numbers = listed(node.number for node in present)
    if len(present) < 2:  # noqa: PLR2004
        shown = f"has one NUMA node, {numbers}" if present else "shows no NUMA nodes"
        raise UnavailableError(
            f"{request}, and this machine {shown}: there is nothing to choose; leave out the knob"
        )
    chosen = next((node for node in present if node.number == number), None)
    if chosen is None:
        raise UnavailableError(f"{request}, and this machine has nodes {numbers}; name one of them")
    processors = chosen.processors & os.sched_getaffinity(0)
    if not processors:
        raise UnavailableError(
            f"{request}, and this process may use none of its processors, "
            f"{listed(chosen.processors)}; start it without that limit, or name another of the "
            f"nodes {numbers}"
        )
    _require_policies(request, processors)
    return NumaNode(number, processors)


def _require_policies(request: str, processors: frozenset[int]) -> None:
    try:
        set_policy(policy())
    except OSError as error:
        raise UnavailableError(
            f"{request}, and the kernel sets no memory policy here ({error.strerror}), as in a "
            "container without CAP_SYS_NICE; grant that, or request "
            f"system.cpu_affinity: {listed(processors)}, its processors alone"
        ) from None


def check(cells: Sequence[Cell]) -> None:
    """Raise UnavailableError if a cell cannot have the node that it requests."""
    for cell in cells:
        number = cell.options.system.numa_node
        if number is not None:
            usable(number)


def policy() -> MemoryPolicy:
    """Return the policy of this thread; raises OSError if the kernel does not tell."""
    mode, mask = ctypes.c_int(), Mask()
    _call(0, ctypes.byref(mode), mask, WORDS * WORD_BITS, None, 0)
    members = []
    for number in range(WORDS * WORD_BITS):
        word = mask[number // WORD_BITS]
        if word >> (number % WORD_BITS) & 1:
            members.append(number)
    return MemoryPolicy(mode.value, frozenset(members))


def set_policy(requested: MemoryPolicy) -> None:
    """Set the policy of this thread and of threads that it starts; raises OSError."""
    mask = Mask()
    for number in requested.nodes:
        mask[number // WORD_BITS] |= 1 << (number % WORD_BITS)
    _call(1, requested.mode, mask if requested.nodes else None, WORDS * WORD_BITS)


def _call(which: int, *arguments: object) -> None:
    calls = CALLS.get(platform.machine())
    if calls is None:
        raise OSError(0, f"its numbers on {platform.machine()} are not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(calls[which], *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def kib_by_node(maps: Path = MAPS) -> dict[int, int]:
    """Return how many KiB of this process lie on each node; empty if the kernel does not tell."""
    try:
        lines = maps.read_text("utf-8").splitlines()
    except OSError:  # a kernel without NUMA
        return {}
    sizes: Counter[int] = Counter()
    for line in lines:
        size = re.search(r" kernelpagesize_kB=(\d+)", line)
        for node, pages in re.findall(r" N(\d+)=(\d+)", line):
            sizes[int(node)] += int(pages) * int(size[1] if size else 4)
    return dict(sizes)
