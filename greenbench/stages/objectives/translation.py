"""The objective of a decoder: read a source text and an instruction, and write the translation.

Training puts the loss on the target alone. Inference is batched greedy decoding with a key/value cache; prompts are padded
on the left, so that every row's next token stands in the same place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn.utils.rnn import pad_sequence

from greenbench.stages.data import Encoded
from greenbench.stages.flops import Batch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from greenbench.stages.data import Encoder, Loader

IGNORED = -100
"""Label of a token that bears no loss."""


class Pair(Protocol):
    """A text with its translation."""

    @property
    def source(self) -> str:
        """What is translated."""

    @property
    def instruction(self) -> str:
        """What follows the source in the prompt and asks for the translation."""

    @property
    def target(self) -> str:
        """The translation."""


Row = tuple[list[int], list[int]]
"""Token ids of prompt and target."""


class Translation:
    """Sequence-to-sequence translation with a causal language model."""

    training_texts = 2

    def __init__(self, tokenizer: Encoder, pad_id: int, eos_id: int, max_new_tokens: int) -> None:
        """Hold what text and batches are made with.

        Prompts, their instruction included, are cut at the tokenizer's ``max_tokens``; targets are cut at, and answers end
        after, ``max_new_tokens``.
        """
        self._tokenizer, self._pad_id, self._eos_id = tokenizer, pad_id, eos_id
        self._longest, self._longest_prompt = max_new_tokens, tokenizer.max_tokens
        self._cut = {"source": 0, "target": 0}
        self._texts = 0
        self.tokens_generated = 0
        self.answered: tuple[Batch, ...] = ()
        self._answers = self._unfinished = 0

    def training_rows(self, examples: Sequence[Pair]) -> Encoded:
        """Tokenise prompts and targets."""
        prompts = self._prompts(examples)
        frame = len(
            self._tokenizer.encode_batch([""])[0]
        )  # a first token that some tokenizers set before every text
        targets = self._tokenizer.encode_batch([e.target for e in examples])
        rows = [(p, self._ended(t, frame)) for p, t in zip(prompts, targets, strict=True)]
        return Encoded(rows=rows, tokens=sum(len(p) + len(t) for p, t in rows))

    def inference_rows(self, examples: Sequence[Pair]) -> Encoded:
        """Tokenise prompts alone: what is to be written is none of the model's business."""
        prompts = self._prompts(examples)
        return Encoded(rows=prompts, tokens=sum(map(len, prompts)))

    def _prompts(self, examples: Sequence[Pair]) -> list[list[int]]:
        """Token ids of sources, cut where they are too long, each with its whole instruction behind it."""
        frame = len(self._tokenizer.encode_batch([""])[0])
        sources = self._tokenizer.encode_batch([e.source for e in examples])
        texts = list(dict.fromkeys(e.instruction for e in examples))
        asked = {
            text: row[frame:]
            for text, row in zip(texts, self._tokenizer.encode_batch(texts), strict=True)
        }
        self._texts += len(sources)
        return [
            self._prompt(row, asked[e.instruction])
            for row, e in zip(sources, examples, strict=True)
        ]

    def _prompt(self, source: list[int], instruction: list[int]) -> list[int]:
        room = self._longest_prompt - len(instruction)
        self._cut["source"] += len(source) > room
        return [*source[:room], *instruction]

    def _ended(self, row: list[int], frame: int) -> list[int]:
        """Set the end token behind a target that is whole; one as long as the encoder's texts may get may be cut."""
        target = row[frame:]
        whole = len(target) < self._longest and len(row) < self._tokenizer.max_tokens
        self._cut["target"] += not whole
        return [*target, self._eos_id] if whole else target[: self._longest]

    def training_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right; all of shape (batch, tokens). ``labels`` are ignored on prompt and padding."""
        ids = [torch.tensor([*prompt, *target]) for prompt, target in rows]
        labels = [torch.tensor([*[IGNORED] * len(prompt), *target]) for prompt, target in rows]
        return {
            "input_ids": pad_sequence(ids, batch_first=True, padding_value=self._pad_id),
            "attention_mask": pad_sequence([torch.ones_like(row) for row in ids], batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        }

    def inference_batch(self, rows: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Pad on the left; both of shape (batch, tokens)."""
        ids = [torch.tensor(row) for row in rows]
        masks = [torch.ones_like(row) for row in ids]
        return {
            "input_ids": pad_sequence(
                ids, batch_first=True, padding_value=self._pad_id, padding_side="left"
            ),
            "attention_mask": pad_sequence(masks, batch_first=True, padding_side="left"),
        }

    def loss(
        self, model: nn.Module, batch: Mapping[str, torch.Tensor], together: Sequence[Any]
    ) -> torch.Tensor:
        """Return this micro-batch's part of the mean cross-entropy over all target tokens of the optimizer step.

        Averaging the means of micro-batches would weigh tokens by the lengths of their neighbours; accumulating would
        then be another training than one large batch.
        """
        items = sum((b["labels"] != IGNORED).sum() for b in together)
        loss: torch.Tensor = model(**batch, num_items_in_batch=items).loss
        return loss * len(together)

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> list[str]:
        """Return what the model writes for every example, in the loader's order."""
        net.eval()
        written: list[list[int]] = []
        shapes: list[Batch] = []
        for batch in loader:
            inputs = {k: v.to(device) for k, v in batch.items()}
            rows, read = inputs["input_ids"].shape
            ids = self._generate(net, inputs)[:, read:]
            shapes.append(Batch(rows, read, written=ids.shape[1]))
            written += [self._until_end(row) for row in ids.tolist()]
        self.answered = tuple(shapes)
        self.tokens_generated = sum(map(len, written))
        self._answers, self._unfinished = (
            len(written),
            sum(row[-1:] != [self._eos_id] for row in written),
        )
        return self._tokenizer.decode_batch(
            [[i for i in row if i != self._eos_id] for row in written]
        )

    def doubts(self) -> tuple[str, ...]:
        """Say how many sources, targets and answers were cut off."""
        found = []
        if self._cut["source"]:
            found.append(
                f"{self._cut['source']} of {self._texts} sources were cut to {self._longest_prompt} tokens"
            )
        if self._cut["target"]:
            found.append(
                f"{self._cut['target']} targets in training were cut to {self._longest} tokens"
            )
        if self._unfinished:
            found.append(
                f"{self._unfinished} of {self._answers} translations did not end within {self._longest} tokens"
            )
        return tuple(found)

    def _generate(self, net: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        ids: torch.Tensor = net.generate(
            **inputs,
            do_sample=False,
            num_beams=1,
            use_cache=True,
            max_new_tokens=self._longest,
            pad_token_id=self._pad_id,
            eos_token_id=self._eos_id,
        )
        return ids

    def _until_end(self, row: list[int]) -> list[int]:
        """Cut behind the first end token; what follows there is padding."""
        return row[: row.index(self._eos_id) + 1] if self._eos_id in row else row
