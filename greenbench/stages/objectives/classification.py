"""The objective of an encoder: one class an example, by the probability of class 1."""

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


class Example(Protocol):
    """A text with its label."""

    @property
    def text(self) -> str:
        """The input."""

    @property
    def label(self) -> int:
        """The class, counted from 0."""


Row = tuple[list[int], int]
"""Token ids and label."""


class Classification:
    """Binary classification with a sequence classifier."""

    training_texts = 1
    tokens_generated = 0
    answered: tuple[Batch, ...] = ()

    def __init__(self, tokenizer: Encoder, pad_id: int, class_weights: bool = False) -> None:  # noqa: FBT001, FBT002
        """Hold what text and batches are made with; with ``class_weights`` the loss weighs both classes evenly."""
        self._tokenizer, self._pad_id = tokenizer, pad_id
        self._weighted = class_weights
        self._weights: torch.Tensor | None = None
        self.texts = self.full = 0
        """Texts to be answered, and those of them that fill the tokens that are kept."""

    def training_rows(self, examples: Sequence[Example]) -> Encoded:
        """Tokenise a split, and weigh its classes as scikit-learn's ``balanced`` does: rows / (classes x rows of the class)."""
        positive = sum(e.label for e in examples)
        if self._weighted and 0 < positive < len(examples):
            self._weights = len(examples) / (2 * torch.tensor([len(examples) - positive, positive]))
        return self._rows(examples)

    def inference_rows(self, examples: Sequence[Example]) -> Encoded:
        """Tokenise a split to be answered, and count the texts that are cut."""
        found = self._rows(examples)
        self.texts, self.full = (
            len(found),
            sum(len(row) >= self._tokenizer.max_tokens for row, _ in found.rows),
        )
        return found

    def _rows(self, examples: Sequence[Example]) -> Encoded:
        ids = self._tokenizer.encode_batch([e.text for e in examples])
        rows = [(row, e.label) for row, e in zip(ids, examples, strict=True)]
        return Encoded(rows=rows, tokens=sum(map(len, ids)))

    def training_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right: ``input_ids`` and ``attention_mask`` of shape (batch, tokens), ``labels`` of shape (batch,)."""
        return {**self.inference_batch(rows), "labels": torch.tensor([r[1] for r in rows])}

    def inference_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right, without the labels."""
        ids = pad_sequence(
            [torch.tensor(r[0]) for r in rows], batch_first=True, padding_value=self._pad_id
        )
        lengths = torch.tensor([len(r[0]) for r in rows])
        return {
            "input_ids": ids,
            "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
        }

    def loss(
        self, model: nn.Module, batch: Mapping[str, torch.Tensor], _together: Sequence[Any]
    ) -> torch.Tensor:
        """Return the mean cross-entropy over the examples; micro-batches are equally large, so their means average.

        Weights of classes multiply each example's loss; their mean over the train split is 1.
        """
        if self._weights is None:
            loss: torch.Tensor = model(**batch).loss
            return loss
        labels = batch["labels"]
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits
        each = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
        return (each * self._weights.to(each.device)[labels]).mean()

    def doubts(self) -> tuple[str, ...]:
        """Say how many texts are cut: what lies behind the cut cannot be found."""
        if not self.full:
            return ()
        kept = self._tokenizer.max_tokens
        return (
            f"{self.full} of {self.texts} test functions fill the {kept} tokens that are kept: what lies behind is not read",
        )

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> list[float]:
        """Return the probability of class 1 for every example, in the loader's order."""
        net.eval()
        found: list[torch.Tensor] = []
        shapes: list[Batch] = []
        for batch in loader:
            shapes.append(Batch(*batch["input_ids"].shape))
            logits = net(**{k: v.to(device) for k, v in batch.items()}).logits
            found.append(logits.float().softmax(-1)[:, 1])
        self.answered = tuple(shapes)
        probabilities: list[float] = torch.cat(found).tolist()
        return probabilities
