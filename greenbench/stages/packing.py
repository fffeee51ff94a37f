"""Packing: several examples in one row, each attending to itself alone, its positions from 0.

A packed batch computes what the padded one does, without its padding: attention is block-diagonal
within a row (Krell et al. 2021, arXiv:2107.02027), so that no example sees another one. It is
computed over whole rows and masked, so that wide rows cost more attention than they save of the
rest: rows are at most twice as wide as the batch's longest example. Nothing is cut.

transformers takes a prepared four-dimensional mask, for each kind of attention that a model has. A
classifier pools rows, so its encoder's output is pooled example by example here instead.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

import torch

from greenbench.errors import UnavailableError
from greenbench.stages.layer_rules import GLOBAL, LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    from greenbench.stages.objectives.interface import ModelInputs

IGNORED = -100
"""Label that does not count in a loss."""
STARTS = "starts"
"""Key of a packed batch: where each example begins among the tokens of all rows, in their order."""
MASKED = ("sdpa", "eager")
"""Implementations of attention that take a prepared mask."""


WIDTHS = (1.0, 1.5, 2.0)
"""Widths of rows that are tried, in lengths of the longest example."""


def examples(batch: ModelInputs) -> int:
    """Return how many examples share the rows of ``batch``; 0 if each has one of its own."""
    return len(batch[STARTS]) if STARTS in batch else 0


def pack(batch: ModelInputs, pad_id: int) -> dict[str, torch.Tensor]:
    """Return a batch that was padded on the right as a packed one.

    ``attention_mask`` then numbers the examples of each row from 1; 0 is padding. Labels of whole
    examples stay as they are, labels of tokens move with these.
    """
    lengths = batch["attention_mask"].sum(1).tolist()
    rows, width = fullest(lengths)
    packed = _empty(batch, len(rows), width, pad_id)
    for row, numbers in enumerate(rows):
        begin = 0
        for place, number in enumerate(numbers, start=1):
            length = lengths[number]
            _put(batch, number, length, packed, slice(begin, begin + length), row)
            packed["attention_mask"][row, begin : begin + length] = place
            packed[STARTS][number] = row * width + begin
            begin += length
    return packed


def _empty(batch: ModelInputs, rows: int, width: int, pad_id: int) -> dict[str, torch.Tensor]:
    """Return a packed batch that holds nothing yet but the labels of whole examples."""
    zeros = torch.zeros((rows, width), dtype=torch.long)
    packed = {
        "input_ids": torch.full_like(zeros, pad_id),
        "attention_mask": zeros,
        "position_ids": zeros.clone(),
        STARTS: torch.zeros(len(batch["input_ids"]), dtype=torch.long),
    }
    labels = batch.get("labels")
    if labels is not None:
        packed["labels"] = labels if labels.ndim == 1 else torch.full_like(zeros, IGNORED)
    return packed


def _put(
    batch: ModelInputs,
    number: int,
    length: int,
    packed: Mapping[str, torch.Tensor],
    place: slice,
    row: int,
) -> None:
    """Copy an example to its place in a row."""
    packed["input_ids"][row, place] = batch["input_ids"][number, :length]
    packed["position_ids"][row, place] = torch.arange(length)
    if "labels" in batch and batch["labels"].ndim > 1:
        packed["labels"][row, place] = batch["labels"][number, :length]
        # What the last token of the example before would predict is no part of it
        packed["labels"][row, place.start] = IGNORED


def fullest(lengths: Sequence[int]) -> tuple[list[list[int]], int]:
    """Return the examples of each row, and the rows' width, with the fewest tokens to compute."""
    best: tuple[list[list[int]], int] = ([], 0)
    fewest = sum(lengths) * len(lengths) + 1
    for factor in WIDTHS:
        room = int(max(lengths) * factor)
        rows = first_fit(lengths, room)
        width = 0
        for row in rows:
            filled = 0
            for number in row:
                filled += lengths[number]
            width = max(width, filled)
        computed = len(rows) * width
        if computed < fewest:
            best = rows, width
            fewest = computed
    return best


