"""Speculative decoding: guesses change no text, and the passes tell that they were checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from stages.small_decoders import SIZE, pairs, questions, saved, written
from stages.small_runs import run_stages

from greenbench.errors import UsageError
from greenbench.experiment.knob_rules import contradiction
from greenbench.options import DataOptions, InferenceOptions, Options, TrainingOptions
from greenbench.run.effects import without_effect
from greenbench.stages import drafting
from greenbench.stages.key_value_cache import CacheWatch
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

CPU = torch.device("cpu")


def options(draft: str, **more: Any) -> Options:
    """Return those of a cell that answers with guesses, one text at a time."""
    return Options(
        data=DataOptions(tokenizer="rust", batch_size=4),
        training=TrainingOptions(finetune=False),
        inference=InferenceOptions(draft=draft, batch_size=1, **more),
    )


def proof(checkpoint: Checkpoint, draft: str) -> tuple[Applied, dict[str, int | None]]:
    """Run the stages of a translation; return the proof of the guesses, and the work."""
    toggles = Toggles(options(draft), SIZE, "cpu")
    net, batches, _ = run_stages(toggles, pairs(4), pairs(3), start=checkpoint)
    found = next(a for a in toggles.applied() if a.knob == "draft")
    return found, toggles.work(net, batches)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Give a decoder of two layers with the tokenizer of the other one."""
    return saved(tmp_path_factory.mktemp("smaller"), num_hidden_layers=2)


@pytest.mark.parametrize("kind", ["prompt", "a smaller model"])
def test_guesses_change_no_text(kind: str, llama: Checkpoint, smaller: Checkpoint) -> None:
    """The text so far and a smaller model guess; what the model writes is its own all the same."""
    draft = kind if kind == "prompt" else smaller.source
    net: Any = llama.load()
    batches = questions(llama, pairs(7), batch_size=1)
    alone = written(net, batches)
    drafter = drafting.loaded(draft, llama, CPU)
    with CacheWatch(net) as watch, drafting.drafted(net, draft, drafter):
        assert written(net, batches) == alone
    assert watch.checks > 0
    assert watch.passes["prefill"] == 7
    assert drafting.proof(draft, watch, writes=True).holds
    with CacheWatch(net) as watch:
        assert written(net, batches) == alone
    assert watch.checks == 0
    assert drafting.proof("none", watch, writes=True).holds


@pytest.mark.usefixtures("as_new")
def test_guesses_are_proved_and_their_work_is_unknown(
    llama: Checkpoint, smaller: Checkpoint
) -> None:
    """How many guessed tokens are computed in vain is not counted, so no number is given."""
    found, work = proof(llama, smaller.source)
    assert (found.got, found.holds) == (smaller.source, True)
    assert found.evidence["checking_passes"] > 0
    assert work["flops_inference"] is None
    found, work = proof(llama, "none")
    assert (found.got, found.holds) == ("none", True)
    assert work["flops_inference"]


@pytest.mark.usefixtures("as_new")
def test_guesses_that_nobody_makes_have_no_effect(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage: whatever is requested, nothing guesses."""
    drafted = drafting.drafted

    def idle(net: Any, _draft: str, _drafter: object) -> Any:
        return drafted(net, "none", None)

    monkeypatch.setattr(drafting, "drafted", idle)
    found, _ = proof(llama, "prompt")
    assert found.note == "no token was guessed in any pass"
    assert "inference.draft" in without_effect((found,), options("prompt"))


def test_a_draft_with_another_tokenizer_is_refused(llama: Checkpoint, tmp_path: Path) -> None:
    """Its tokens mean other texts; the sentence says what would work."""
    other = saved(tmp_path / "other", begins=False)
    with pytest.raises(UsageError, match=r"another tokenizer than .*; name a smaller model"):
        drafting.loaded(other.source, llama, CPU)


@pytest.mark.parametrize(
    ("inference", "sentence"),
    [
        ({"draft": "prompt"}, "one text at a time; set inference.batch_size to 1"),
        ({"draft": "prompt", "batch_size": 1, "cache": "static"}, "which a static cache cannot"),
        ({"draft": "prompt", "batch_size": 1}, ""),
    ],
)
def test_what_cannot_guess_is_refused_before_anything_runs(
    inference: dict[str, Any], sentence: str
) -> None:
    """Batches of several texts, and a cache that cannot be cut back."""
    problem = contradiction(Options(inference=InferenceOptions(**inference)))
    assert problem.endswith(sentence) if not sentence else sentence in problem
