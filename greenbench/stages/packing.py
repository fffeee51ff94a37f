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
from greenbench.stages.stack import stack_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import BaseModelOutput

    from greenbench.stages.objectives.interface import ModelInputs
    from greenbench.stages.stack import LayerStack

OF_TEXTS = "ForSequenceClassification"
"""End of the names of transformers' models that give an answer a row."""
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
    with _packed(_whole(model), numbers, starts):
        return model(**inputs, **others)


def _whole(model: nn.Module) -> PreTrainedModel:
    """Return the whole model of transformers within ``model``, whatever wraps it."""
    from transformers import PreTrainedModel

    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            return module
    raise UnavailableError(
        f"data.batching: packed needs a model of transformers, and this is {type(model).__name__}; "
        "set plain or bucketed"
    )


@contextlib.contextmanager
def _packed(net: PreTrainedModel, numbers: torch.Tensor, starts: torch.Tensor) -> Iterator[None]:
    """Let ``net`` attend within examples; a classifier of texts is pooled by them."""
    stack = stack_of(net)
    masks = _masks(stack, numbers)
    first = _first_position(stack.body)

    def mask(_body: nn.Module, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
        positions = named["position_ids"] + first
        return given, {**named, "attention_mask": masks, "position_ids": positions}

    def pool(body: Any, _given: object, output: BaseModelOutput) -> BaseModelOutput:
        hidden = cast("torch.Tensor", output.last_hidden_state)
        pooled = _pooled(stack.config, hidden, numbers, starts)
        output.last_hidden_state = pooled
        if getattr(body, "pooler", None) is not None:
            output["pooler_output"] = body.pooler(pooled)
        return output

    hooks = [stack.body.register_forward_pre_hook(mask, with_kwargs=True)]
    if type(net).__name__.endswith(OF_TEXTS):
        hooks.append(stack.body.register_forward_hook(pool))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _first_position(body: nn.Module) -> int:
    """Return the position of a text's first token: RoBERTa counts behind its padding token."""
    embeddings = getattr(body, "embeddings", None)
    counts_tokens = hasattr(embeddings, "create_position_ids_from_input_ids")
    padding = getattr(embeddings, "padding_idx", None)
    if counts_tokens and padding is not None:
        return int(padding) + 1
    return 0


def _masks(stack: LayerStack, numbers: torch.Tensor) -> Any:
    """Return the mask of each kind of attention, or the only one: (rows, 1, tokens, tokens).

    Padding attends to padding: no token may attend to nothing.
    """
    config = stack.config
    implementation = config._attn_implementation  # noqa: SLF001  it has no public name
    if implementation not in MASKED:
        raise UnavailableError(
            f"data.batching: packed needs attention that takes a mask ({' or '.join(MASKED)}), "
            f"and the model's is {implementation}; set plain or bucketed"
        )
    allowed = numbers[:, :, None] == numbers[:, None, :]
    places = torch.arange(numbers.shape[1], device=numbers.device)
    distance = places[:, None] - places
    if stack.is_causal:
        allowed = allowed & (distance >= 0)
    everywhere = _as_taken(allowed, implementation)
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ()
    if not window or (kinds and LOCAL not in kinds):
        return everywhere
    # A decoder's window counts the token itself, an encoder's what lies on each side.
    reach = window - 1 if stack.is_causal else window
    near = _as_taken(allowed & (distance.abs() <= reach), implementation)
    return {GLOBAL: everywhere, LOCAL: near} if kinds else near


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
    if getattr(config, "classifier_pooling", "cls") == "cls":
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
