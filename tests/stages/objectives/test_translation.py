"""The translation objective: what a decoder reads, what it learns from, and what it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.small_decoders import (
    BOS,
    EOS,
    INSTRUCTION,
    PAD,
    SIZE,
    Told,
    learnt,
    pairs,
    questions,
    saved,
    written,
)
from stages.small_runs import CPU
from tokenizers import Tokenizer, processors

from greenbench.data.pairs import Pair
from greenbench.options import TrainingOptions
from greenbench.stages import encoders, isolation, training
from greenbench.stages.objectives.translation import IGNORED, Translation
from greenbench.stages.ranks.pool import Ranks

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.stages.data import Batches

untimed = settings(deadline=None, max_examples=50)
IDS = st.lists(st.integers(3, 300), min_size=1, max_size=20)


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def decoder(request: pytest.FixtureRequest) -> Checkpoint:
    """Give a decoder of each architecture."""
    return request.getfixturevalue(request.param)


def goal(
    checkpoint: Checkpoint, kind: str = "rust", *, max_tokens: int = 40, longest: int = 12
) -> Translation:
    """Return the objective with one of the two tokenizers."""
    return Translation(
        encoders.encoder(kind, checkpoint.tokenizer_file, max_tokens), PAD, EOS, longest
    )


# what is written:


def test_neighbours_and_padding_change_nothing_of_what_is_written(decoder: Checkpoint) -> None:
    """Each example gets in a padded batch of different lengths the tokens that it gets alone."""
    net, some = decoder.load(), pairs(10)
    together, alone = questions(decoder, some, batch_size=5), questions(decoder, some, batch_size=1)
    lengths = [int(m.sum()) for batch in together.test for m in batch["attention_mask"]]
    found = written(net, together)
    assert len(set(lengths)) > 3
    assert found == written(net, alone)
    assert len({tuple(row) for row in found}) > 5
    assert together.objective.tokens_generated == alone.objective.tokens_generated


def test_an_answer_is_the_likeliest_token_each_time(decoder: Checkpoint) -> None:
    """By hand, without a cache: the argmax after everything read and written so far."""
    net, batches = decoder.load().eval(), questions(decoder, pairs(2), batch_size=2)
    found = written(net, batches)
    for prompt, row in zip(batches.test.dataset, found, strict=True):
        ids = list(prompt)
        for token in row:
            with torch.inference_mode():
                assert int(net(torch.tensor([ids])).logits[0, -1].argmax()) == token
            ids.append(token)
    assert {len(row) for row in found} == {SIZE.max_new_tokens}


def test_answers_stop_at_the_end_token_and_it_is_counted(llama: Checkpoint) -> None:
    """An end token that the model writes ends an answer there, and is counted with its tokens."""
    net, some = llama.load(), pairs(8)
    whole = written(net, questions(llama, some))
    end = whole[0][4]
    cut = [row[: row.index(end)] if end in row else row for row in whole]
    assert 0 < sum(end in row for row in whole) < len(whole)
    batches = questions(llama, some, eos=end)
    assert written(net, batches) == cut
    assert batches.objective.tokens_generated == sum(map(len, cut)) + sum(
        end in row for row in whole
    )


def test_work_is_counted_anew_for_each_answer(llama: Checkpoint) -> None:
    """Answering twice does not count twice."""
    net, batches = llama.load(), questions(llama, pairs(2), batch_size=2)
    for _ in range(2):
        written(net, batches)
        assert batches.objective.tokens_generated == 2 * SIZE.max_new_tokens


def test_a_checkpoint_s_own_generation_settings_change_nothing(
    llama: Checkpoint, tmp_path: Path
) -> None:
    """Temperature, penalties, lengths and other tokens that a checkpoint sets are not used."""
    plain, some = written(llama.load(), questions(llama, pairs(6))), pairs(6)
    own = {
        "temperature": 9.0,
        "do_sample": True,
        "repetition_penalty": 5.0,
        "max_length": 5,
        "min_new_tokens": 3,
    }
    more = {
        "suppress_tokens": [plain[0][0]],
        "eos_token_id": [plain[1][1]],
        "num_beams": 3,
        "no_repeat_ngram_size": 1,
    }
    other = saved(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({**own, **more}))
    assert written(other.load(), questions(other, some)) == plain


@pytest.mark.parametrize("kind", ["python", "rust"])
def test_answers_become_text_without_special_tokens(llama: Checkpoint, kind: str) -> None:
    """Both tokenizers decode answers as the library does, special tokens left out."""
    some = pairs(6)
    ids = written(llama.load(), questions(llama, some, eos=EOS))
    objective = goal(llama, kind)
    batches = replace(questions(llama, some), objective=objective)
    texts = objective.answer(llama.load(), batches.test, CPU)
    assert texts == encoders.encoder("rust", llama.tokenizer_file, 40).decode_batch(ids)
    assert not any(mark in text for text in texts for mark in ("<pad>", "<s>", "</s>"))


@untimed
@given(rows=st.lists(st.lists(st.integers(0, 319), max_size=30), max_size=4))
def test_both_tokenizers_decode_alike(llama: Checkpoint, rows: list[list[int]]) -> None:
    """Any ids, halves of characters and special tokens too, decode to the same text."""
    python, rust = (encoders.encoder(kind, llama.tokenizer_file, 40) for kind in ("python", "rust"))
    assert python.decode_batch(rows) == rust.decode_batch(rows)


# what is read:


@untimed
@given(max_tokens=st.integers(10, 60), which=st.integers(0, 30))
def test_sources_are_cut_and_the_instruction_stays_whole(
    llama: Checkpoint, max_tokens: int, which: int
) -> None:
    """A prompt has at most ``max_tokens`` ids: what fits of the source, then the instruction.

    A source that is cut is counted in a warning.
    """
    (one,) = pairs(1, first=which)
    objective, whole = (
        goal(llama, max_tokens=max_tokens),
        encoders.encoder("rust", llama.tokenizer_file, 1000),
    )
    source, (_, *instruction) = whole.encode_batch([one.source, INSTRUCTION])
    read = objective.inference_rows([one])
    assert read[0] == [*source[: max_tokens - len(instruction)], *instruction]
    told = f"1 of 1 sources were cut to {max_tokens} tokens"
    assert (told in objective.doubts()) == (len(source) + len(instruction) > max_tokens)
    assert (read.tokens, len(read)) == (len(read[0]), 1)
    prompt, target = objective.training_rows([one])[0]
    assert prompt == read[0]
    assert objective.training_rows([one]).tokens == len(prompt) + len(target)


def test_each_pair_is_asked_for_in_its_own_language(llama: Checkpoint) -> None:
    """The instruction behind a source is that of its pair, whatever the neighbours ask for."""
    one, two = (
        replace(p, language=language)
        for p, language in zip(pairs(2), ("python", "go"), strict=True)
    )
    texts = encoders.encoder("rust", llama.tokenizer_file, 1000).decode_batch(
        list(goal(llama, max_tokens=500).inference_rows([one, two, one]))
    )
    assert texts == [
        f"{p.source}\n// {name}:\n" for p, name in ((one, "Python"), (two, "Go"), (one, "Python"))
    ]


@pytest.mark.parametrize("kind", ["python", "rust"])
def test_a_first_token_of_the_tokenizer_stands_once_before_the_prompt(
    llama: Checkpoint, qwen2: Checkpoint, kind: str
) -> None:
    """The prompt begins with ``<s>`` if the tokenizer begins every text so.

    Neither instruction nor target does.
    """
    for checkpoint, first in ((llama, [BOS]), (qwen2, [])):
        bare = encoders.encoder("rust", qwen2.tokenizer_file, 1000)
        for one, (prompt, target) in zip(
            pairs(3), goal(checkpoint, kind, max_tokens=500).training_rows(pairs(3)), strict=True
        ):
            source, instruction, answer = bare.encode_batch([one.source, INSTRUCTION, one.target])
            assert prompt == [*first, *source, *instruction]
            assert target == ([*answer, EOS] if len(answer) < 12 else answer[:12])


FRAMES = {
    "end": ("$A </s>", [], [EOS]),
    "both": ("<s> $A </s>", [BOS], [EOS]),
    "two": ("<s> <s> $A </s> </s>", [BOS, BOS], [EOS, EOS]),
}
"""Templates of tokenizers such as T5's and BERT's, and what each sets before and behind a text."""


@pytest.mark.parametrize("kind", ["python", "rust"])
@pytest.mark.parametrize("name", list(FRAMES))
def test_tokens_behind_a_text_stand_neither_before_the_instruction_nor_the_target(
    qwen2: Checkpoint, name: str, kind: str, tmp_path: Path
) -> None:
    """A target keeps its first token, ends once, and follows its prompt directly."""
    template, before, _ = FRAMES[name]
    made = Tokenizer.from_file(str(qwen2.tokenizer_file))
    special = [("<s>", BOS), ("</s>", EOS)]
    made.post_processor = processors.TemplateProcessing(single=template, special_tokens=special)
    made.save(str(tmp_path / "tokenizer.json"))
    tokenizer = encoders.encoder(kind, tmp_path / "tokenizer.json", 500)
    objective = Translation(tokenizer, PAD, EOS, 100)
    bare = encoders.encoder("rust", qwen2.tokenizer_file, 1000)
    for one, (prompt, target) in zip(pairs(3), objective.training_rows(pairs(3)), strict=True):
        source, instruction, answer = bare.encode_batch([one.source, INSTRUCTION, one.target])
        assert prompt == [*before, *source, *instruction]
        assert target == [*answer, EOS]


@pytest.mark.parametrize("name", list(FRAMES))
def test_a_target_that_is_cut_has_no_end_token_of_the_tokenizer(
    qwen2: Checkpoint, name: str, tmp_path: Path
) -> None:
    """Wherever it is cut, the model does not learn to stop there."""
    made = Tokenizer.from_file(str(qwen2.tokenizer_file))
    special = [("<s>", BOS), ("</s>", EOS)]
    made.post_processor = processors.TemplateProcessing(
        single=FRAMES[name][0], special_tokens=special
    )
    made.save(str(tmp_path / "tokenizer.json"))
    for max_tokens, longest in ((12, 100), (500, 5)):
        tokenizer = encoders.encoder("rust", tmp_path / "tokenizer.json", max_tokens)
        _, target = Translation(tokenizer, PAD, EOS, longest).training_rows(pairs(1))[0]
        assert EOS not in target
        assert len(target) >= 5


# what is learnt:


@untimed
@given(longest=st.integers(1, 60), max_tokens=st.integers(2, 60), which=st.integers(0, 30))
def test_only_a_whole_target_gets_an_end_token(
    llama: Checkpoint, longest: int, max_tokens: int, which: int
) -> None:
    """A target is cut at the model's and at the tokenizer's length.

    One that is cut does not teach the model to stop there.
    """
    (one,) = pairs(1, first=which)
    (_, *whole), room = (
        encoders.encoder("rust", llama.tokenizer_file, 1000).encode_batch([one.target])[0],
        max_tokens - 1,
    )
    _, target = goal(llama, max_tokens=max_tokens, longest=longest).training_rows([one])[0]
    if len(whole) < min(longest, room):
        assert target == [*whole, EOS]
    else:
        assert target == whole[: min(longest, room)]


@untimed
@given(rows=st.lists(st.tuples(IDS, IDS), min_size=1, max_size=6))
def test_the_loss_is_on_targets_alone(
    llama: Checkpoint, rows: list[tuple[list[int], list[int]]]
) -> None:
    """Labels are the target's ids, ignored on prompt and padding; the padding is masked."""
    batch, longest = goal(llama).training_batch(rows), max(len(p) + len(t) for p, t in rows)
    rest = [longest - len(p) - len(t) for p, t in rows]
    assert batch["input_ids"].tolist() == [
        [*p, *t, *[PAD] * n] for (p, t), n in zip(rows, rest, strict=True)
    ]
    assert batch["labels"].tolist() == [
        [*[IGNORED] * len(p), *t, *[IGNORED] * n] for (p, t), n in zip(rows, rest, strict=True)
    ]
    assert batch["attention_mask"].tolist() == [[1] * (longest - n) + [0] * n for n in rest]


