"""The objective of an encoder that gives each word of a text a tag.

Words are tokenised one by one, since not every tokenizer says which word a token comes from. A
word's first token carries its tag; the others count neither in the loss nor in the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from greenbench.stages import packing
from greenbench.stages.objectives import validation_scores
from greenbench.stages.objectives.interface import AnsweredBatch, Encoded, on_device
from greenbench.stages.objectives.validation_scores import IGNORED
from greenbench.stages.objectives.words import WordEncoder, WordsOfText
from greenbench.stages.ranks.rank import ALONE, Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import Loader, ModelInputs

UNANSWERED = -1
"""In place of the tag of a word that the model does not read."""


class TaggedText(Protocol):
    """Words with their tags."""

    @property
    def text(self) -> str:
        """The words, with blanks between."""

    @property
    def label(self) -> tuple[int, ...]:
        """The tag of each word, counted from 0."""


class TaggedRow(NamedTuple):
    """A text as token ids."""

    ids: list[int]
    tags: list[int]
    """The tag of a word at its first token, ``IGNORED`` at all others."""
    firsts: list[int]
    """The place of each word's first token; ``UNANSWERED`` for one without."""


class Tagging:
    """Classification of words with a token classifier."""

    training_texts = 1
    score_name = "tag_accuracy"
    validation_score = staticmethod(validation_scores.tag_accuracy)
    tokens_generated = 0
    longest_target = 0
    answered: tuple[AnsweredBatch, ...] = ()

    def __init__(self, tokenizer: Encoder, pad_id: int) -> None:
        """Make an objective that pads with ``pad_id``."""
        self._words: WordEncoder | None = WordEncoder(tokenizer)
        self._most_tokens = tokenizer.max_tokens
        self.pad_id = pad_id
        self._asked = 0
        self._unread = 0
        """Words to be answered that lie behind the cut, or are no tokens."""

    def __getstate__(self) -> dict[str, object]:
        """Leave the tokenizer behind: what is sent to another rank tokenises nothing."""
        return {**vars(self), "_words": None}

    def training_rows(self, examples: Sequence[TaggedText]) -> Encoded:
        """Tokenise a split with its tags."""
        if self._words is None:
            raise RuntimeError("the tokenizer was left behind in another process")
        texts = [example.text.split() for example in examples]
        rows = []
        for text, example in zip(self._words.encode(texts), examples, strict=True):
            row = _row(text, example.label)
            rows.append(row)
        lengths = [len(row.ids) for row in rows]
        return Encoded(rows=rows, lengths=lengths, longest_input=max(lengths, default=0))

    validation_rows = training_rows

    def inference_rows(self, examples: Sequence[TaggedText]) -> Encoded:
        """Tokenise a split to be answered, and count the words that the model does not read."""
        encoded = self.training_rows(examples)
        self._asked = self._unread = 0
        for row in encoded.rows:
            self._asked += len(row.firsts)
            self._unread += row.firsts.count(UNANSWERED)
        return encoded

    def training_batch(self, rows: Sequence[TaggedRow]) -> dict[str, torch.Tensor]:
        """Pad on the right, to shape (batch, tokens); ``labels`` ignore the padding."""
        batch = self.inference_batch(rows)
        tags = [torch.tensor(row.tags) for row in rows]
        batch["labels"] = pad_sequence(tags, batch_first=True, padding_value=IGNORED)
        return batch

    def inference_batch(self, rows: Sequence[TaggedRow]) -> dict[str, torch.Tensor]:
        """Pad on the right, without the labels."""
        ids, masks = [], []
        for row in rows:
            text = torch.tensor(row.ids)
            ids.append(text)
            masks.append(torch.ones_like(text))
        batch = {}
        batch["input_ids"] = pad_sequence(ids, batch_first=True, padding_value=self.pad_id)
        batch["attention_mask"] = pad_sequence(masks, batch_first=True)
        return batch

    def loss(
        self, model: nn.Module, batch: ModelInputs, step: Sequence[ModelInputs], rank: Rank = ALONE
    ) -> torch.Tensor:
        """Return this micro-batch's part of the mean cross-entropy over the step's words.

        Texts have unequal numbers of words: see ``Translation.loss``.
        """
        inputs = dict(batch)
        labels = inputs.pop("labels")
        words = _words_of(step)
        count = rank.total(words)
        output = packing.run(model, inputs)
        logits = output.logits.float()
        flat = logits.flatten(0, 1)
        tags = labels.flatten()
        total = cross_entropy(flat, tags, ignore_index=IGNORED, reduction="sum")
        parts = len(step) * rank.count
        return total / count * parts

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> list[list[int]]:
        """Return the likeliest tag of each word of every example, in the loader's order.

        A word that the model does not read has ``UNANSWERED``.
        """
        net.eval()
        answers = []
        shapes = []
        for batch, numbers in zip(loader, loader.batch_sampler or (), strict=True):
            inputs = on_device(batch, device)
            rows, tokens = inputs["input_ids"].shape
            shapes.append(AnsweredBatch(rows, tokens, packed=packing.examples(inputs)))
            end = rows * tokens
            alone = torch.arange(0, end, tokens)
            starts = inputs.get(packing.STARTS, alone)
            output = packing.run(net, inputs)
            chosen = output.logits.argmax(-1)
            flat = chosen.flatten()
            likeliest: list[int] = flat.tolist()
            for number, start in zip(numbers, starts.tolist(), strict=True):
                row: TaggedRow = loader.dataset[number]
                tags = _tags_of(row, likeliest, start)
                answers.append(tags)
        self.answered = tuple(shapes)
        return answers

    def doubts(self) -> tuple[str, ...]:
        """Warn of words that the model does not read."""
        if not self._unread:
            return ()
        unread = f"{self._unread} of {self._asked} test words"
        kept = f"behind the {self._most_tokens} tokens that are kept of a text"
        return (f"{unread} lie {kept}, or are no token: O is their answer, if it is a tag",)


def _tags_of(row: TaggedRow, likeliest: Sequence[int], start: int) -> list[int]:
    """Return the tag of each word, given those of all tokens; its text's begin at ``start``."""
    tags = []
    for first in row.firsts:
        is_read = first != UNANSWERED
        tags.append(likeliest[start + first] if is_read else UNANSWERED)
    return tags


def _row(text: WordsOfText, tags_of_words: Sequence[int]) -> TaggedRow:
    """Return a text's ids, with the tags of its words at their first tokens."""
    tags = [IGNORED] * len(text.ids)
    for first, tag in zip(text.firsts, tags_of_words, strict=True):
        if first != UNANSWERED:
            tags[first] = tag
    return TaggedRow(text.ids, tags, text.firsts)


def _words_of(step: Sequence[ModelInputs]) -> torch.Tensor:
    """Return the words of a step that the model reads."""
    words = []
    for part in step:
        counted = part["labels"] != IGNORED
        words.append(counted.sum())
    return torch.stack(words).sum()
