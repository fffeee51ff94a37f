"""How many processes trained: those that took examples through it, whatever was requested."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from greenbench.options import Options, SystemOptions
from greenbench.run.effects import without_effect
from greenbench.stages.ranks.proof import processes_proof
from greenbench.stages.training_log import TrainingLog


def log(own: int, *others: tuple[int, int]) -> TrainingLog:
    """Return the log of a training: examples of this process, then pid and examples of others."""
    reports = [SimpleNamespace(pid=p, examples=n, cpu_seconds=1.5) for p, n in others]
    return TrainingLog(examples=own + sum(n for _, n in others), others=tuple(reports))


@pytest.mark.parametrize(
    ("training", "trained"),
    [
        (log(8, (70, 8)), 2),
        (log(16), 1),
        (log(16, (70, 0)), 1),
        (log(0, (70, 16)), 1),
        (log(8, (os.getpid(), 8)), 1),
        (None, None),
    ],
)
def test_what_counts_is_who_trained(training: TrainingLog | None, trained: int | None) -> None:
    """A process without examples, and one that is counted twice, are none."""
    proof = processes_proof(training, 2)
    assert (proof.got, proof.holds) == (trained, trained == 2)
    idle = without_effect([proof], Options(system=SystemOptions(processes=2)))
    assert idle == (() if trained == 2 else ("system.processes",))


def test_one_process_is_the_baseline() -> None:
    """A variant that requests one has no effect; without the request there is nothing to prove."""
    one = processes_proof(log(16), 1)
    assert one.holds
    assert without_effect([one], Options(system=SystemOptions(processes=1))) == (
        "system.processes",
    )
    assert processes_proof(log(8, (70, 8)), None).holds


def test_the_evidence_names_the_processes() -> None:
    """Their pids, examples, and the processor seconds of the others."""
    assert processes_proof(log(10, (70, 6)), 2).evidence == {
        "pids": [os.getpid(), 70],
        "examples": [10, 6],
        "cpu_seconds_of_others": [1.5],
    }
