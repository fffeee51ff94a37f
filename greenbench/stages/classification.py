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

    def __init__(self, tokenizer: Encoder, pad_id: int) -> None:
        """Hold what text and batches are made with."""
        self._tokenizer, self._pad_id = tokenizer, pad_id

    def training_rows(self, examples: Sequence[Example]) -> Encoded:
        """Tokenise a split."""
        ids = self._tokenizer.encode_batch([e.text for e in examples])
        rows = [(row, e.label) for row, e in zip(ids, examples, strict=True)]
        return Encoded(rows=rows, tokens=sum(map(len, ids)))

    inference_rows = training_rows

    def training_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right: ``input_ids`` and ``attention_mask`` of shape (batch, tokens), ``labels`` of shape (batch,)."""
        return {**self.inference_batch(rows), "labels": torch.tensor([r[1] for r in rows])}

    def inference_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right, without the labels."""
        ids = pad_sequence([torch.tensor(r[0]) for r in rows], batch_first=True, padding_value=self._pad_id)
        lengths = torch.tensor([len(r[0]) for r in rows])
        return {"input_ids": ids, "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long()}

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor], _together: Sequence[Any]) -> torch.Tensor:
        """Return the mean cross-entropy over the examples; micro-batches are equally large, so their means average."""
        loss: torch.Tensor = model(**batch).loss
        return loss

    def doubts(self) -> tuple[str, ...]:
        """Say nothing: a text that is cut is still classified."""
        return ()

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
