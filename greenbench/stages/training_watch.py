"""Which layers ran in every pass of training, which carried gradients, which were recomputed."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Self

import torch

from greenbench.stages import pruning
from greenbench.stages.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.options import Options
    from greenbench.stages.pruning import PrunedModel
    from greenbench.stages.training_log import TrainingLog


def of_knobs(model: PreTrainedModel, pruned: PrunedModel | None, options: Options) -> TrainingWatch:
    """Return a watch of the layers on which a knob acts; one of no layer for the baseline.

    The baseline's training has no hooks.
    """
    chosen = options.training
    prunes = pruning.request(options.architecture).leaves_out
    if pruned is None or not (prunes or chosen.gradient_checkpointing or chosen.frozen_layers):
        return TrainingWatch(model, {})
    return TrainingWatch(model, pruned.loaded.numbers)


def _first_inside(layer: nn.Module) -> nn.Module:
    """Return the first part of ``layer`` that has weights of its own: it is called in any case."""
    for module in layer.modules():
        if next(module.parameters(recurse=False), None) is not None:
            return module
    return layer


class TrainingWatch:
    """Context in which every pass of training is read, layer by layer, as bits: 5 is 0 and 2.

    A pass is over when the next one begins: in between, its backward pass may compute layers again.
    """

    def __init__(self, model: PreTrainedModel, numbers: Mapping[nn.Module, int]) -> None:
        """Watch the layers of ``numbers`` whenever the context is entered."""
        self._stack = model.base_model
        self._numbers = dict(numbers)
        self.ran: Tally[int] = Tally("passes")
        """Layers that ran."""
        self.tracked: Tally[int] = Tally("passes")
        """Layers whose outputs depend on a trainable weight, so that gradients reach them."""
        self.recomputed: Tally[int] = Tally("passes")
        """Layers that ran once more in the backward pass."""
        self._bits = [0, 0, 0]
        self._inside = self._open = False
        self._hooks = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Set hooks on the stack and on all layers; none if there are no layers to watch."""
        if not self._numbers:
            return self
        for layer, number in self._numbers.items():
            # transformers computes the inside of a layer again, without the layer's own hooks.
            inside = _first_inside(layer)
            before = inside.register_forward_pre_hook(partial(self._begin_layer, 1 << number))
            after = layer.register_forward_hook(partial(self._end_layer, 1 << number))
            self._hooks.callback(before.remove)
            self._hooks.callback(after.remove)
        self._hooks.callback(self._stack.register_forward_pre_hook(self._begin_pass).remove)
        self._hooks.callback(self._stack.register_forward_hook(self._end_pass).remove)
        return self

    def __exit__(self, *_: object) -> None:
        """Count the last pass, and remove the hooks."""
        self._count()
        self._hooks.close()

    def report(self, log: TrainingLog) -> None:
        """Write into ``log`` what was read."""
        log.layers_ran = self.ran
        log.layers_tracked = self.tracked
        log.layers_recomputed = self.recomputed

    def _begin_pass(self, *_: object) -> None:
        self._count()
        # A pass without gradients is none of training: it scores validation examples.
        self._inside = self._open = torch.is_grad_enabled()

    def _end_pass(self, *_: object) -> None:
        self._inside = False

    def _count(self) -> None:
        if self._open:
            for tally, bits in zip(
                (self.ran, self.tracked, self.recomputed), self._bits, strict=True
            ):
                tally.counts[bits] += 1
        self._bits = [0, 0, 0]
        self._open = False

    def _begin_layer(self, bit: int, *_: object) -> None:
        if not self._inside:
            self._bits[2] |= bit

    def _end_layer(
        self, bit: int, _module: nn.Module, _inputs: object, output: torch.Tensor | tuple[object]
    ) -> None:
        if not self._inside:
            return
        self._bits[0] |= bit
        first = output[0] if isinstance(output, tuple) else output
        if isinstance(first, torch.Tensor) and first.requires_grad:
            self._bits[1] |= bit
