"""The training stage: what a step sees, which arithmetic it uses, and what it leaves behind."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.small_runs import CPU, SHORT, SIZE, START, batched, fine_tuned, functions
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.options import TrainingOptions
from greenbench.stages import isolation, precision, training, training_log
from greenbench.stages.ranks import merging
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.ranks.report import RankReport, TrainingJob
from greenbench.stages.training_log import TrainingLog

if TYPE_CHECKING:
    from greenbench.stages.data import Batches

pytestmark = pytest.mark.usefixtures("as_new")

BF16 = TrainingOptions(precision="bf16", accumulation_steps=2)


def linear_dtype(model: nn.Module) -> torch.dtype:
    """Return the dtype in which the model's first linear layer answers outside of training."""
    linear, found = next(m for m in model.modules() if isinstance(m, nn.Linear)), []
    hook = linear.register_forward_hook(lambda _module, _inputs, output: found.append(output.dtype))
    model.eval()(input_ids=torch.tensor([[2, 5, 3]]))
    hook.remove()
    return found[0]


@pytest.fixture(scope="module")
def few() -> Batches:
    """Give two steps' worth of two micro-batches of four."""
    return batched(functions(16), functions(2), BF16, batch_size=8, size=SHORT)


@pytest.mark.parametrize(("optimizer", "tolerance"), [("sgd", 1e-6), ("adamw", 2e-4)])
def test_accumulating_gives_the_weights_of_the_whole_batch(
    optimizer: str, tolerance: float
) -> None:
    """Two steps of 4 x 4 examples end in the weights of two steps of 16, up to FP32 rounding."""
    train, ends = functions(32), []
    for steps in (1, 4):
        options = TrainingOptions(optimizer=optimizer, accumulation_steps=steps)
        net, seen = fine_tuned(batched(train, train[:2], options, 16, SHORT), options)
        assert (seen.steps, seen.micro_batches, seen.examples) == (2, 2 * steps, 32)
        ends.append(net.state_dict())
    start, (whole, parts) = START.load().state_dict(), ends
    assert max(float((whole[k] - start[k]).abs().max()) for k in whole) > 20 * tolerance
    assert max(float((whole[k] - parts[k]).abs().max()) for k in whole) < tolerance


def test_gradients_are_clipped_to_their_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of plain gradient descent moves the weights by the norm of the clipped gradient."""
    monkeypatch.setattr(training, "GRADIENT_CLIP", 1e-3)
    isolation.reset(0)
    net, options = START.load(), TrainingOptions(optimizer="sgd")
    before = torch.cat([p.detach().clone().flatten() for p in net.parameters()])
    size = replace(SIZE, learning_rate=1.0, weight_decay=0.0)
    training.finetune(
        net, batched(functions(8), functions(1), options, 8, SHORT), options, size, Ranks("cpu")
    )
    moved = torch.cat([p.detach().flatten() for p in net.parameters()]) - before
    assert float(moved.norm()) == pytest.approx(1e-3, rel=0.01)


def test_training_lowers_the_loss_and_moves_every_weight(
    baseline: tuple[nn.Module, TrainingLog],
) -> None:
    """The last steps have a lower loss than the first, and every tensor changes."""
    net, seen = baseline
    losses = [float(loss) for loss in seen.losses]
    assert len(losses) == seen.steps == 640 // 32 * SIZE.epochs
    assert statistics.mean(losses[-5:]) < 0.9 * statistics.mean(losses[:5])
    start = START.load().state_dict()
    assert [k for k, v in net.state_dict().items() if torch.equal(v, start[k])] == []


def test_baseline_trains_in_fp32_with_adamw(baseline: tuple[nn.Module, TrainingLog]) -> None:
    """All proofs of the baseline hold, read from the live objects."""
    proofs = training_log.proofs(baseline[1], TrainingOptions())
    assert {p.knob: p.got for p in proofs} == {
        "finetune": True,
        "optimizer": "adamw",
        "precision": "fp32",
        "accumulation_steps": 1,
        "compile": False,
        "gradient_checkpointing": False,
        "frozen_layers": 0.0,
        "target_score": None,
        "score_every": None,
    }
    assert all(p.holds for p in proofs)


def test_bf16_is_seen_in_training_and_gone_afterwards(few: Batches) -> None:
    """Products of training run in bf16; afterwards weights and products are FP32."""
    net, seen = fine_tuned(few, BF16)
    assert seen.precision == "bf16"
    assert all(p.holds for p in training_log.proofs(seen, BF16))
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert linear_dtype(net) == torch.float32


def test_precision_that_did_not_act_is_reported(
    few: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where autocast stays off although bf16 was asked for, the proof says what was read back."""
    monkeypatch.setitem(training.MIXED_PRECISION, "bf16", "no")
    _, seen = fine_tuned(few, BF16)
    proof = next(p for p in training_log.proofs(seen, BF16) if p.knob == "precision")
    assert (proof.got, proof.note) == ("fp32", "requested bf16, read back fp32")