def test_an_end_token_that_pads_too_is_learnt_where_it_ends_a_target(llama: Checkpoint) -> None:
    """Padding is told by its place, not by its id."""
    tokenizer = encoders.encoder("rust", llama.tokenizer_file, 40)
    objective = Translation(tokenizer, EOS, EOS, 12)
    batch = objective.training_batch([([5], [6, EOS]), ([5, 5], [7, EOS])])
    assert batch["labels"].tolist() == [[IGNORED, 6, EOS, IGNORED], [IGNORED, IGNORED, 7, EOS]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]


@untimed
@given(rows=st.lists(IDS, min_size=1, max_size=6))
def test_prompts_end_side_by_side(llama: Checkpoint, rows: list[list[int]]) -> None:
    """At inference the padding is on the left, so every next token has the same position."""
    batch, longest = goal(llama).inference_batch(rows), max(map(len, rows))
    assert batch["input_ids"].tolist() == [[PAD] * (longest - len(row)) + row for row in rows]
    assert batch["attention_mask"].tolist() == [
        [0] * (longest - len(row)) + [1] * len(row) for row in rows
    ]


def lengths(batches: Batches) -> list[int]:
    """Return how many target tokens each micro-batch has."""
    return [int((b["labels"] != IGNORED).sum()) for b in batches.train]


