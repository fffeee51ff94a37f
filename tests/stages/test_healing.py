"""Healing: a shortened model is trained further, on the layers that it has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stages.small_runs import SHORT, functions, run_stages

from greenbench.errors import UnavailableError
from greenbench.options import DataOptions, InferenceOptions, Options
from greenbench.stages import healing, layers, training
from greenbench.stages.batching import ShuffledBatches
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

DATA = DataOptions(tokenizer="rust", batch_size=8)
HEALED = Options(data=DATA, inference=InferenceOptions(layer_choice="1,4", healing=0.5))


def ran(options: Options) -> tuple[Toggles, Applied, Callable[[], dict[str, int | None]]]:
    """Run a cell of four training steps.

    Return its switches, the proof of healing, and what counts its work.
    """
    toggles = Toggles(options, SHORT, "cpu")
    net, batches, _ = run_stages(toggles, functions(32), functions(8, seed=1))
    proof = next(a for a in toggles.applied() if a.knob == "healing")
    return toggles, proof, lambda: toggles.work(net, batches)


def test_the_shortened_model_is_trained_and_its_steps_are_work() -> None:
    """Half of four steps are made, by the layers that stay, and all proofs hold."""
    toggles, proof, healed_work = ran(HEALED)
    assert (proof.got, proof.holds) == (0.5, True)
    assert (proof.evidence["steps"], proof.evidence["layers"]) == (2, [0, 2, 3, 5])
    assert all(a.holds for a in toggles.applied())
    _, unhealed_proof, unhealed_work = ran(
        Options(data=DATA, inference=InferenceOptions(layer_choice="1,4"))
    )
    healed, unhealed = healed_work(), unhealed_work()
    assert (unhealed_proof.got, unhealed_proof.holds) == (0.0, True)
    assert (unhealed["optimizer_steps"], healed["optimizer_steps"]) == (4, 6)
    assert healed["samples_trained"] == 48
    short_steps = healed["flops_training"] - unhealed["flops_training"]
    assert 0.2 < short_steps / unhealed["flops_training"] < 0.45  # two of four, four of six layers


def test_healing_that_trains_nothing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without steps, or with steps that change no weight, it reads as the baseline's."""
    train = training.train
    monkeypatch.setattr(Toggles, "heals", property(lambda _: False))
    _, proof, _ = ran(HEALED)
    assert (proof.got, proof.note) == (0.0, "the shortened model was not trained")
    monkeypatch.undo()

    def idle(net: torch.nn.Module, job: object, rank: object) -> object:
        log = train(net, job, rank)
        if len(net.base_model.layers) < 6:
            log.norms_after = log.norms_before
        return log

    monkeypatch.setattr(training, "train", idle)
    _, proof, _ = ran(HEALED)
    assert (proof.got, proof.note) == (0.0, "the stage ran, and no weight changed")


def test_healing_with_the_layers_put_back_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is trained whole is not the one that answers."""
    monkeypatch.setattr(layers, "leave_out", lambda _model, _gone: None)
    _, proof, _ = ran(HEALED)
    assert proof.note == "the model was trained without layers none; requested: 1,4"


def test_where_no_layer_is_left_out_nothing_is_trained() -> None:
    """A fraction that rounds to no layer leaves nothing to heal."""
    _, proof, work = ran(
        Options(
            data=DATA, inference=InferenceOptions(skip_layers=0.01, layer_choice="top", healing=1)
        )
    )
    assert (proof.got, proof.holds, work()["optimizer_steps"]) == (0.0, False, 4)


def test_further_batches_are_new_permutations_of_whole_batches() -> None:
    """They go on over epochs, depend on the seed alone, and are not those of training."""
    batches = ShuffledBatches(10, 4, 2, seed=3)
    trained = list(batches)
    further = healing.FurtherBatches(batches, 6)
    found = list(further)
    assert len(further) == len(found) == 6
    assert len({*found[0], *found[1], *found[2], *found[3]}) == 8
    assert found[:4] != trained
    assert found == list(healing.FurtherBatches(ShuffledBatches(10, 4, 2, seed=3), 6))


@pytest.mark.parametrize(("share", "steps"), [(0.01, 1), (0.25, 2), (1, 7), (2, 14)])
def test_a_share_is_at_least_one_step(share: float, steps: int) -> None:
    """Of seven steps of training."""
    assert healing.steps_for(share, 7) == steps


def test_several_devices_are_refused() -> None:
    """The layers are left out on the first one alone."""
    with pytest.raises(UnavailableError, match=r"inference.healing: 0.5 was requested on cpu:2"):
        Toggles(HEALED, SHORT, Ranks("cpu:2")).check()
