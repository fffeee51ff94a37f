"""Early exit: a classifier's head is asked between layers, and rows it is sure of go no further.

The idea is that of BranchyNet (Teerapittayanon et al. 2016, arXiv:1709.01686) and DeeBERT (Xin et
al. 2020, arXiv:2004.12993), which train a head for each exit. Here there is one head, trained
behind the last layer alone, and asked of earlier hidden states: how much that costs in quality is
what the score says. Layers are counted from 0 in the whole model.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from greenbench.errors import UsageError
from greenbench.stages.exit_head import ExitHead
from greenbench.stages.exit_log import ExitLog
from greenbench.stages.stack import stack_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from greenbench.options import InferenceOptions
    from greenbench.stages.layers import Depth

MASK = 4
"""Dimensions of a mask: rows, heads, and tokens twice."""
Output = Any
"""What a layer gives: hidden states, or a tuple that begins with them."""


class RowExits:
    """Context in which rows leave the stack as soon as the head is sure enough of them.

    The last layer's output has all rows again, each with the hidden states that it left with, so
    that what follows the stack says of them what the head said.
    """

    def __init__(self, net: PreTrainedModel, depth: Depth, options: InferenceOptions) -> None:
        """Serve ``net``, whose layers are those of ``depth``.

        Raises UsageError for layers that it has not, or that share weights.
        """
        if options.exit_confidence is None:
            raise ValueError("no confidence was requested")
        stack = stack_of(net)
        stack.refuse_shared("inference.exit_confidence")
        self._body = stack.body
        self._confidence = options.exit_confidence
        self._layers: list[Any] = list(stack.layers)
        self._numbers = [depth.numbers[layer] for layer in self._layers]
        self._asked = asked_layers(options.exit_layers, depth)
        self._head = ExitHead(net)
        self.log = ExitLog(computed=dict.fromkeys(self._numbers, 0))
        self._context = contextlib.ExitStack()
        self._ids = torch.empty(0)
        self._mask: torch.Tensor | None = None
        self._rows = torch.empty(0)
        """Rows of the batch that are still in the stack."""
        self._gone: list[tuple[torch.Tensor, torch.Tensor]] = []
        """Rows that left, and their hidden states."""
        self._latest: Output = self._rows
        """What some layer gave, for its form."""
        self._spared = self._questions = 0

    def __enter__(self) -> Self:
        """Take the layers' places."""
        hook = self._body.register_forward_pre_hook(self._begin, with_kwargs=True)
        self._context.callback(hook.remove)
        for place, layer in enumerate(self._layers):
            counter = partial(self._count, self._numbers[place])
            counted = _last_linear(layer)
            self._context.callback(counted.register_forward_pre_hook(counter).remove)
            layer.forward = partial(self._run, place, layer.forward)
            self._context.callback(delattr, layer, "forward")
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        self._context.close()

    def _begin(
        self, _body: nn.Module, inputs: tuple[torch.Tensor, ...], keywords: dict[str, Any]
    ) -> None:
        ids = self._ids = inputs[0] if inputs else keywords["input_ids"]
        rows, tokens = ids.shape
        self._mask = inputs[1] if len(inputs) > 1 else keywords.get("attention_mask")
        self._rows = torch.arange(rows, device=ids.device)
        self._gone = []
        self.log.rows += rows
        self.log.passes.append((tokens, 0, 0))
        self._spared = self._questions = 0

    def _count(self, number: int, _module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.log.computed[number] += len(inputs[0])

    def _run(
        self,
        place: int,
        forward: Callable[..., Output],
        hidden: torch.Tensor,
        *given: object,
        **named: object,
    ) -> Output:
        """Run the layer at ``place`` over the rows that are left, and let the sure ones go."""
        remaining = len(self._rows)
        self._spared += self._batch - remaining
        output = _with_hidden(self._latest, hidden)
        if remaining:
            rest = [_of_rows(value, self._batch, self._rows) for value in given]
            for name, value in named.items():
                named[name] = _of_rows(value, self._batch, self._rows)
            output = self._latest = forward(hidden, *rest, **named)
            if self._numbers[place] in self._asked:
                output = self._without_sure_rows(self._numbers[place], output)
        if place == len(self._layers) - 1:
            return self._whole(output)
        return output

    @property
    def _batch(self) -> int:
        """Rows of the batch."""
        return len(self._ids)

    def _without_sure_rows(self, number: int, output: Output) -> Output:
        hidden = _hidden(output)
        ids = self._ids[self._rows]
        mask = None if self._mask is None else self._mask[self._rows]
        logits = self._head.logits(ids, mask, output)
        sure = logits.float().softmax(-1).amax(-1)
        self._questions += len(hidden)
        leaving = sure >= self._confidence
        self.log.note(number, sure, leaving)
        if not bool(leaving.any()):
            return output
        self._gone.append((self._rows[leaving], hidden[leaving]))
        self._rows = self._rows[~leaving]
        return _with_hidden(output, hidden[~leaving])

    def _whole(self, output: Output) -> Output:
        """Return the hidden states of all rows in their order, and note what was spared."""
        tokens, _, _ = self.log.passes[-1]
        self.log.passes[-1] = (tokens, self._spared, self._questions)
        if not self._gone:
            return output
        rows = [self._rows, *(rows for rows, _ in self._gone)]
        states = [_hidden(output), *(states for _, states in self._gone)]
        order = torch.cat(rows).argsort()
        return _with_hidden(output, torch.cat(states)[order])


def _of_rows(value: object, batch: int, rows: torch.Tensor) -> object:
    """Return what a mask has for some ``rows`` of the ``batch``; all else stays as it is."""
    if isinstance(value, torch.Tensor) and value.ndim == MASK and len(value) == batch:
        return value[rows]
    return value


def _hidden(output: Output) -> torch.Tensor:
    hidden: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def _with_hidden(output: Output, hidden: torch.Tensor) -> Output:
    return (hidden, *output[1:]) if isinstance(output, tuple) else hidden


def _last_linear(layer: nn.Module) -> nn.Module:
    """Return the linear layer that ends the feed-forward part of ``layer``."""
    linears = [module for module in layer.modules() if isinstance(module, nn.Linear)]
    return linears[-1]


def asked_layers(choice: str | None, depth: Depth) -> tuple[int, ...]:
    """Return the layers after which the head is asked: those named, or the upper half's.

    The last one is never among them. Raises UsageError if the model has no such layer.
    """
    inner = depth.kept[:-1]
    if choice is None:
        return tuple(inner[len(inner) // 2 :])
    named = sorted({int(number) for number in choice.split(",")})
    for number in named:
        if number not in inner:
            raise UsageError(
                f"inference.exit_layers: {choice} was requested, and the layers that run before "
                f"the last one are {', '.join(map(str, inner))}"
            )
    return tuple(named)


def row_exits(net: PreTrainedModel, depth: Depth, options: InferenceOptions) -> RowExits | None:
    """Return what lets rows leave early; None if none may.

    A model that writes texts has no classes to be sure of.
    """
    if options.exit_confidence is None or net.can_generate():
        return None
    return RowExits(net, depth, options)