def test_the_parts_of_a_step_make_the_loss_of_the_whole(llama: Checkpoint) -> None:
    """The mean over 4 micro-batches of 8 is the loss over all tokens of 32, not a mean of means."""
    net, some = llama.load().eval(), pairs(32)
    whole, parts = (list(learnt(llama, some, micro=micro).train) for micro in (32, 8))
    loss = goal(llama).loss
    with torch.no_grad():
        found = [float(loss(net, batch, parts)) for batch in parts]
        alone, naive = (
            float(loss(net, whole[0], whole)),
            sum(float(net(**b).loss) for b in parts) / 4,
        )
        expected = float(net(**whole[0]).loss)
    assert [alone, sum(found) / 4] == pytest.approx([expected] * 2, abs=1e-5)
    assert abs(naive - expected) > 1e-3


def finetuned(checkpoint: Checkpoint, steps: int) -> tuple[nn.Module, dict[str, Any]]:
    """Take two optimizer steps over 16 pairs each, in ``steps`` micro-batches."""
    isolation.reset(0)
    options, size = (
        TrainingOptions(optimizer="sgd", accumulation_steps=steps),
        replace(SIZE, epochs=1, learning_rate=0.1),
    )
    net, batches = (
        checkpoint.load(),
        learnt(checkpoint, pairs(32), micro=16 // steps, batch_size=16),
    )
    seen = training.finetune(net, batches, options, size, Ranks("cpu"))
    assert (seen.steps, seen.micro_batches, seen.examples) == (2, 2 * steps, 32)
    return net, {"losses": [float(x) for x in seen.losses], "lengths": lengths(batches)}


@pytest.mark.usefixtures("as_new")
def test_accumulating_over_targets_of_different_lengths_gives_the_weights_of_the_whole_batch(
    decoder: Checkpoint,
) -> None:
    """Two steps of 4 x 4 pairs end in the weights of two steps of 16, with the same losses."""
    start = {k: v.clone() for k, v in decoder.load().state_dict().items()}
    (whole, seen), (parts, seen_in_parts) = (finetuned(decoder, steps) for steps in (1, 4))
    assert len(set(seen_in_parts["lengths"])) > 2
    assert [sum(seen_in_parts["losses"][i : i + 4]) / 4 for i in (0, 4)] == pytest.approx(
        seen["losses"], abs=1e-5
    )
    held, other = whole.state_dict(), parts.state_dict()
    assert max(float((held[k] - start[k]).abs().max()) for k in held) > 1e-3
    assert max(float((held[k] - other[k]).abs().max()) for k in held) < 1e-5


def test_what_is_to_be_written_is_not_read(llama: Checkpoint) -> None:
    """At inference a pair's target makes no difference to what the model is given."""
    one = pairs(1)[0]
    other = Pair(source=one.source, target="something else", language="python")
    objective = Translation(Told(llama), PAD, EOS, 12)
    assert list(objective.inference_rows([one])) == list(objective.inference_rows([other]))