def test_another_precision_works_after_a_reset(few: Batches) -> None:
    """Accelerate has one precision a process; after a reset the next cell chooses its own."""
    fine_tuned(few, BF16)
    _, seen = fine_tuned(few, replace(BF16, precision="fp32"))
    assert seen.precision == "fp32"


def test_without_a_reset_another_precision_does_not_pass_unseen(few: Batches) -> None:
    """The reset above is needed: without it Accelerate refuses."""
    fine_tuned(few, BF16)
    with pytest.raises(ValueError, match="AcceleratorState has already been initialized"):
        training.finetune(START.load(), few, replace(BF16, precision="fp32"), SIZE, Ranks("cpu"))


def test_sgd_is_proved_by_the_live_optimizer(few: Batches) -> None:
    """The optimizer that ran is SGD; the same run does not pass for AdamW."""
    options = replace(BF16, precision="fp32", optimizer="sgd")
    _, seen = fine_tuned(few, options)
    optimizer = {p.knob: p for p in training_log.proofs(seen, options)}["optimizer"]
    assert (optimizer.asked, optimizer.got, optimizer.holds) == ("sgd", "sgd", True)
    mistaken = {p.knob: p for p in training_log.proofs(seen, replace(options, optimizer="adamw"))}[
        "optimizer"
    ]
    assert mistaken.note == "requested adamw, read back sgd"


def logged(*steps: int, precision: str = "bf16") -> TrainingLog:
    """Return the log of steps of so many micro-batches of four examples."""
    seen = TrainingLog(losses=[0.7, 0.6], optimizer="adamw", planned=len(steps))
    seen.precisions.counts[precision] += sum(steps)
    batch = {name: torch.zeros((4, 2)) for name in ("input_ids", "attention_mask", "labels")}
    for micro_batches in steps:
        for _ in range(micro_batches):
            seen.begin_micro_batch(batch)
        seen.count_step()
    return seen


def unproved(seen: TrainingLog) -> list[tuple[str, object, str]]:
    """Return knob, reading and note of each proof that does not hold."""
    return [(p.knob, p.got, p.note) for p in training_log.proofs(seen, BF16) if not p.holds]


def test_counted_micro_batches_are_compared_with_the_requested_ones() -> None:
    """Accumulation is read from counts: other counts are told."""
    assert unproved(logged(2, 2)) == []
    assert unproved(logged(1, 1)) == [("accumulation_steps", 1, "requested 2, read back 1")]


def test_every_step_is_compared_not_their_mean() -> None:
    """Steps of one and of three micro-batches are no steps of two."""
    assert unproved(logged(2, 1, 3, 2)) == [
        ("accumulation_steps", 2, "requested 2, read back 1 in 1 of 4 steps, 3 in 1 of 4 steps")
    ]
    assert logged(2, 1, 3, 2).batch_sizes.counts == {8: 2, 4: 1, 12: 1}


def test_what_several_ranks_did_is_proved_as_one_training() -> None:
    """Their examples and readings are added up; a rank with other weights fails the proof."""
    seen = logged(2, 2)
    seen.norms_before, seen.norms_after = {"w": torch.tensor(1.0)}, {"w": torch.tensor(2.0)}
    report = RankReport(
        rank=1,
        examples=16,
        step_examples=(8, 8),
        tokens=(8,) * 4,
        shapes=((4, 2),) * 4,
        losses=(0.5, 0.4),
        precisions=Counter({"fp32": 4}),
        norms=(2.0,),
        peak_memory_bytes=1,
        peak_gpu_memory_bytes=None,
        pid=1,
        cpu_seconds=1.0,
    )
    job = TrainingJob(None, None, BF16, SIZE, 1)
    merging.add(seen, [report], ("cpu", "cpu"), job)
    assert (seen.batch_sizes.counts, seen.examples, len(seen.shapes)) == ({16: 2}, 32, 8)
    assert seen.losses == pytest.approx([0.6, 0.5])
    assert [knob for knob, _, _ in unproved(seen)] == ["precision"]
    seen.others = (replace(report, norms=(2.1,)),)
    assert unproved(seen)[0] == ("finetune", True, "rank 1 ended with other weights than rank 0")


def test_training_that_ends_early_is_reported() -> None:
    """Weights that one step has changed are not fine-tuned as the profile says."""
    seen = replace(logged(2), planned=12)
    assert unproved(seen) == [("finetune", True, "1 of 12 optimizer steps were made")]


def test_a_log_without_steps_proves_nothing() -> None:
    """Neither precision nor accumulation was seen, and that is no division by zero."""
    assert [knob for knob, _, _ in unproved(logged())] == ["precision", "accumulation_steps"]


