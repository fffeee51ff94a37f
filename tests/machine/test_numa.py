"""NUMA nodes: which there are, whose a cell can have, and the policy and pages of this process."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from greenbench.errors import UnavailableError
from greenbench.machine import numa
from greenbench.options import Options, SystemOptions

if TYPE_CHECKING:
    from pathlib import Path


def machine(root: Path, monkeypatch: pytest.MonkeyPatch, *processors: str) -> None:
    """Let the kernel show nodes with these processors."""
    for number, cpulist in enumerate(processors):
        folder = root / f"devices/system/node/node{number}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(f"{cpulist}\n", "utf-8")
    monkeypatch.setenv("GREENBENCH_SYSFS", str(root))


def refusal(number: int) -> str:
    """Return the sentence that refuses a cell that requests a node."""
    options = Options(system=SystemOptions(numa_node=number))
    with pytest.raises(UnavailableError) as raised:
        numa.check([SimpleNamespace(id="T2-V8", options=options)])
    return str(raised.value)


def test_nodes_without_processors_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory alone, as of an expansion card, is nothing that a process could run on."""
    machine(tmp_path, monkeypatch, "0-1,4", "", "2-3")
    assert numa.nodes() == (
        numa.NumaNode(0, frozenset({0, 1, 4})),
        numa.NumaNode(2, frozenset({2, 3})),
    )


def test_one_node_is_no_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names it, or says that the kernel shows none; both before anything runs."""
    monkeypatch.setenv("GREENBENCH_SYSFS", str(tmp_path))
    assert "this machine shows no NUMA nodes: there is nothing to choose" in refusal(0)
    machine(tmp_path, monkeypatch, "0-3")
    assert refusal(0) == (
        "system.numa_node: node 0 was requested, and this machine has one NUMA node, 0: there is "
        "nothing to choose; leave out the knob"
    )


def test_nodes_that_a_cell_cannot_have_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are not there, or not usable."""
    own = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    machine(tmp_path, monkeypatch, own, "4000-4007")
    assert "and this machine has nodes 0-1; name one of them" in refusal(7)
    assert "may use none of its processors, 4000-4007" in refusal(1)
    numa.check([SimpleNamespace(id="T2-V0", options=Options())])


def test_a_kernel_that_sets_no_policy_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers do; the sentence names the processors to pin instead."""
    first = min(os.sched_getaffinity(0))
    machine(tmp_path, monkeypatch, str(first), "4000")

    def forbidden(_policy: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(numa, "set_policy", forbidden)
    assert (
        f"(Operation not permitted), as in a container without CAP_SYS_NICE; grant that, or "
        f"request system.cpu_affinity: {first}" in refusal(0)
    )


def test_kib_are_counted_by_node(tmp_path: Path) -> None:
    """Pages of each mapping times their size; none if the kernel does not tell."""
    maps = tmp_path / "numa_maps"
    maps.write_text(
        "7f00 bind:1 anon=5 dirty=5 N0=2 N1=3 kernelpagesize_kB=4\n"
        "7f10 default file=/lib/x mapped=1 N0=1 kernelpagesize_kB=2048\n"
        "7f20 default\n",
        "utf-8",
    )
    assert numa.kib_by_node(maps) == {0: 8 + 2048, 1: 12}
    assert numa.kib_by_node(tmp_path / "none") == {}
