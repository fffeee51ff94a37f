"""Worker processes of data loaders: they make the same batches, and none outlives its stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from stages.small_runs import SHORT, START, functions, run_stages

from greenbench.errors import UnavailableError, UsageError
from greenbench.options import DataOptions, Options, TrainingOptions
from greenbench.stages.objectives.classification import Classification
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from typing import Any

pytestmark = pytest.mark.usefixtures("as_new")

UNTRAINED = TrainingOptions(finetune=False)


def toggles(**knobs: Any) -> Toggles:
    """Return the switches of an untrained cell with these knobs of data."""
    data = DataOptions(tokenizer="rust", batch_size=8, **knobs)
    return Toggles(Options(data=data, training=UNTRAINED), SHORT, "cpu")


def children() -> set[int]:
    """Return the living child processes."""
    return {child.pid for child in psutil.Process().children()}


def test_workers_make_the_batches_of_the_process_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Answers are the same to the last bit, silently, and the processes are gone."""
    before = children()
    answers = {}
    for count in (0, 2):
        stages = toggles(workers=count)
        answers[count] = run_stages(stages, functions(8), functions(20, seed=1))[2]
        proof = next(p for p in stages.applied() if p.knob == "workers")
        assert (proof.got, proof.holds) == (count, True)
    assert answers[0] == answers[2]
    assert children() == before
    assert capfd.readouterr().err == ""


def test_workers_are_gone_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that fails in the middle leaves no process, even while its error is kept."""
    before = children()

    def failing(_goal: object, _net: object, loader: Any, _device: object) -> None:
        iterator = iter(loader)
        next(iterator)
        assert len(children() - before) == 1
        raise ValueError("in the middle")

    monkeypatch.setattr(Classification, "answer", failing)
    with pytest.raises(ValueError, match="in the middle") as kept:
        run_stages(toggles(workers=1), functions(8), functions(40, seed=1))
    assert children() == before
    assert kept.traceback


def test_workers_beside_several_ranks_are_refused() -> None:
    """The sentence says what would work."""
    options = Options(data=DataOptions(workers=2))
    with pytest.raises(UsageError, match=r"data.workers: 2 processes .* set workers: 0"):
        Toggles(options, SHORT, Ranks("cpu:2"))


def test_pinning_without_a_gpu_is_refused() -> None:
    """The sentence comes before anything runs."""
    with pytest.raises(
        UnavailableError, match=r"pin_memory: true .* runs on cpu, where torch pins"
    ):
        toggles(pin_memory=True).check()


def test_memory_that_is_not_pinned_is_read_back() -> None:
    """Without a GPU torch pins nothing: the proof reads a batch's tensors, not the option."""
    stages = toggles(pin_memory=True)
    with stages.quiet():
        stages.reset(0)
        batches = stages.data(functions(8), functions(8, seed=1), START, 0)
        pinned = batches.loading.proofs()[1]
    assert (pinned.asked, pinned.got) == (True, False)
    assert "without a GPU" in pinned.how
