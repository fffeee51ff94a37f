"""``training.compile``: the weights of eager training, and proofs from the captured graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from stages.small_runs import SHORT, functions, run_stages

from greenbench.errors import UsageError
from greenbench.options import ArchitectureOptions, DataOptions, Options, TrainingOptions
from greenbench.stages import compiled_training
from greenbench.stages.compiled_training import CompileLog
from greenbench.stages.ranks.rank import ALONE
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from typing import Any

    from torch import nn

pytestmark = pytest.mark.usefixtures("as_new")

EAGER = TrainingOptions(accumulation_steps=2)
COMPILED = replace(EAGER, compile=True)
SHALLOW = ArchitectureOptions(prune_choice="1,2,3,4")
"""A model of two layers compiles in less time."""


def trained(options: TrainingOptions) -> tuple[nn.Module, Toggles]:
    """Run a cell of two layers, for as many epochs as it takes to see other lengths."""
    chosen = Options(data=DataOptions(tokenizer="rust"), architecture=SHALLOW, training=options)
    toggles = Toggles(chosen, replace(SHORT, epochs=2), "cpu")
    net, _, _ = run_stages(toggles, functions(64), functions(40, seed=1))
    return net, toggles


@pytest.mark.slow
def test_a_compiled_training_is_the_eager_one_and_proves_itself() -> None:
    """Losses and weights agree within rounding; each pass of training ran in one graph.

    Compiling draws from no random state, and leaves no gradient.
    """
    eager, expected = trained(EAGER)
    net, toggles = trained(COMPILED)
    log = toggles.record.log
    assert list(map(float, log.losses)) == pytest.approx(
        list(map(float, expected.record.log.losses)), abs=1e-3
    )
    for (name, weight), other in zip(net.named_parameters(), eager.parameters(), strict=True):
        difference = (weight - other).abs().max().item()
        assert difference < 1e-3, name
    proofs = {proof.knob: proof for proof in toggles.applied()}
    assert all(proof.holds for proof in proofs.values())
    evidence = dict(proofs["compile"].evidence)
    assert evidence.pop("compile_seconds") > 0
    assert evidence == {
        "graphs": 1,
        "graph_breaks": 0,
        "recompiled_in_training": 0,
        "passes": 2 * log.steps,
    }
    assert log.precision == "fp32"


@pytest.mark.parametrize(
    ("log", "asked", "note"),
    [
        (CompileLog(), False, ""),
        (CompileLog(passes=4, graphs=1), True, ""),
        (CompileLog(passes=3, graphs=1), True, "3 of 4 passes of training ran in compiled graphs"),
        (CompileLog(), True, "0 of 4 passes of training ran in compiled graphs"),
        (CompileLog(passes=4, graphs=1), False, "requested False, and 4 passes of training ran"),
    ],
)
def test_every_pass_has_to_be_compiled(log: CompileLog, asked: Any, note: str) -> None:
    """One that ran as it stands is no compiled training."""
    proof = compiled_training.proof(log, 4, asked=asked)
    assert proof.note.startswith(note)
    assert proof.holds == (not note)


def test_models_that_write_are_refused() -> None:
    """The sentence says what would work."""
    with pytest.raises(UsageError, match=r"training.compile: true is for models that do not write"):
        compiled_training.check(asked=True, rank=ALONE, generates=True)
    compiled_training.check(asked=False, rank=ALONE, generates=True)
