"""Training in two processes: the weights of one, counted whole, and no process that outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import torch
from stages import small_decoders
from stages.small_decoders import pairs
from stages.small_runs import SHORT, START, functions, run_stages

from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import TWO_CLASSES
from greenbench.errors import UnavailableError
from greenbench.machine.energy.estimate import CpuEstimate
from greenbench.options import DataOptions, Options, SystemOptions, TrainingOptions
from greenbench.stages import training
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.types import TaskSize

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("as_new")]

TOLERANCE = 1e-4
"""Of the weights, relative to the length of the way that training took them."""
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def two() -> Iterator[Ranks]:
    """Give two ranks that all tests share, which end with them."""
    ranks = Ranks("cpu:2", limit_s=120)
    yield ranks
    pids = ranks.pids
    ranks.close()
    assert not any(map(psutil.pid_exists, pids))


def options(**training_options: object) -> Options:
    """Return the baseline with the Rust tokenizer, batches of 8, and other training."""
    return Options(
        data=DataOptions(tokenizer="rust", batch_size=8),
        training=TrainingOptions(**training_options),
    )


def proofs(toggles: Toggles) -> dict[str, tuple[object, str]]:
    """Return what was read back of each knob, and the note of its proof."""
    return {f"{p.stage}.{p.knob}": (p.got, p.note) for p in toggles.applied()}


def way(start: Checkpoint, toggles: Toggles, train: tuple[object, ...]) -> torch.Tensor:
    """Train, and return by how much each weight has moved."""
    net, batches, _ = run_stages(toggles, train, train[:2], start=start)
    before = start.load().state_dict()
    moved = [(after - before[name]).flatten() for name, after in net.state_dict().items()]
    toggles.counts = toggles.work(net, batches)
    return torch.cat(moved)


@pytest.mark.parametrize("model", ["classifier", "decoder"])
def test_two_processes_train_the_weights_of_one(
    model: str, two: Ranks, request: pytest.FixtureRequest
) -> None:
    """With accumulation and targets of unequal lengths, weights, counts and proofs are the same."""
    size: TaskSize = replace(SHORT, epochs=2)
    start, train = START, functions(26)
    if model == "decoder":
        size, start = replace(small_decoders.SIZE, epochs=2), request.getfixturevalue("llama")
        train = pairs(26)
    alone, together = (
        Toggles(options(accumulation_steps=2), size, ranks) for ranks in ("cpu", two)
    )
    expected, moved = way(start, alone, train), way(start, together, train)
    assert float((moved - expected).norm() / expected.norm()) < TOLERANCE
    same = ("samples_trained", "tokens_training", "optimizer_steps")
    assert {k: together.counts[k] for k in same} == {k: alone.counts[k] for k in same}
    assert together.counts["peak_memory_other_ranks_bytes"] > 50e6
    readings, expected_readings = proofs(together), proofs(alone)
    several = tuple(of.pop("system.processes") for of in (readings, expected_readings))
    assert several == ((2, ""), (1, ""))
    assert readings == expected_readings
    (proof,) = (p for p in together.applied() if p.knob == "finetune")
    assert proof.evidence["devices"] == ("cpu", "cpu")
    assert proof.evidence["threads_per_process"] == max(1, torch.get_num_threads() // 2)


def test_processes_are_proved_by_who_trained(two: Ranks) -> None:
    """Of a cell that requests two, two have examples and CPU seconds.

    One that trains alone beside them, whatever was requested, says so.
    """
    requested = replace(options(), system=SystemOptions(processes=2))
    toggles = Toggles(requested, SHORT, two)
    run_stages(toggles, functions(16), functions(2))
    (proof,) = (p for p in toggles.applied() if p.knob == "processes")
    assert (proof.got, proof.before, proof.note) == (2, 1, "")
    assert proof.evidence["pids"] == [os.getpid(), *two.pids]
    assert proof.evidence["examples"] == [8, 8]
    assert min(proof.evidence["cpu_seconds_of_others"]) > 0
    alone = Toggles(requested, SHORT, "cpu")
    run_stages(alone, functions(16), functions(2))
    assert proofs(alone)["system.processes"] == (1, "requested 2 processes, 1 trained")
    assert torch.distributed.is_initialized()


def test_mixed_precision_acts_in_every_process(two: Ranks) -> None:
    """Twice as many passes are read as one process makes, all in bf16; Ctrl-C ends no rank."""
    toggles = Toggles(options(precision="bf16"), SHORT, two)
    toggles.reset(0)
    os.kill(two.pids[0], signal.SIGINT)
    run_stages(toggles, functions(16), functions(2))
    assert toggles.record.log.precisions.counts == {"bf16": 2 * 2 * toggles.record.log.steps}


def test_the_estimate_counts_every_process(two: Ranks) -> None:
    """The joules of a window are those of the CPU seconds of both, read from the kernel."""
    toggles = Toggles(options(), SHORT, two)
    toggles.reset(0)
    batches, net = toggles.data(functions(64), functions(2), START, 0), toggles.architecture(START)
    child, estimate = psutil.Process(two.pids[0]), CpuEstimate(1.0)
    before, own = sum(child.cpu_times()[:2]), time.process_time()
    estimate.begin("training")
    toggles.training(net, batches)
    joules = estimate.end("training").joules
    own, other = time.process_time() - own, sum(child.cpu_times()[:2]) - before
    assert other > own / 3
    assert joules == pytest.approx(own + other, abs=0.1)


def after_two_steps(patch: pytest.MonkeyPatch, action: object) -> None:
    """Let something happen in the middle of training."""
    take_step, taken = training._Trainer.take_step, []

    def step(self: object, batch: object) -> None:
        taken.append(1)
        if len(taken) == 2:
            action()
        take_step(self, batch)

    patch.setattr(training._Trainer, "take_step", step)


def failure_of(ranks: Ranks, action: signal.Signals) -> str:
    """Signal the second rank in training; return the sentence with which the cell fails."""
    toggles = Toggles(options(), SHORT, ranks)
    toggles.reset(0)
    (pid,) = ranks.pids
    with pytest.MonkeyPatch.context() as patch:
        after_two_steps(patch, lambda: os.kill(pid, action))
        with pytest.raises(UnavailableError) as raised:
            run_stages(toggles, functions(64), functions(2))
    assert not psutil.pid_exists(pid)
    return str(raised.value).replace(str(pid), "PID")


def test_a_rank_that_dies_or_hangs_fails_the_cell_and_no_other(two: Ranks) -> None:
    """The sentence names the rank and what became of it; the next cell trains with new ranks."""
    two.reset(0)
    with pytest.raises(UnavailableError, match=r"failed when it loaded the model: UsageError"):
        two.together("load", Checkpoint("M2", "/nowhere", head=TWO_CLASSES), lambda: None)
    assert not two.pids
    ranks = Ranks("cpu:2", limit_s=30)
    try:
        assert failure_of(ranks, signal.SIGKILL) == (
            "rank 1 of cpu:2 (process PID) was killed by SIGKILL in training; see whether memory "
            "ran out, and run again or on fewer devices"
        )
        run_stages(Toggles(options(), SHORT, ranks), functions(16), functions(2))
        assert failure_of(ranks, signal.SIGSTOP).startswith(
            "rank 1 of cpu:2 (process PID) gave no sign for 30 s in training, and was ended; "
        )
    finally:
        ranks.close()
    assert not torch.distributed.is_initialized()


def test_the_other_ranks_end_with_the_process_that_started_them() -> None:
    """After a ``kill -9`` none is left."""
    code = (
        "from greenbench.stages.ranks.pool import Ranks\n"
        "ranks = Ranks('cpu:2'); ranks.reset(0); print(*ranks.pids, flush=True)\n"
        "import time; time.sleep(600)"
    )
    started = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    with started:
        other = psutil.Process(int(started.stdout.readline()))
        started.kill()
    with suppress(psutil.NoSuchProcess):
        other.wait(30)
    assert not other.is_running()
