"""The data stage: text becomes token ids, and ids become batches.

Loading, deduplicating and splitting the data set happen before, outside every window: they are the same for all variants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.utils.data import DataLoader

from greenbench.errors import UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from greenbench.options import DataOptions
    from greenbench.stages.flops import Batch


class Encoder(Protocol):
    """What both tokenizers can do."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included, cut at the length the encoder was made for."""

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """Text of each row of ids, special tokens left out."""

    @property
    def max_tokens(self) -> int:
        """Length that texts are cut at."""

    @property
    def encoded(self) -> int:
        """Texts that the tokenizer itself has encoded so far: none that a cache has answered."""


@dataclass(slots=True)
class PythonEncoder:
    """The baseline: byte-level BPE in pure Python."""

    tokenizer: Any
    max_tokens: int

    @property
    def encoded(self) -> int:
        """Counted by the tokenizer itself, text by text."""
        return int(self.tokenizer.encoded)

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        ids: list[list[int]] = self.tokenizer.encode_batch(texts, max_length=self.max_tokens)
        return ids

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See ``Encoder``."""
        return [self.tokenizer.decode(row) for row in rows]


@dataclass(slots=True)
class RustEncoder:
    """The Rust library ``tokenizers``, with its threads."""

    tokenizer: Any
    max_tokens: int
    encoded: int = 0

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See ``Encoder``."""
        self.encoded += len(texts)
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def decode_batch(self, rows: Sequence[Sequence[int]]) -> list[str]:
        """See ``Encoder``."""
        texts: list[str] = self.tokenizer.decode_batch([list(row) for row in rows])
        return texts


