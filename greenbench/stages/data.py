"""The data stage: text becomes token ids, and ids become batches.

Loading, deduplicating and splitting the data set happen before, outside every window: they are the
same for all variants.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch.utils.data import BatchSampler, SequentialSampler

from greenbench.errors import UsageError
from greenbench.options import DataOptions
from greenbench.stages import batching, encoders
from greenbench.stages.batching import LengthOrder, ShuffledBatches, SortedSteps
from greenbench.stages.loading import Loading
from greenbench.stages.tokenizers.threads import ThreadWatch
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenbench.stages.encoders import Encoder
    from greenbench.stages.objectives.interface import (
        Encoded,
        Loader,
        ModelInputs,
        Objective,
        TaskExample,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """What the data stage gives to the other stages."""

    train: Loader
    test: Loader
    objective: Objective
    calibration: Sequence[TaskExample] = ()
    """Validation examples for a rule that picks layers by them, not tokenised yet."""
    validation: Sequence[TaskExample] = ()
    """Validation examples that training is scored on, likewise."""
    batch_size: int
    """Examples of a batch at inference."""
    tokens_train: int
    questions: Encoded
    """The rows of the test examples."""
    widest: int
    """Most tokens of an input."""
    loading: Loading
    """What made the loaders: a context for reading them."""
    tokenizer_proofs: tuple[Applied, ...]
    doubts: tuple[str, ...] = ()
    """Warnings about what the model can read."""

    @property
    def tokens_test(self) -> int:
        """Tokens of the test examples, as they are read."""
        return self.questions.tokens


def micro_batch(batch_size: int, accumulation_steps: int) -> int:
    """Return the examples of a micro-batch; raises UsageError if the batch cannot be divided so."""
    if batch_size % accumulation_steps:
        raise UsageError(
            f"training.accumulation_steps: {accumulation_steps} does not divide data.batch_size "
            f"{batch_size}; choose a divisor, so that the effective batch stays what it is"
        )
    return batch_size // accumulation_steps


def prepare(
    train: Sequence[TaskExample],
    test: Sequence[TaskExample],
    tokenizer: Encoder,
    objective: Objective,
    options: DataOptions,
    *,
    micro: int,
    seed: int,
    answered: int | None = None,
    calibration: Sequence[TaskExample] = (),
    usual_length: int | None = None,
    unread: str = "",
    doubts: tuple[str, ...] = (),
) -> Batches:
    """Tokenise the splits and batch them: shuffled for training, in order for inference.

    Batches of inference have ``answered`` examples, None for as many as those of training.
    ``calibration`` is passed on; ``usual_length`` is where the profile cuts inputs, ``unread`` why
    the Python tokenizer does not read the model's, ``doubts`` are warnings to pass on. Raises
    UsageError if ``train`` does not fill one batch.
    """
    answered = answered or options.batch_size
    asked = replace(options, batch_size=answered)
    texts = objective.training_texts
    with ThreadWatch() as threads:
        rows, cached_in_training = encoded(tokenizer, objective.training_rows, train, texts)
        questions, cached_at_inference = encoded(tokenizer, objective.inference_rows, test, 1)
    cached = cached_in_training + cached_at_inference
    longest = max(rows.longest_input, questions.longest_input)
    loading, widest = Loading(options), tokenizer.max_tokens
    order = _order_of_training(rows, options, micro, seed)
    collate = batching.training_collation(objective, options, widest)
    return Batches(
        train=loading.loader(rows, collate, order),
        test=_ordered(questions, objective, asked, loading, widest),
        objective=objective,
        calibration=calibration,
        batch_size=answered,
        tokens_train=rows.tokens,
        questions=questions,
        widest=widest,
        loading=loading,
        doubts=(*doubts, *encoders.doubts(unread)),
        tokenizer_proofs=(
            _tokenizer_proof(tokenizer, options.tokenizer, cached, threads, unread),
            _length_proof(tokenizer, options.max_length, usual_length, longest),
        ),
    )


def _order_of_training(
    rows: Encoded, options: DataOptions, micro: int, seed: int
) -> ShuffledBatches | SortedSteps:
    """Return the micro-batches of training, those of a step by length if they are bucketed."""
    steps = ShuffledBatches(len(rows), options.batch_size, micro, seed)
    if options.batching == "bucketed":
        return SortedSteps(steps, rows.lengths)
    return steps


def in_order(objective: Objective, examples: Sequence[TaskExample], batch_size: int) -> Loader:
    """Tokenise examples and return their batches in order."""
    plain = DataOptions(batch_size=batch_size)
    rows = objective.inference_rows(examples)
    return _ordered(rows, objective, plain, Loading(plain), rows.longest_input)


def _ordered(
    rows: Encoded, objective: Objective, options: DataOptions, loading: Loading, widest: int
) -> Loader:
    """Return the batches of inference."""
    size = options.batch_size
    order: LengthOrder | BatchSampler
    if options.batching == "bucketed":
        order = LengthOrder(rows.lengths, size)
    else:
        order = BatchSampler(SequentialSampler(rows), size, drop_last=False)
    return loading.loader(rows, batching.inference_collation(objective, options, widest), order)


def encoded(
    tokenizer: Encoder,
    tokenise: Callable[[Sequence[TaskExample]], Encoded],
    examples: Sequence[TaskExample],
    texts: int,
) -> tuple[Encoded, int]:
    """Return the rows of ``examples``, and how many texts the tokenizer did not encode for them.

    Each example has ``texts`` texts; ids of the missing ones came from a cache.
    """
    before = tokenizer.encoded
    rows = tokenise(examples)
    newly_encoded = tokenizer.encoded - before
    missing = texts * len(examples) - newly_encoded
    return rows, max(0, missing)


def calibration_batches(batches: Batches) -> Iterator[ModelInputs]:
    """Tokenise the validation examples, if there are any, and yield them in batches."""
    if not batches.calibration:
        return
    objective, size = batches.objective, batches.batch_size
    rows = objective.validation_rows(batches.calibration).rows
    for start in range(0, len(rows), size):
        yield objective.training_batch(rows[start : start + size])


def _tokenizer_proof(
    tokenizer: Encoder, asked: str, cached: int, threads: ThreadWatch, unread: str
) -> Applied:
    """Name the live tokenizer by its class, and say whether it encoded every text.

    With a text in ``unread`` the baseline has the Rust tokenizer, too.
    """
    live = type(getattr(tokenizer, "tokenizer", tokenizer))
    name = f"{live.__module__}.{live.__qualname__}"
    package = live.__module__.partition(".")[0]
    kinds = {"greenbench": "python", "tokenizers": "rust"}
    got = kinds.get(package, live.__module__)
    note, how = "", f"class of the live tokenizer: {name}"
    if unread:
        how += f"; {unread}: the baseline has the Rust one"
    if got != asked and not unread:
        note = f"the tokenizer in use is {name}"
    elif cached:
        note = f"the ids of {cached} texts came from a cache: their tokenisation was not measured"
    return Applied(
        stage="data",
        knob="tokenizer",
        asked=asked,
        got=got,
        how=how,
        note=note,
        before="rust" if unread else None,
        evidence={
            "texts_encoded": tokenizer.encoded,
            "texts_from_cache": cached,
            **threads.evidence,
        },
    )


def _length_proof(
    tokenizer: Encoder, asked: int | None, usual: int | None, longest: int
) -> Applied:
    """Compare the length that the live tokenizer cuts at with the requested one.

    ``usual`` is the profile's, ``longest`` that of the longest input. A cut that no input reaches
    does nothing.
    """
    got: int | None = tokenizer.cut_at
    note = ""
    if asked is None:
        got = None
    elif got != asked:
        note = f"requested {asked}, read back {got}"
        got = None if got == usual else got
    elif usual is not None and (longest <= usual if asked >= usual else longest < asked):
        got = None
        note = f"no input is longer than {longest} tokens: {usual} would keep the same"
    return Applied(
        stage="data",
        knob="max_length",
        asked=asked,
        got=got,
        how="length at which the live tokenizer cuts, and the longest input",
        note=note,
        evidence={"cut_at": tokenizer.cut_at, "longest_input": longest},
    )
