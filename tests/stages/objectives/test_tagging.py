"""Tags of words: where words begin, equal losses and answers however they are batched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from stages.small_runs import START

from greenbench.data.examples import ExampleOf
from greenbench.data.models.checkpoints import Checkpoint
from greenbench.data.models.heads import Head
from greenbench.data.synthetic import tickets
from greenbench.options import DataOptions, TrainingOptions
from greenbench.stages import batching, data, encoders, isolation, packing, training
from greenbench.stages.objectives.tagging import IGNORED, UNANSWERED, Tagging
from greenbench.stages.objectives.words import WordEncoder
from greenbench.stages.ranks.pool import Ranks
from greenbench.tasks import BUILT_IN

if TYPE_CHECKING:
    from torch import nn

    from greenbench.stages.data import Batches

CPU = torch.device("cpu")
TAGS = ("B-DAY", "B-ITEM", "I-ITEM", "O")


def examples(count: int = 24) -> list[ExampleOf[tuple[int, ...]]]:
    """Return tickets, half of them cut short, with their tags' numbers: some share a row."""
    rows = tickets.rows("token-classification", count)
    found = []
    for number, row in enumerate(rows):
        words = row["tokens"].split()
        length = len(words) if number % 2 else 3 + number % 5
        tags = tuple(map(TAGS.index, row["tags"].split()))
        found.append(ExampleOf(text=" ".join(words[:length]), label=tags[:length]))
    return found


def objective(kind: str = "rust", most: int = 64) -> Tagging:
    """Return an objective with the tokenizer of the shipped encoder."""
    return Tagging(encoders.encoder(kind, START.tokenizer_file, most), START.pad_id)


def batches(how: str, micro: int = 8, most: int = 64, padding: str = "longest") -> Batches:
    """Tokenise and batch tickets for training and inference."""
    tokenizer = encoders.encoder("rust", START.tokenizer_file, most)
    options = DataOptions(tokenizer="rust", batch_size=8, batching=how, padding=padding)
    goal = Tagging(tokenizer, START.pad_id)
    return data.prepare(examples(), examples(), tokenizer, goal, options, micro=micro, seed=0)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    """Load the shipped encoder with a random head for tags; nobody trains it."""
    isolation.reset(0)
    head = Head("token-classification", labels=len(TAGS))
    return Checkpoint("M", START.source, head=head).load().eval()


@pytest.mark.parametrize("kind", ["python", "rust"])
def test_words_give_the_ids_that_their_text_gives(kind: str) -> None:
    """Each word begins where its first token is."""
    tokenizer = encoders.encoder(kind, START.tokenizer_file, 64)
    text = "Hello I cannot start the unfathomable desk-lamp"
    (found,) = WordEncoder(tokenizer).encode([text.split()])
    assert found.ids == tokenizer.encode_batch([text])[0]
    for place, word in enumerate(text.split()):
        ends = [*found.firsts[1:], len(found.ids) - 1]
        tokens = found.ids[found.firsts[place] : ends[place]]
        assert tokenizer.decode_batch([tokens])[0].strip() == word


def test_a_word_s_first_token_alone_has_its_tag() -> None:
    """The others, and what stands around the text, are ignored."""
    goal = objective()
    example = ExampleOf(text="unfathomable lamp", label=(2, 3))
    (row,) = goal.training_rows([example]).rows
    assert len(row.ids) > 4
    assert [tag for tag in row.tags if tag != IGNORED] == [2, 3]
    assert [row.tags[first] for first in row.firsts] == [2, 3]


def test_words_behind_the_cut_are_not_answered_and_counted(net: nn.Module) -> None:
    """They have a place in the answer nevertheless."""
    made = batches("plain", most=8)
    answers = made.objective.answer(net, made.test, CPU)
    assert [len(tags) for tags in answers] == [len(one.label) for one in examples()]
    missing = sum(tags.count(UNANSWERED) for tags in answers)
    words = sum(map(len, answers))
    assert 0 < missing < words
    assert made.objective.doubts()[0].startswith(f"{missing} of {words} test words lie behind")
    assert made.objective.training_rows(examples()).longest_input == 8
    assert batches("plain", most=128).objective.doubts() == ()


@pytest.mark.parametrize(
    ("how", "padding"), [("bucketed", "longest"), ("packed", "longest"), ("plain", "fixed")]
)
def test_batching_changes_no_answer(net: nn.Module, how: str, padding: str) -> None:
    """Each word keeps its tag, wherever its text comes to stand."""
    plain = batches("plain")
    expected = plain.objective.answer(net, plain.test, CPU)
    assert len({tag for tags in expected for tag in tags}) > 1
    made = batches(how, padding=padding)
    answers = made.objective.answer(net, made.test, CPU)
    assert list(batching.in_examples_order(made.test, answers)) == expected


def gradient(net: nn.Module, parts: list[list[int]], *, packed: bool = False) -> torch.Tensor:
    """Return the head's gradient of a step whose micro-batches have these examples."""
    goal = objective()
    rows = goal.training_rows(examples(12)).rows
    step = [goal.training_batch([rows[number] for number in part]) for part in parts]
    if packed:
        step = [packing.pack(batch, START.pad_id) for batch in step]
    net.zero_grad()
    for batch in step:
        loss = goal.loss(net, batch, step) / len(step)
        loss.backward()
    found: torch.Tensor = net.classifier.weight.grad.clone()
    net.zero_grad()
    return found


def test_a_step_has_one_gradient_however_it_is_divided(net: nn.Module) -> None:
    """Accumulating, sorting by length and packing weigh each word the same."""
    whole = gradient(net, [list(range(12))])
    assert whole.abs().max() > 1e-3
    for parts in ([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]], [[11, 2, 7, 0, 5, 9], [1, 3]]):
        left = [number for number in range(12) if not any(number in part for part in parts)]
        divided = gradient(net, [*parts, left] if left else parts)
        torch.testing.assert_close(divided, whole, rtol=1e-4, atol=1e-6)
    packed = gradient(net, [list(range(12))], packed=True)
    torch.testing.assert_close(packed, whole, rtol=1e-4, atol=1e-6)


def test_an_epoch_lowers_the_loss() -> None:
    """The validation score is the share of words that are tagged right."""
    made = batches("plain")
    isolation.reset(0)
    head = Head("token-classification", labels=len(TAGS))
    model = Checkpoint("M", START.source, head=head).load()
    size = BUILT_IN["T2"].sizes["tiny"]
    batch = made.objective.training_batch(list(made.questions.rows))
    before = made.objective.loss(model, batch, [batch]).item()
    training.finetune(model, made, TrainingOptions(), size, Ranks("cpu"))
    assert made.objective.loss(model, batch, [batch]).item() < before
    assert 0.5 < made.objective.validation_score(model, [batch], CPU) <= 1
