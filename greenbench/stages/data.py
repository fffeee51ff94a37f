"""The data stage: text becomes token ids, and ids become batches.

Loading, deduplicating and splitting the data set happen before, outside every window: they are the same for all variants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from greenbench.options import DataOptions


class Encoder(Protocol):
    """What both tokenizers can do."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut at the length the encoder was made for."""


class Example(Protocol):
    """A text with its label."""

    @property
    def text(self) -> str:
        """The input."""

    @property
    def label(self) -> int:
        """The class, counted from 0."""


@dataclass(frozen=True, slots=True)
class PythonEncoder:
    """The baseline: byte-level BPE in pure Python."""

    tokenizer: Any
    max_tokens: int

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        ids: list[list[int]] = self.tokenizer.encode_batch(texts, max_length=self.max_tokens)
        return ids


@dataclass(frozen=True, slots=True)
class RustEncoder:
    """The Rust library ``tokenizers``, with its threads."""

    tokenizer: Any

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]


def encoder(kind: str, file: Path, max_tokens: int) -> PythonEncoder | RustEncoder:
    """Return the tokenizer of ``kind`` (``python`` or ``rust``) that reads ``file``, a ``tokenizer.json``."""
    if kind == "rust":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        return RustEncoder(tokenizer)
    from greenbench.stages.python_bpe import PythonBPE

    return PythonEncoder(PythonBPE.from_file(file), max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Token ids (a list of lists) and labels of one split."""

    ids: list[list[int]]
    labels: list[int]

    @property
    def tokens(self) -> int:
        """Tokens in the split, padding not counted."""
        return sum(map(len, self.ids))

    def __len__(self) -> int:
        """Examples in the split."""
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[list[int], int]:
        """Ids and label of one example."""
        return self.ids[index], self.labels[index]


def encode(examples: Sequence[Example], tokenizer: Encoder) -> Encoded:
    """Tokenise a split."""
    return Encoded(ids=tokenizer.encode_batch([e.text for e in examples]), labels=[e.label for e in examples])


class ShuffledBatches:
    """Batch sampler: a new permutation each epoch, cut to whole effective batches, handed out in micro-batches.

    The permutation depends on the seed alone, so that accumulating 4 micro-batches of 8 sees the examples in the order in
    which batches of 32 see them, and every optimizer step averages over the same examples.
    """

    def __init__(self, count: int, effective: int, micro: int, seed: int) -> None:
        """Raise UsageError where ``count`` examples do not fill one effective batch."""
        if count < effective:
            raise UsageError(
                f"training needs at least one batch of {effective} examples, and there are {count}; give more data"
            )
        self.count, self.effective, self.micro = count, effective, micro
        self.batch_size, self.drop_last = micro, True
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Micro-batches an epoch."""
        return self.count // self.effective * (self.effective // self.micro)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of each micro-batch."""
        order = torch.randperm(self.count, generator=self._generator).tolist()
        whole = self.count // self.effective * self.effective
        for start in range(0, whole, self.micro):
            yield order[start : start + self.micro]


@dataclass(frozen=True, slots=True)
class Collate:
    """Pads a batch on the right to its longest example."""

    pad_id: int

    def __call__(self, rows: list[tuple[list[int], int]]) -> dict[str, torch.Tensor]:
        """Return ``input_ids`` and ``attention_mask`` of shape (batch, tokens) and ``labels`` of shape (batch,)."""
        ids = pad_sequence([torch.tensor(r[0]) for r in rows], batch_first=True, padding_value=self.pad_id)
        lengths = torch.tensor([len(r[0]) for r in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([r[1] for r in rows])}


Loader = DataLoader[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What the data stage hands on."""

    train: Loader
    test: Loader
    tokens_train: int
    tokens_test: int
    applied: tuple[Applied, ...]


def micro_batch(batch_size: int, accumulation_steps: int) -> int:
    """Return the examples of one micro-batch; raises UsageError where the steps do not divide the batch."""
    if batch_size % accumulation_steps:
        raise UsageError(
            f"training.accumulation_steps: {accumulation_steps} does not divide data.batch_size {batch_size}; "
            "choose a divisor, so that the effective batch stays what it is"
        )
    return batch_size // accumulation_steps


def prepare(
    train: Sequence[Example],
    test: Sequence[Example],
    tokenizer: Encoder,
    options: DataOptions,
    *,
    micro: int,
    pad_id: int,
    seed: int,
) -> Batches:
    """Tokenise both splits and set up their batches: shuffled for training, in order for inference."""
    collate, encoded = Collate(pad_id), (encode(train, tokenizer), encode(test, tokenizer))
    sampler = ShuffledBatches(len(train), options.batch_size, micro, seed)
    return Batches(
        train=DataLoader(encoded[0], batch_sampler=sampler, collate_fn=collate),  # type: ignore[arg-type]
        test=DataLoader(encoded[1], batch_size=options.batch_size, collate_fn=collate),  # type: ignore[arg-type]
        tokens_train=encoded[0].tokens,
        tokens_test=encoded[1].tokens,
        applied=(_tokenizer_proof(tokenizer, options.tokenizer),),
    )


def _tokenizer_proof(tokenizer: Encoder, asked: str) -> Applied:
    backend = type(getattr(tokenizer, "tokenizer", tokenizer))
    got = {"greenbench": "python", "tokenizers": "rust"}.get(backend.__module__.split(".")[0], backend.__module__)
    note = "" if got == asked else f"the tokenizer in use is {backend.__module__}.{backend.__qualname__}"
    how = f"class of the live tokenizer: {backend.__module__}.{backend.__qualname__}"
    return Applied(stage="data", knob="tokenizer", asked=asked, got=got, how=how, note=note)
