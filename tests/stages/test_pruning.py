"""Layers taken out before training: neither stage runs them, and the proof reads both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_runs import CPU, SHORT, START, functions, run_stages

from greenbench.errors import UsageError
from greenbench.options import ArchitectureOptions, DataOptions, InferenceOptions, Options
from greenbench.stages import layers, pruning
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from torch import nn

    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

FAST = Options(data=DataOptions(tokenizer="rust"))


def run(
    options: Options, toggles: type[Toggles] = Toggles
) -> tuple[dict[str, Applied], dict[str, int | None], nn.Module]:
    """Run the stages in miniature; return proofs by knob, the work counted, and the model."""
    stages = toggles(options, SHORT, "cpu")
    rows = functions(32), functions(8, seed=1), functions(8, seed=2)
    net, batches, _ = run_stages(stages, *rows)
    return {proof.knob: proof for proof in stages.applied()}, stages.work(net, batches), net


def pruned(**architecture: Any) -> Options:
    """Return options that take layers out."""
    return replace(FAST, architecture=ArchitectureOptions(**architecture))


def test_pruned_layers_run_neither_in_training_nor_at_inference() -> None:
    """Both stages compute four of six layers, and later rules count the layers that are left."""
    skipped = InferenceOptions(layer_choice="0")
    proofs, work, net = run(replace(pruned(prune_layers=0.34), inference=skipped))
    _, whole, _ = run(FAST)
    fraction, choice = proofs["prune_layers"], proofs["prune_choice"]
    assert (fraction.got, choice.got, proofs["layer_choice"].got) == (0.333, "4,5", "0")
    assert all(proof.holds for proof in proofs.values())
    assert fraction.how.endswith("1 passes of training, 1 of inference")
    assert fraction.evidence == {"layers": 6, "kept": [0, 1, 2, 3]}
    assert len(net.base_model.layers) == 3
    assert work["flops_training"] < 0.7 * whole["flops_training"]
    assert work["flops_inference"] < 0.55 * whole["flops_inference"]


def test_influence_of_the_pretrained_model_picks_layers_and_counts_as_work() -> None:
    """Validation examples are read in the architecture stage, and class weights stay."""
    proofs, work, _ = run(pruned(prune_layers=0.5, prune_choice="influence"))
    choice = proofs["prune_choice"]
    influence = choice.evidence["block_influence"]
    least = sorted(sorted(range(6), key=lambda i: influence[i])[:3])
    assert (choice.got, choice.holds) == (",".join(map(str, least)), True)
    assert work["flops_architecture"] > 0


def test_layers_that_come_back_for_inference_are_reported() -> None:
    """A model that is trained short and answers whole is no pruned one."""
    start = START.load()

    class Returning(Toggles):
        def inference(self, net: Any, batches: Any) -> Any:
            if self.record.pruned is not None and len(net.base_model.layers) < 6:
                whole = self.record.pruned.loaded
                net.base_model.layers = torch.nn.ModuleList(kept)
                whole.numbers.update({layer: i for i, layer in enumerate(kept)})
            return super().inference(net, batches)

    kept = list(start.base_model.layers)
    proofs, _, _ = run(pruned(prune_layers=0.34), Returning)
    expected = "layers that ran at inference nevertheless: 4,5; requested: 4,5"
    assert (proofs["prune_layers"].got, proofs["prune_layers"].note) == (0.0, expected)


def test_errors_name_the_knob_that_prunes() -> None:
    """Both stages share their rules, and the sentence says which of them is meant."""
    options = ArchitectureOptions(prune_layers=0.9, prune_choice="alternate")
    with pytest.raises(UsageError, match=r"^architecture.prune_layers: 5 of 6 .*prune_choice$"):
        layers.picked(START.load(), pruning.request(options), (), CPU)
    influence = ArchitectureOptions(prune_layers=0.5, prune_choice="influence")
    with pytest.raises(UsageError, match=r"^architecture.prune_choice: influence is measured"):
        layers.calibration(pruning.request(influence), ())
