"""What stands behind the layers of a classifier, asked of hidden states between them.

It is the model itself with the layers' place taken by one that gives back what it is told, so that
it pools, normalises and classifies as the model does, whatever its family.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UnavailableError
from greenbench.stages.stack import stack_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
CLOSE = 1e-3
"""Largest difference of two answers, as a share of the largest answer; rounding gives 1e-6."""
TRIED = (2, 6)
"""Rows and tokens of the batch that is tried."""


class ExitHead:
    """Answers hidden states of some layer as the model answers those of its last one."""

    def __init__(self, net: PreTrainedModel) -> None:
        """Share all weights with ``net``; what is hooked there is not hooked here."""
        stack = stack_of(net)
        self._given: Any = _twin(stack.layers[-1])
        self._given.forward = self._give
        self._output: torch.Tensor | tuple[object, ...] = ()
        module = self._net = _twin(net)
        parts = stack.path.split(".")
        for part in parts[:-1]:
            inner = _twin(module.get_submodule(part))
            setattr(module, part, inner)
            module = inner
        setattr(module, parts[-1], nn.ModuleList([self._given]))

    def _give(self, *_: object, **__: object) -> object:
        return self._output

    def logits(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        output: torch.Tensor | tuple[object, ...],
    ) -> torch.Tensor:
        """Return the logits of rows whose layer gave ``output``; ``ids`` and ``mask`` are theirs.

        The shapes are (rows, tokens) and, of the hidden states, (rows, tokens, width).
        """
        self._output = output
        answer = self._net(input_ids=ids, attention_mask=mask)
        self._output = ()
        logits: torch.Tensor = answer.logits
        return logits


def _twin(module: nn.Module) -> Any:
    """Return a module with the same parts and weights, whose parts can be replaced; no hooks.

    A ``forward`` that training has put over the class's own (accelerate does for autocast) is bound
    to ``module``, and would run its parts.
    """
    twin = copy.copy(module)
    parts = dict(module.named_children())
    twin.__dict__["_modules"] = parts
    twin.__dict__.pop("forward", None)
    for name in HOOKS:
        twin.__dict__[name] = OrderedDict()
    return twin


@torch.no_grad()
def refuse_others(net: PreTrainedModel) -> None:
    """Raise UnavailableError if a model's answer is not its head's to what its last layer gave.

    So it is where something stands between layers, or where they are asked for more than once.
    """
    last = stack_of(net).layers[-1]
    ids = torch.arange(1, 1 + TRIED[0] * TRIED[1], device=net.device).reshape(TRIED)
    given: list[Any] = []
    hook = last.register_forward_hook(lambda _module, _inputs, output: given.append(output))
    was_training = net.training
    net.eval()
    try:
        answer = net(input_ids=ids).logits
        asked = ExitHead(net).logits(ids, None, given[-1])
    finally:
        hook.remove()
        net.train(was_training)
    same_shape = answer.shape == asked.shape and len(given) == 1
    if not same_shape or float((answer - asked).abs().max()) > CLOSE * float(answer.abs().max()):
        raise UnavailableError(
            f"inference.exit_confidence: {type(net).__name__} makes more of its layers' output "
            "than its head does, so that the head cannot be asked between them; leave it out"
        )
