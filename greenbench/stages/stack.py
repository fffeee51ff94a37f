"""The layers of a model, found by structure: the longest list of modules of one class in its body.

Families call it ``layers``, ``encoder.layer`` or ``h``. Lists within a layer, of experts for
example, are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from greenbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import PreTrainedModel

NUMBER = "layer_idx"
"""Attribute of a layer, or of a part of one, that finds its part of the key/value cache by it."""
BY_LAYER = "layer"
"""Part of the names of settings that hold a value for each layer: ``layer_types``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStack:
    """The transformer layers of a model, where they hang, and what the configuration says of them.

    It looks at the live model: layers that are taken out are no longer there.
    """

    body: nn.Module
    """The model without what stands behind its layers; hidden states come from it."""
    owner: nn.Module
    """The module that has the list of layers."""
    inside: str
    """Name of the list in the body: ``encoder.layer``."""
    prefix: str = ""
    """Name of the body in the model; empty if it is the model itself."""

    @property
    def path(self) -> str:
        """Name of the list in the model: ``bert.encoder.layer``."""
        return f"{self.prefix}.{self.inside}" if self.prefix else self.inside

    @property
    def name(self) -> str:
        """Name of the list in its owner: ``layer``."""
        return self.inside.rpartition(".")[2]

    @property
    def layers(self) -> nn.ModuleList:
        """The layers."""
        return cast("nn.ModuleList", getattr(self.owner, self.name))

    @property
    def config(self) -> Any:
        """The configuration of the body."""
        return self.body.config

    @property
    def is_causal(self) -> bool:
        """Whether a token attends to those before it alone."""
        modules = self.layers.modules()
        return any(getattr(module, "is_causal", False) for module in modules)

    @property
    def has_attention(self) -> bool:
        """Whether some layer attends; a state-space model's layers do not."""
        modules = self.layers.modules()
        return any("attention" in type(module).__name__.lower() for module in modules)

    def put(self, layers: nn.ModuleList) -> None:
        """Let the model have these layers; nothing else is changed."""
        setattr(self.owner, self.name, layers)

    def keep(self, kept: Sequence[int]) -> None:
        """Leave all layers out but those of these numbers, in place.

        Numbers and configuration are those of a model that was made with these layers: a gap in the
        numbers would leave a part of the key/value cache empty, and a layer's kind of attention
        stays its own.
        """
        total = len(self.layers)
        self.put(nn.ModuleList([self.layers[number] for number in kept]))
        for number, layer in enumerate(self.layers):
            _renumber(layer, number)
        for name in by_layer(self.config, total):
            values = getattr(self.config, name)
            setattr(self.config, name, [values[number] for number in kept])
        self.config.num_hidden_layers = len(kept)

    @property
    def shares(self) -> bool:
        """Whether one set of weights runs as several layers, as ALBERT's does."""
        runs = getattr(self.config, "num_hidden_layers", None)
        distinct = len(set(map(id, self.layers)))
        return runs is not None and distinct != runs

    def refuse_shared(self, knob: str) -> None:
        """Raise UsageError if one set of weights runs as several layers: none is chosen alone."""
        if self.shares:
            raise UsageError(
                f"{knob}: the layers of {type(self.body).__name__} share their weights, so that "
                "none can be left out or changed alone; leave the knob out, or take a model whose "
                "layers have weights of their own"
            )

    def before(self) -> Iterator[nn.Module]:
        """Yield the modules of the body that compute what the layers are given.

        Those are embeddings, and all that is registered before the layers. Beside embeddings that
        the layers share, of relative positions, stands what normalises them.
        """
        inner: nn.Module = self.body
        for part in self.inside.split("."):
            children = dict(inner.named_children())
            names = list(children)
            place = names.index(part)
            behind = [children[name] for name in names[place + 1 :]]
            yield from (children[name] for name in names[:place])
            if any(isinstance(module, nn.Embedding) for module in behind):
                yield from behind
            inner = children[part]


def by_layer(config: Any, total: int) -> list[str]:
    """Return the names of the settings that hold a value for each of ``total`` layers."""
    names = []
    for name, value in vars(config).items():
        if BY_LAYER in name and isinstance(value, list) and len(value) == total:
            names.append(name)
    return names


def _renumber(layer: nn.Module, number: int) -> None:
    for module in layer.modules():
        if isinstance(getattr(module, NUMBER, None), int):
            setattr(module, NUMBER, number)


def stack_of(model: PreTrainedModel) -> LayerStack:
    """Return the layers of ``model``; raises UsageError if no single stack of them is found."""
    body = model.base_model
    found = list(_lists(body, ""))
    longest = max((len(layers) for _, _, layers in found), default=0)
    candidates = [place for place in found if len(place[2]) == longest]
    if len(candidates) != 1:
        count = len(candidates) or "no"
        raise UsageError(
            f"{type(model).__name__}: {count} longest lists of equal layers are found in it, and "
            "greenbench measures models with one stack of them; give another model"
        )
    owner, inside, _ = candidates[0]
    prefix = "" if body is model else model.base_model_prefix
    return LayerStack(body=body, owner=owner, inside=inside, prefix=prefix)


def _lists(module: nn.Module, path: str) -> Iterator[tuple[nn.Module, str, nn.ModuleList]]:
    """Yield owner, path and modules of each list of modules of one class that is in no other."""
    for name, child in module.named_children():
        here = f"{path}.{name}" if path else name
        if not isinstance(child, nn.ModuleList):
            yield from _lists(child, here)
        elif len({type(layer) for layer in child}) == 1:
            yield module, here, child
