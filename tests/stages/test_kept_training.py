"""A training that is taken over leaves what the training itself would have left, bit for bit."""

from __future__ import annotations

import random
import resource
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from stages.small_runs import SHORT, START, functions

from greenbench.errors import UnavailableError
from greenbench.options import ArchitectureOptions, DataOptions, InferenceOptions, Options
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import nn

    from greenbench.stages.kept_training import KeptTraining
    from greenbench.types import Applied

pytestmark = pytest.mark.usefixtures("as_new")

DATA = DataOptions(tokenizer="rust")
BASELINE = Options(data=DATA)
OTHERS = {
    "baseline": BASELINE,
    "layers": Options(data=DATA, inference=InferenceOptions(skip_layers=0.5)),
    "healed": Options(data=DATA, inference=InferenceOptions(layer_choice="5", healing=0.5)),
    "int8": Options(data=DATA, architecture=ArchitectureOptions(weight_format="int8")),
}
PRUNED = Options(data=DATA, architecture=ArchitectureOptions(prune_layers=0.34))
FILE = "weights.safetensors"


class OneRound:
    """A round of a cell, whose training is its own or is taken over."""

    def __init__(self, options: Options, file: Path, facts: dict[str, Any] | None = None) -> None:
        """Run the stages; without ``facts`` train, and write what is to be kept."""
        train, test = functions(64), functions(16, seed=1)
        toggles = Toggles(options, SHORT, "cpu")
        self.keeper: KeptTraining = toggles.kept_training()
        with toggles.quiet():
            toggles.reset(0)
            batches = toggles.data(train, test, START, 0, valid=test)
            net: nn.Module = toggles.architecture(START)
            if facts is None:
                net = toggles.training(net, batches)
                self.keeper.snapshot(net)
            else:
                self.keeper.load((net, batches), self.keeper.read(file.read_bytes()), facts)
            self.draws = [random.random(), float(np.random.random()), float(torch.rand(()))]  # noqa: NPY002
            if toggles.shortens:
                net = toggles.shortening(net, batches)
            if toggles.heals:
                net = toggles.healing(net, batches)
            if toggles.converts:
                net = toggles.conversion(net)
            self.answers = toggles.inference(net, batches)
        self.proofs: tuple[Applied, ...] = toggles.applied()
        self.doubts = toggles.doubts()
        self.work = toggles.work(net, batches)
        if facts is None:
            self.keeper.write(file)
            self.facts = self.keeper.facts()


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> tuple[OneRound, Path]:
    """Give the baseline's round, and the file that keeps its training."""
    file = tmp_path_factory.mktemp("kept") / FILE
    return OneRound(BASELINE, file), file


@pytest.mark.parametrize("name", OTHERS)
def test_a_cell_predicts_the_same_by_the_baselines_training(
    name: str, baseline: tuple[OneRound, Path], tmp_path: Path
) -> None:
    """Answers, proofs, warnings, work and random states are those of its own training.

    What the cell itself keeps, after its model was cut or converted, is the same to the byte.
    """
    first, file = baseline
    own = OneRound(OTHERS[name], tmp_path / FILE)
    taken = OneRound(OTHERS[name], file, first.facts)
    assert taken.answers == own.answers
    assert taken.draws == own.draws
    assert (taken.proofs, taken.doubts, taken.work) == (own.proofs, own.doubts, own.work)
    assert (tmp_path / FILE).read_bytes() == file.read_bytes()
    assert own.facts["log"] == first.facts["log"]


def test_a_pruned_model_is_kept_with_the_layers_that_ran(tmp_path: Path) -> None:
    """The proof of a training that is taken over reads the passes of that training."""
    own = OneRound(PRUNED, tmp_path / FILE)
    taken = OneRound(PRUNED, tmp_path / FILE, own.facts)
    assert (taken.answers, taken.proofs, taken.work) == (own.answers, own.proofs, own.work)
    assert own.facts["log"]["layers_ran"] == ["passes", [[15, 2]]]


def test_weights_that_a_later_stage_changed_are_not_kept(
    baseline: tuple[OneRound, Path], tmp_path: Path
) -> None:
    """A stage that works on trained weights in place is named."""
    keeper = baseline[0].keeper
    net = START.load()
    keeper.snapshot(net)
    with torch.no_grad():
        next(net.parameters()).add_(1)
    with pytest.raises(UnavailableError, match=r"a stage after training changed weight\."):
        keeper.write(tmp_path / FILE)


def test_trainings_on_several_devices_are_refused() -> None:
    """The sentence names the devices and the way out."""
    toggles = Toggles(BASELINE, SHORT, Ranks("cpu:2"))
    with pytest.raises(UnavailableError, match=r"--green-reuse: trainings on several.*cpu:2"):
        toggles.kept_training()


def test_weights_that_find_no_space_are_said_in_words_of_ours(tmp_path: Path) -> None:
    """A file that cannot grow raises what the session turns into a warning."""
    keeper = Toggles(BASELINE, SHORT, "cpu").kept_training()
    keeper.snapshot(torch.nn.Linear(2, 2))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, usual[1]))
    try:
        with pytest.raises(UnavailableError, match="File too large"):
            keeper.write(tmp_path / FILE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
