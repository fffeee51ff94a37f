"""The key/value cache: either kind writes the same tokens, and the passes tell which it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stages.small_decoders import SIZE, pairs, questions, written
from stages.small_runs import run_stages

from greenbench.options import DataOptions, InferenceOptions, Options, TrainingOptions
from greenbench.run.effects import without_effect
from greenbench.stages import key_value_cache
from greenbench.stages.key_value_cache import CacheWatch
from greenbench.stages.toggles import Toggles

if TYPE_CHECKING:
    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.types import Applied

STATIC = Options(
    data=DataOptions(tokenizer="rust", batch_size=4),
    training=TrainingOptions(finetune=False),
    inference=InferenceOptions(cache="static"),
)


def ran(checkpoint: Checkpoint, options: Options) -> tuple[Applied, dict[str, int | None]]:
    """Run the stages of a translation; return the proof of the cache, and the work."""
    toggles = Toggles(options, SIZE, "cpu")
    net, batches, _ = run_stages(toggles, pairs(4), pairs(6), start=checkpoint)
    proof = next(a for a in toggles.applied() if a.knob == "cache")
    return proof, toggles.work(net, batches)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_static_cache_writes_the_same_tokens(kind: str, request: pytest.FixtureRequest) -> None:
    """Prompts of different lengths in several batches; afterwards the model is as before."""
    checkpoint = request.getfixturevalue(kind)
    net: Any = checkpoint.load()
    batches = questions(checkpoint, pairs(7), batch_size=3)
    grown = written(net, batches)
    with CacheWatch(net) as watch, key_value_cache.chosen(net, "static"):
        assert written(net, batches) == grown
    assert watch.proof("static").holds
    assert watch.passes == {"prefill": 3, "decode": 3 * (SIZE.max_new_tokens - 1)}
    assert all(seconds > 0 for seconds in watch.seconds.values())
    assert net.generation_config.cache_implementation is None
    with CacheWatch(net) as watch:
        assert written(net, batches) == grown
    assert watch.proof("static").note == "requested static, read back dynamic"
    assert not any(m._forward_pre_hooks for m in net.modules())


@pytest.mark.usefixtures("as_new")
def test_a_static_cache_is_proved_and_its_whole_length_is_work(llama: Checkpoint) -> None:
    """Every token attends to what is not written yet, too."""
    proof, work = ran(llama, STATIC)
    assert (proof.got, proof.holds) == ("static", True)
    growing = Options(data=STATIC.data, training=STATIC.training)
    proof, less = ran(llama, growing)
    assert (proof.got, proof.holds) == ("dynamic", True)
    assert work["flops_inference"] > less["flops_inference"]
    assert work["tokens_generated"] == less["tokens_generated"]


@pytest.mark.usefixtures("as_new")
def test_prompts_are_read_once_more_without_a_trace(llama: Checkpoint) -> None:
    """The pass for the joules of prefill is in no proof, and changes no count of the round."""
    toggles = Toggles(STATIC, SIZE, "cpu")
    net, batches, _ = run_stages(toggles, pairs(4), pairs(6), start=llama)
    before = toggles.applied(), toggles.work(net, batches)
    passes: list[int] = []
    hook = net.base_model.register_forward_hook(lambda *_: passes.append(1))
    toggles.prefill(net, batches)
    hook.remove()
    assert toggles.writes
    assert len(passes) == len(batches.test)
    assert (toggles.applied(), toggles.work(net, batches)) == before


@pytest.mark.usefixtures("as_new")
def test_a_cache_that_nobody_chooses_has_no_effect(
    llama: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage: whatever is asked, the cache grows."""
    chosen = key_value_cache.chosen
    monkeypatch.setattr(key_value_cache, "chosen", lambda net, _kind: chosen(net, "dynamic"))
    proof, _ = ran(llama, STATIC)
    assert proof.note == "requested static, read back dynamic"
    assert "inference.cache" in without_effect((proof,), STATIC)