def test_skipped_training_is_proved() -> None:
    """A stage that did not run is proved; if it was requested, the proof does not hold."""
    skipped, *_ = training_log.proofs(None, TrainingOptions(finetune=False))
    assert (skipped.knob, skipped.asked, skipped.got, skipped.holds) == (
        "finetune",
        False,
        False,
        True,
    )
    missing, *_ = training_log.proofs(None, TrainingOptions())
    assert not missing.holds


def test_a_precision_that_the_device_lacks_is_refused() -> None:
    """The training stage asks for its own knob."""
    with pytest.raises(UnavailableError, match=r"training.precision: fp16"):
        training.check(TrainingOptions(precision="fp16"), CPU)
    training.check(BF16, CPU)


def test_emulated_bf16_gives_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of the device's arithmetic stands among training's doubts."""
    monkeypatch.setattr(precision, "_emulates_bf16", lambda: True)
    assert training_log.doubts(BF16, CPU, None) == (precision.EMULATED,)
    assert training_log.doubts(TrainingOptions(), CPU, None) == ()


def test_a_lost_loss_is_a_warning() -> None:
    """A model that diverged says so, whatever it scores."""
    diverged = TrainingLog(steps=1, micro_batches=1, examples=8, losses=[float("nan")])
    assert "the model diverged" in training_log.doubts(TrainingOptions(), CPU, diverged)[0]


def rates(steps: int, warmup: float) -> list[float]:
    """Return the factor of the learning rate in each of ``steps`` steps and after the last."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = training._schedule(optimizer, steps, warmup)
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return [*found, schedule.get_last_lr()[0]]


@settings(deadline=None, max_examples=50)
@given(steps=st.integers(1, 200), warmup=st.floats(0, 1))
def test_learning_rate_rises_to_its_peak_and_falls_to_zero(steps: int, warmup: float) -> None:
    """The rate is positive in every step, rises to the requested one, and falls to 0."""
    found = rates(steps, warmup)
    peak = found.index(max(found))
    assert max(found) == pytest.approx(1)
    assert min(found[:-1]) > 0
    assert found[-1] == 0
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert peak + 1 == max(1, round(steps * warmup))


def test_knobs_of_a_stage_that_is_off_did_not_act() -> None:
    """Only a knob that differs from its baseline has a note when training does not run."""
    proofs = training_log.proofs(None, TrainingOptions(finetune=False, precision="bf16"))
    assert {p.knob: p.holds for p in proofs} == {
        "finetune": True,
        "optimizer": True,
        "precision": False,
        "accumulation_steps": True,
        "compile": True,
        "gradient_checkpointing": True,
        "frozen_layers": True,
        "target_score": True,
        "score_every": True,
    }


def test_training_proves_that_weights_moved_and_which_may() -> None:
    """Every trainable tensor has another norm than before; the parameters are told by module."""
    _, seen = fine_tuned(batched(functions(32), functions(2), size=SHORT))
    changed, tensors = seen.changed_tensors, len(seen.norms_before)
    assert changed == tensors > 30
    assert sum(seen.trainable.values()) == sum(p.numel() for p in START.load().parameters())
    (proof,) = [p for p in training_log.proofs(seen, TrainingOptions()) if p.knob == "finetune"]
    assert proof.holds
    assert (proof.evidence["tensors_changed"], proof.evidence["tensors"]) == (changed, tensors)
    assert proof.evidence["trainable_parameters"].keys() >= {"classifier", "model.layers"}
    assert proof.evidence["weight_dtypes"] == ("float32",)


def test_training_that_moves_nothing_is_no_training() -> None:
    """A learning rate of 0: the stage ran, and the proof does not hold."""
    _, seen = fine_tuned(batched(functions(32), functions(2), size=SHORT), learning_rate=0.0)
    (proof,) = [p for p in training_log.proofs(seen, TrainingOptions()) if p.knob == "finetune"]
    assert (proof.got, proof.note) == (False, "the stage ran, and no weight changed")


def test_a_loss_that_does_not_fall_is_a_warning() -> None:
    """So are steps that the gradient scaler left out."""
    seen = TrainingLog(steps=4, losses=[0.5, 0.4, 0.6, 0.7], skipped=1)
    loss, skipped = training_log.doubts(TrainingOptions(), torch.device("cpu"), seen)
    assert loss == "the training loss did not fall: its last half is 0.2 above its first"
    assert skipped.startswith("1 of 4 optimizer steps were skipped")
    assert (
        training_log.doubts(
            TrainingOptions(),
            torch.device("cpu"),
            TrainingLog(steps=4, losses=[0.7, 0.6, 0.5, 0.4]),
        )
        == ()
    )
