"""The objective of an encoder: one class an example, answered by the probability of class 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from greenbench.stages import packing
from greenbench.stages.objectives import validation_scores
from greenbench.stages.objectives.interface import AnsweredBatch, Encoded, on_device
from greenbench.stages.ranks.rank import ALONE, Rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import Answers, Loader, ModelInputs


class LabelledText(Protocol):
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
    noun = "functions"
    """What warnings call the texts."""
    score_name = "mcc"
    validation_score = staticmethod(validation_scores.mcc)
    tokens_generated = 0
    longest_target = 0
    answered: tuple[AnsweredBatch, ...] = ()

    def __init__(self, tokenizer: Encoder, pad_id: int, *, class_weights: bool = False) -> None:
        """Make an objective; with ``class_weights`` both classes weigh the same in the loss."""
        self._tokenizer = tokenizer
        self.pad_id = pad_id
        self._weighted = class_weights
        self._weights: torch.Tensor | None = None
        self._texts = 0
        self._full_texts = 0
        """Texts to be answered that fill the tokens that are kept."""

    def __getstate__(self) -> dict[str, object]:
        """Leave the tokenizer behind: what is sent to another rank tokenises nothing."""
        return {**vars(self), "_tokenizer": None}

    def training_rows(self, examples: Sequence[LabelledText]) -> Encoded:
        """Tokenise a split, and set the weights of the classes if the loss is weighted.

        They are those of scikit-learn's ``balanced``: rows / (classes x rows of the class).
        """
        if self._weighted:
            self._weights = _balanced([example.label for example in examples])
        return self._rows(examples)

    def validation_rows(self, examples: Sequence[LabelledText]) -> Encoded:
        """Tokenise a split with its labels; the weights of the classes stay."""
        return self._rows(examples)

    def inference_rows(self, examples: Sequence[LabelledText]) -> Encoded:
        """Tokenise a split to be answered, and count the texts that are cut."""
        encoded = self._rows(examples)
        self._texts = len(encoded)
        full = [length for length in encoded.lengths if length >= self._tokenizer.max_tokens]
        self._full_texts = len(full)
        return encoded

    def _rows(self, examples: Sequence[LabelledText]) -> Encoded:
        ids = self._tokenizer.encode_batch([e.text for e in examples])
        labels = [e.label for e in examples]
        rows = list(zip(ids, labels, strict=True))
        lengths = list(map(len, ids))
        return Encoded(rows=rows, lengths=lengths, longest_input=max(lengths, default=0))

    def training_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right.

        ``input_ids`` and ``attention_mask`` have shape (batch, tokens), ``labels`` (batch,).
        """
        batch = self.inference_batch(rows)
        labels = [label for _, label in rows]
        batch["labels"] = torch.tensor(labels)
        return batch

    def inference_batch(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Pad on the right, without the labels."""
        texts = [torch.tensor(ids) for ids, _ in rows]
        ids = pad_sequence(texts, batch_first=True, padding_value=self.pad_id)
        lengths = torch.tensor([len(text) for text in texts])
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        return {"input_ids": ids, "attention_mask": mask.long()}

    def loss(
        self,
        model: nn.Module,
        batch: ModelInputs,
        _step: Sequence[ModelInputs],
        _rank: Rank = ALONE,
    ) -> torch.Tensor:
        """Return the mean cross-entropy; micro-batches are equally large, so their means average.

        So are the parts of several ranks.

        Class weights multiply each example's loss; their mean over the training split is 1.
        """
        if self._weights is None:
            mean: torch.Tensor = packing.run(model, batch).loss
            return mean
        inputs = dict(batch)
        labels = inputs.pop("labels")
        logits = packing.run(model, inputs).logits
        losses = cross_entropy(logits.float(), labels, reduction="none")
        weights = self._weights.to(losses.device)[labels]
        return (losses * weights).mean()

    def doubts(self) -> tuple[str, ...]:
        """Warn of texts that are cut: the model cannot find what lies behind the cut."""
        if not self._full_texts:
            return ()
        filling = f"{self._full_texts} of {self._texts} test {self.noun} fill"
        kept = f"the {self._tokenizer.max_tokens} tokens that are kept"
        return (f"{filling} {kept}: the model does not read what follows",)

    @torch.inference_mode()
    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> Answers:
        """Return the probability of class 1 for every example, in the loader's order."""
        net.eval()
        of_class_1 = []
        shapes = []
        for batch in loader:
            inputs = on_device(batch, device)
            rows, tokens = inputs["input_ids"].shape
            shapes.append(AnsweredBatch(rows, tokens, packed=packing.examples(inputs)))
            logits = packing.run(net, inputs).logits
            probabilities = logits.float().softmax(-1)
            of_class_1.append(probabilities[:, 1])
        self.answered = tuple(shapes)
        answers: list[float] = torch.cat(of_class_1).tolist()
        return answers


def _balanced(labels: Sequence[int]) -> torch.Tensor | None:
    """Return the weight of each class, 0 for one without rows; None if all rows have one class."""
    counts = torch.bincount(torch.tensor(labels), minlength=2)
    has_rows = counts > 0
    present = int(has_rows.sum())
    if present == 1:
        return None
    weights = len(labels) / (present * counts.clamp(min=1))
    return weights * has_rows
