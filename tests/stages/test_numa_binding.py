"""A NUMA node: in force inside, restored outside, and proved by what the kernel reports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from greenbench.machine import numa
from greenbench.options import Options, SystemOptions
from greenbench.run.effects import without_effect
from greenbench.stages import thread_pinning
from greenbench.stages.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from greenbench.types import Applied

USABLE = os.sched_getaffinity(0)
FIRST = min(USABLE)
NODE_0 = numa.MemoryPolicy.binding(0)
OPTIONS = SystemOptions(numa_node=0)

pytestmark = pytest.mark.skipif(len(USABLE) < 2, reason="needs two processors")


@pytest.fixture(autouse=True)
def two_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the kernel show a node with one processor of this process, and one with the others."""
    try:
        before = numa.policy()
        numa.set_policy(before)
    except OSError as error:
        pytest.skip(f"no memory policy can be set here: {error}")
    others = ",".join(str(number) for number in sorted(USABLE - {FIRST}))
    for number, processors in enumerate((str(FIRST), others)):
        folder = tmp_path / f"devices/system/node/node{number}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(processors, "utf-8")
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))
    yield
    assert numa.policy() == before
    assert os.sched_getaffinity(0) == USABLE


def proof_of(system: System) -> Applied:
    """Return the proof of the node."""
    return next(a for a in system.proofs({}) if a.knob == "numa_node")


def idle(proof: Applied) -> tuple[str, ...]:
    """Return the knobs that did nothing, of a variant that requests the node."""
    return without_effect([proof], Options(system=OPTIONS))


def test_processors_and_memory_are_the_nodes_inside() -> None:
    """Outside both are as before (see ``two_nodes``); the evidence counts the process's memory."""
    with System(OPTIONS, ()) as system:
        assert os.sched_getaffinity(0) == {FIRST}
        assert numa.policy() == NODE_0
    told = proof_of(system)
    assert (told.asked, told.got, told.before, told.holds) == (0, 0, None, True)
    assert told.evidence["processors"] == str(FIRST)
    assert sum(told.evidence["kib_by_node"].values()) > 10_000
    assert idle(told) == ()


def test_a_process_that_is_on_the_node_already_gains_nothing() -> None:
    """Started under numactl or taskset, say: the knob changes nothing, and counts as NO-EFFECT."""
    with thread_pinning.ThreadPinning({FIRST}), System(OPTIONS, ()) as system:
        pass
    assert idle(proof_of(system)) == ("system.numa_node",)


def test_a_policy_or_a_pin_that_does_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof is read from the kernel, whatever was requested."""
    with monkeypatch.context() as patch:
        patch.setattr(numa, "set_policy", lambda _policy: None)
        with System(OPTIONS, ()) as system:
            pass
    assert proof_of(system).note == "memory might also come from other nodes"
    monkeypatch.setattr(thread_pinning, "_pin", lambda *_: None)
    with System(OPTIONS, ()) as system:
        pass
    assert "threads might also run on other nodes" in proof_of(system).note
    assert idle(proof_of(system)) == ("system.numa_node",)


def test_what_is_undone_within_the_round_is_reported() -> None:
    """The proof is read at the end, too."""
    with System(OPTIONS, ()) as system:
        numa.set_policy(numa.MemoryPolicy(0))
    assert proof_of(system).note == "at the end memory might also come from other nodes"