def first_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Put each example into the first row with room for it; return the numbers of each row.

    First fit, decreasing (Johnson 1973): at most 11/9 of the fewest rows, and one more.
    """
    rows: list[list[int]] = []
    free: list[int] = []
    numbers = range(len(lengths))
    longest_first = sorted(numbers, key=lambda number: -lengths[number])
    for number in longest_first:
        length = lengths[number]
        row = next((row for row, left in enumerate(free) if length <= left), len(rows))
        if row == len(rows):
            rows.append([])
            free.append(room)
        rows[row].append(number)
        free[row] -= length
    return rows


def run(model: nn.Module, batch: ModelInputs, **others: object) -> Any:
    """Call ``model`` with ``batch``, packed or not; a classifier's logits are in examples' order.

    Raises UnavailableError if the model's attention takes no prepared mask.
    """
    if STARTS not in batch:
        return model(**batch, **others)
    inputs = dict(batch)
    starts, numbers = inputs.pop(STARTS), inputs.pop("attention_mask")
    with _packed(encoder(model), numbers, starts):
        return model(**inputs, **others)


def encoder(model: nn.Module) -> PreTrainedModel:
    """Return the stack of layers within ``model``, whatever wraps it."""
    from transformers import PreTrainedModel

    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.base_model is module:
            return module
    raise UnavailableError(
        f"data.batching: packed needs a model of transformers, and this is {type(model).__name__}; "
        "set plain or bucketed"
    )


@contextlib.contextmanager
def _packed(stack: PreTrainedModel, numbers: torch.Tensor, starts: torch.Tensor) -> Iterator[None]:
    """Let ``stack`` attend within examples; one that does not generate is pooled by them."""
    masks = _masks(stack.config, numbers)

    def mask(_stack: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        return given, {**named, "attention_mask": masks}

    def pool(_stack: nn.Module, _given: object, output: BaseModelOutput) -> BaseModelOutput:
        hidden = cast("torch.Tensor", output.last_hidden_state)
        output.last_hidden_state = _pooled(stack.config, hidden, numbers, starts)
        return output

    hooks = [stack.register_forward_pre_hook(mask, with_kwargs=True)]
    if hasattr(stack.config, "classifier_pooling"):
        hooks.append(stack.register_forward_hook(pool))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _masks(config: PreTrainedConfig, numbers: torch.Tensor) -> Any:
    """Return the mask of each kind of attention, or the only one: (rows, 1, tokens, tokens).

    Padding attends to padding: no token may attend to nothing.
    """
    implementation = config._attn_implementation  # noqa: SLF001  it has no public name
    if implementation not in MASKED:
        raise UnavailableError(
            f"data.batching: packed needs attention that takes a mask ({' or '.join(MASKED)}), "
            f"and the model's is {implementation}; set plain or bucketed"
        )
    allowed = numbers[:, :, None] == numbers[:, None, :]
    places = torch.arange(numbers.shape[1], device=numbers.device)
    distance = places[:, None] - places
    causal = not hasattr(config, "classifier_pooling")
    if causal:
        allowed = allowed & (distance >= 0)
    whole = _as_taken(allowed, implementation)
    if LOCAL not in (getattr(config, "layer_types", None) or ()):
        return whole
    # A decoder's window counts the token itself, an encoder's what lies on each side.
    window = config.sliding_window - 1 if causal else config.sliding_window
    near = allowed & (distance.abs() <= window)
    return {GLOBAL: whole, LOCAL: _as_taken(near, implementation)}


def _as_taken(allowed: torch.Tensor, implementation: str) -> torch.Tensor:
    """Return a mask as the implementation takes it: eager attention adds it to the scores."""
    allowed = allowed[:, None]
    if implementation == "sdpa":
        return allowed
    scores = torch.zeros(allowed.shape, device=allowed.device)
    return scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)


def _pooled(
    config: PreTrainedConfig, hidden: torch.Tensor, numbers: torch.Tensor, starts: torch.Tensor
) -> torch.Tensor:
    """Return what the classifier's head reads of each example: (examples, 1, features).

    That is its first token, or the mean over all of them, as the model pools rows.
    """
    tokens = hidden.flatten(0, 1)
    if config.classifier_pooling == "cls":
        return tokens[starts][:, None]
    # Which example each token belongs to; padding belongs to one behind the last.
    begins = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
    begins[starts] = 1
    latest = begins.cumsum(0) - 1
    owners = starts.argsort()[latest]
    padding = numbers.flatten() == 0
    owners[padding] = len(starts)
    several = len(starts) + 1
    nothing = tokens.new_zeros(several, tokens.shape[1])
    sums = nothing.index_add(0, owners, tokens)
    counts = torch.bincount(owners, minlength=several)
    means = sums / counts[:, None]
    return means[:-1, None]
