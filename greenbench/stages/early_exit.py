"""Early exit: a classifier's head is asked between layers, and rows it is sure of go no further.

The idea is that of BranchyNet (Teerapittayanon et al. 2016, arXiv:1709.01686) and DeeBERT (Xin et
al. 2020, arXiv:2004.12993), which train a head for each exit. Here there is one head, trained
behind the last layer alone, and asked of earlier hidden states through the final normalisation: how
much that costs in quality is what the score says. Layers are counted from 0 in the whole model.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.stages.exit_log import ExitLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from greenbench.options import InferenceOptions
    from greenbench.stages.layers import Depth

PARTS = ("model.final_norm", "head", "classifier")
"""What a classifier needs here beside its layers; ModernBERT's has them."""


class RowExits:
    """Context in which rows leave the stack as soon as the head is sure enough of them.

    The last layer's output has all rows again, each with the hidden states that it left with, so
    that what follows the stack says of them what the head said.
    """

    def __init__(self, net: PreTrainedModel, depth: Depth, options: InferenceOptions) -> None:
        """Serve ``net``, whose layers are those of ``depth``.

        Raises UnavailableError for a model without ``PARTS``, UsageError for layers that it has
        not.
        """
        if options.exit_confidence is None:
            raise ValueError("no confidence was requested")
        _check(net)
        self._net: Any = net
        self._confidence = options.exit_confidence
        self._layers = list(net.base_model.layers)
        self._numbers = [depth.numbers[layer] for layer in self._layers]
        self._asked = asked_layers(options.exit_layers, depth)
        self.log = ExitLog(computed=dict.fromkeys(self._numbers, 0))
        self._context = contextlib.ExitStack()
        self._mask: torch.Tensor | None = None
        self._rows = torch.empty(0)
        """Rows of the batch that are still in the stack."""
        self._gone: list[tuple[torch.Tensor, torch.Tensor]] = []
        """Rows that left, and their hidden states."""
        self._spared = self._questions = 0

    def __enter__(self) -> Self:
        """Take the layers' places."""
        stack = self._net.base_model
        hook = stack.register_forward_pre_hook(self._begin, with_kwargs=True)
        self._context.callback(hook.remove)
        for place, layer in enumerate(self._layers):
            counter = partial(self._count, self._numbers[place])
            self._context.callback(layer.mlp.register_forward_pre_hook(counter).remove)
            layer.forward = partial(self._run, place, layer.forward)
            self._context.callback(delattr, layer, "forward")
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        self._context.close()

    def _begin(self, _stack: nn.Module, _inputs: object, keywords: dict[str, Any]) -> None:
        ids = keywords["input_ids"]
        rows, tokens = ids.shape
        self._mask = keywords.get("attention_mask")
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
        forward: Callable[..., torch.Tensor],
        hidden: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **keywords: Any,
    ) -> torch.Tensor:
        """Run the layer at ``place`` over the rows that are left, and let the sure ones go."""
        remaining = len(self._rows)
        self._spared += self._batch - remaining
        if remaining:
            if attention_mask is not None and len(attention_mask) == self._batch:
                attention_mask = attention_mask[self._rows]
            hidden = forward(hidden, attention_mask=attention_mask, **keywords)
            if self._numbers[place] in self._asked:
                hidden = self._without_sure_rows(self._numbers[place], hidden)
        if place == len(self._layers) - 1:
            return self._whole(hidden)
        return hidden

    @property
    def _batch(self) -> int:
        """Rows of the batch."""
        return len(self._rows) + sum(len(rows) for rows, _ in self._gone)

    def _without_sure_rows(self, number: int, hidden: torch.Tensor) -> torch.Tensor:
        mask = None if self._mask is None else self._mask[self._rows]
        sure = confidences(self._net, hidden, mask)
        self._questions += len(hidden)
        leaving = sure >= self._confidence
        self.log.note(number, sure, leaving)
        if not bool(leaving.any()):
            return hidden
        self._gone.append((self._rows[leaving], hidden[leaving]))
        self._rows = self._rows[~leaving]
        return hidden[~leaving]

    def _whole(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden states of all rows in their order, and note what was spared."""
        tokens, _, _ = self.log.passes[-1]
        self.log.passes[-1] = (tokens, self._spared, self._questions)
        if not self._gone:
            return hidden
        rows = [self._rows, *(rows for rows, _ in self._gone)]
        states = [hidden, *(states for _, states in self._gone)]
        order = torch.cat(rows).argsort()
        return torch.cat(states)[order]


def _check(net: PreTrainedModel) -> None:
    for part in PARTS:
        try:
            net.get_submodule(part)
        except AttributeError as error:
            raise UnavailableError(
                f"inference.exit_confidence: {type(net).__name__} has no {part}, by which the head "
                "is asked between layers; ModernBERT's classifier has all that it takes"
            ) from error


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


def confidences(net: Any, hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return for each row the probability of the class that the head of ``net`` finds likelier.

    ``hidden`` has shape (rows, tokens, width), ``mask`` (rows, tokens).
    """
    states = net.base_model.final_norm(hidden)
    if net.config.classifier_pooling == "cls":
        pooled = states[:, 0]
    elif mask is None:
        pooled = states.mean(dim=1)
    else:
        weights = mask.unsqueeze(-1)
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)
    logits: torch.Tensor = net.classifier(net.head(pooled))
    return logits.float().softmax(-1).amax(-1)


def head_flops(net: Any) -> int:
    """Return the floating-point operations of asking the head of ``net`` about one row."""
    operations = 0
    for part in (net.head, net.classifier):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                operations += 2 * module.in_features * module.out_features
    return operations