def encoder(kind: str, file: Path, max_tokens: int) -> PythonEncoder | RustEncoder:
    """Return the tokenizer of ``kind`` (``python`` or ``rust``) that reads ``file``, a ``tokenizer.json``."""
    if kind == "rust":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        return RustEncoder(tokenizer, max_tokens)
    from greenbench.stages.tokenizers.python_bpe import PythonBPE

    return PythonEncoder(PythonBPE.from_file(file), max_tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """One split as token ids: a row an example, as its objective wants it, and how many tokens they hold in all."""

    rows: Sequence[Any]
    tokens: int
    """Padding not counted."""

    def __len__(self) -> int:
        """Examples in the split."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        """One example."""
        return self.rows[index]


class Objective(Protocol):
    """What a model is trained for and asked: how examples become rows, rows become batches, and batches an answer."""

    training_texts: int
    """Texts of an example that are tokenised to learn from it: a source and a target are two."""

    def training_rows(self, examples: Sequence[Any]) -> Encoded:
        """Tokenise examples to learn from."""

    def inference_rows(self, examples: Sequence[Any]) -> Encoded:
        """Tokenise examples to be answered."""

    def training_batch(self, rows: Sequence[Any]) -> dict[str, torch.Tensor]:
        """Put rows into tensors; ``labels`` has one entry an example in its first dimension."""

    def inference_batch(self, rows: Sequence[Any]) -> dict[str, torch.Tensor]:
        """Put rows into the tensors that the model is called with."""

    def loss(
        self, model: nn.Module, batch: Mapping[str, torch.Tensor], together: Sequence[Any]
    ) -> torch.Tensor:
        """Return the loss of a micro-batch, such that its mean over those ``together`` in a step is the step's loss."""

    def answer(self, net: nn.Module, loader: Loader, device: torch.device) -> Sequence[Any]:
        """Return the model's output for every example, in the loader's order."""

    @property
    def tokens_generated(self) -> int:
        """Tokens that ``answer`` has written, end tokens included."""

    @property
    def answered(self) -> Sequence[Batch]:
        """Shapes of the batches that ``answer`` last went through."""

    def doubts(self) -> tuple[str, ...]:
        """Say what was cut on the way in or out."""


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


Loader = DataLoader[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What the data stage hands on."""

    train: Loader
    test: Loader
    objective: Objective
    calibration: Sequence[Any] = ()
    """Validation examples for who picks something by them, not tokenised yet; none unless asked for."""
    batch_size: int
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
    train: Sequence[Any],
    test: Sequence[Any],
    tokenizer: Encoder,
    objective: Objective,
    options: DataOptions,
    *,
    micro: int,
    seed: int,
    calibration: Sequence[Any] = (),
) -> Batches:
    """Tokenise the splits and set up their batches: shuffled for training, in order for inference. Pass ``calibration`` on."""
    rows, trained = _counted(tokenizer, objective.training_rows, train, objective.training_texts)
    questions, asked = _counted(tokenizer, objective.inference_rows, test, 1)
    sampler = ShuffledBatches(len(train), options.batch_size, micro, seed)
    in_order = {"batch_size": options.batch_size}
    return Batches(
        train=DataLoader(rows, batch_sampler=sampler, collate_fn=objective.training_batch),  # type: ignore[arg-type]
        test=DataLoader(questions, collate_fn=objective.inference_batch, **in_order),  # type: ignore[arg-type]
        objective=objective,
        calibration=calibration,
        batch_size=options.batch_size,
        tokens_train=rows.tokens,
        tokens_test=questions.tokens,
        applied=(_tokenizer_proof(tokenizer, options.tokenizer, trained + asked),),
    )


def in_order(objective: Objective, examples: Sequence[Any], batch_size: int) -> Loader:
    """Tokenise examples and return their batches in order."""
    rows = objective.inference_rows(examples)
    return DataLoader(rows, collate_fn=objective.inference_batch, batch_size=batch_size)  # type: ignore[arg-type]


def _counted(
    tokenizer: Encoder,
    rows: Callable[[Sequence[Any]], Encoded],
    examples: Sequence[Any],
    texts: int,
) -> tuple[Encoded, int]:
    """Return the rows of ``examples``, each of so many ``texts``, and how many of these the tokenizer did not encode."""
    before = tokenizer.encoded
    made = rows(examples)
    return made, max(0, texts * len(examples) - (tokenizer.encoded - before))


def calibration_batches(batches: Batches) -> Iterator[dict[str, torch.Tensor]]:
    """Tokenise the validation examples and yield them in batches."""
    goal = batches.objective
    if batches.calibration:
        rows = goal.training_rows(batches.calibration)
        for start in range(0, len(rows), batches.batch_size):
            yield goal.training_batch(
                [rows[i] for i in range(start, min(start + batches.batch_size, len(rows)))]
            )


def batch_proof(asked: int, trained: float | None, answered: Sequence[Batch]) -> Applied:
    """Hold the examples of an optimizer step, and the largest batch that was answered, against ``asked``."""
    largest = max((b.rows for b in answered), default=None)
    whole = (
        largest is None or largest == asked or (len(answered) == 1 and largest < asked)
    )  # one batch may hold all there are
    got = largest if trained is None or not whole else trained
    note = "" if whole and trained in (None, asked) else f"asked for {asked}, read back {got}"
    return Applied(
        stage="data",
        knob="batch_size",
        asked=asked,
        got=asked if trained is None and whole and largest is not None else got,
        how="examples per optimizer step, and of the largest batch at inference, counted",
        note=note,
        evidence={"examples_per_step": trained, "largest_batch_inference": largest},
    )


def _tokenizer_proof(tokenizer: Encoder, asked: str, cached: int) -> Applied:
    """Name the live tokenizer by its class, and say whether it was asked for every text."""
    backend = type(getattr(tokenizer, "tokenizer", tokenizer))
    got = {"greenbench": "python", "tokenizers": "rust"}.get(
        backend.__module__.split(".")[0], backend.__module__
    )
    note = (
        ""
        if got == asked
        else f"the tokenizer in use is {backend.__module__}.{backend.__qualname__}"
    )
    if not note and cached:
        note = f"the ids of {cached} texts came from a cache: their tokenising was not measured"
    return Applied(
        stage="data",
        knob="tokenizer",
        asked=asked,
        got=got,
        how=f"class of the live tokenizer: {backend.__module__}.{backend.__qualname__}",
        note=note,
        evidence={"texts_encoded": tokenizer.encoded, "texts_from_cache": cached},
    )
