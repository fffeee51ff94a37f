"""The process on one NUMA node: its threads on the node's processors, new memory from the node.

The policy is that of the thread that runs the stages, and of threads that it starts. Threads of
torch that were started before take memory where they run, which is on the same node. Pages that
existed before, such as those of libraries, stay where they are; the evidence counts all.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Self

from greenbench.machine import numa
from greenbench.machine.processor_lists import listed
from greenbench.stages.thread_pinning import ThreadPinning, processors_in_use, strays
from greenbench.types import Applied

HOW = "sched_getaffinity of every thread, and get_mempolicy"


class NumaBinding:
    """Context in which the process uses one node; None leaves it as it is."""

    proof: Applied

    def __init__(self, requested: int | None) -> None:
        """Bind nothing yet."""
        self._requested = requested
        self._node: numa.NumaNode | None = None
        self._context = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Bind, and read the processors and the policy back; raises UnavailableError."""
        self.proof = Applied(
            stage="system", knob="numa_node", asked=self._requested, got=None, how=HOW
        )
        if self._requested is not None:
            self.proof = replace(self.proof, before=_node_in_use())
            self._node = numa.usable(self._requested)
            with contextlib.ExitStack() as stack:
                self._bind(self._node, stack)
                self._context = stack.pop_all()
            self._read(self._node, "")
        return self

    def _bind(self, node: numa.NumaNode, stack: contextlib.ExitStack) -> None:
        stack.enter_context(ThreadPinning(node.processors))
        stack.callback(numa.set_policy, numa.policy())
        numa.set_policy(numa.MemoryPolicy.binding(node.number))

    def _read(self, node: numa.NumaNode, when: str) -> None:
        """Note in the proof what is in force."""
        policy, in_use = numa.policy(), processors_in_use()
        problems = []
        if outside := strays(set(node.processors), in_use):
            problems.append(f"{outside} might also run on other nodes")
        if policy != numa.MemoryPolicy.binding(node.number):
            problems.append("memory might also come from other nodes")
        sizes = numa.kib_by_node()
        evidence = {
            "processors": listed(set.union(*in_use)),
            "memory_policy": {"mode": policy.mode, "nodes": sorted(policy.nodes)},
            "kib_by_node": {str(number): sizes[number] for number in sorted(sizes)},
        }
        got = None if problems else node.number
        note = f"{when}{' and '.join(problems)}" if problems else ""
        self.proof = replace(self.proof, got=got, note=note, evidence=evidence)

    def __exit__(self, *_: object) -> None:
        """Read once more, and restore what was before."""
        if self._node is not None and self.proof.holds:
            self._read(self._node, "at the end ")
        self._context.close()


def _node_in_use() -> int | None:
    """Return the node whose processors are all that this process may use; None if it uses more."""
    usable = os.sched_getaffinity(0)
    for node in numa.nodes():
        if usable <= node.processors:
            return node.number
    return None
