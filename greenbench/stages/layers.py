"""Leaving transformer layers out, and the proof of which layers ran at inference.

``layer_rules`` picks the layers. Layers are counted from 0, by their positions in the model before
some were left out. ``pruning`` leaves some out before training.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar
from weakref import WeakKeyDictionary

from greenbench.errors import UsageError
from greenbench.stages import layer_rules
from greenbench.stages.stack import stack_of
from greenbench.stages.tally import Tally
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import torch
    from torch import nn
    from transformers import PreTrainedModel

    from greenbench.options import InferenceOptions
    from greenbench.stages.layer_rules import LayerKnobs
    from greenbench.stages.objectives.interface import ModelInputs, TaskExample

ValueT = TypeVar("ValueT")
CALIBRATION = 64
"""Validation examples that block influence is measured on, at most."""


@dataclass(slots=True, kw_only=True)
class Depth:
    """The layers of a model: all that there were, those left out, and those that ran."""

    kinds: tuple[str, ...]
    """Kind of attention of each layer of the whole model."""
    path: str = "model.layers"
    """Name of the list of layers in the model."""
    gone: tuple[int, ...] = ()
    """Layers that were left out."""
    influence: tuple[float, ...] = ()
    """Block influence of each layer, if a rule needed it."""
    numbers: WeakKeyDictionary[nn.Module, int] = field(default_factory=WeakKeyDictionary)
    """Number of each layer by its module, also of those that were left out and live on."""
    passes: Tally[int] = field(default_factory=lambda: Tally("passes"))
    """For every forward pass at inference the layers that ran, as bits: 5 is layers 0 and 2."""
    calibration: list[tuple[int, int]] = field(default_factory=list)
    """Rows and tokens of the batches that block influence was measured on."""

    @property
    def total(self) -> int:
        """Layers of the whole model."""
        return len(self.kinds)

    @property
    def kept(self) -> list[int]:
        """Layers that were not left out."""
        return without(self.gone, self.total)

    @property
    def ran(self) -> list[int]:
        """Layers that ran in most passes."""
        return without(self.missing, self.total)

    @property
    def missing(self) -> tuple[int, ...]:
        """Layers that did not run in most passes."""
        return self.missing_of(self.passes.usual or 0)

    def missing_of(self, ran: int) -> tuple[int, ...]:
        """Return the layers that did not run in a pass, of which ``ran`` has the bits."""
        return tuple(number for number in range(self.total) if not ran >> number & 1)


def without(some: Sequence[int], total: int) -> list[int]:
    """Return the numbers below ``total`` but ``some``."""
    return [number for number in range(total) if number not in some]


class LayerRequest(NamedTuple):
    """Which layers are to be left out."""

    fraction: float
    choice: str
    knobs: LayerKnobs
    """The knobs that say so, for errors."""

    @property
    def leaves_out(self) -> bool:
        """Whether any layers are to be left out."""
        return bool(self.fraction) or self.choice[0].isdigit()

    def layers(
        self, kinds: Sequence[str], influence: Callable[[], Sequence[float]]
    ) -> tuple[int, ...]:
        """Return the layers of a stack that are to go; raises UsageError if they cannot."""
        return layer_rules.chosen(self.choice, kinds, self.fraction, influence, self.knobs)


def skipping(options: InferenceOptions) -> LayerRequest:
    """Return what is to be left out at inference."""
    return LayerRequest(options.skip_layers, options.layer_choice, layer_rules.SKIPPING)


def shortens(options: InferenceOptions) -> bool:
    """Whether ``options`` leave layers out."""
    return skipping(options).leaves_out


def calibration(request: LayerRequest, valid: Sequence[TaskExample]) -> Sequence[TaskExample]:
    """Return the validation examples that the rule needs.

    Raises UsageError if it needs some and there are none.
    """
    if not request.fraction or request.choice != "influence":
        return ()
    if not valid:
        raise UsageError(
            f"{request.knobs.choice}: influence is measured on validation examples, and the data "
            "have none"
        )
    return valid[:CALIBRATION]


def kinds(model: PreTrainedModel) -> list[str]:
    """Return the kind of attention of each layer; a window without further words is for all."""
    stack = stack_of(model)
    count = len(stack.layers)
    config = stack.config
    known = list(getattr(config, "layer_types", None) or ())
    if len(known) == count:
        return known
    window = getattr(config, "sliding_window", None)
    return [layer_rules.LOCAL if window else layer_rules.GLOBAL] * count


def depth_of(model: PreTrainedModel) -> Depth:
    """Return the depth of ``model`` as it is now, taken for the whole model."""
    stack = stack_of(model)
    depth = Depth(kinds=tuple(kinds(model)), path=stack.path)
    for number, layer in enumerate(stack.layers):
        depth.numbers[layer] = number
    return depth


def shorten(
    model: nn.Module,
    options: InferenceOptions,
    batches: Iterable[ModelInputs],
    device: torch.device,
) -> Depth:
    """Leave layers out of the trained ``model`` as ``options`` say; raises what ``picked`` does."""
    depth = picked(model, skipping(options), batches, device)
    if depth.gone:
        leave_out(model, depth.gone)
    return depth


def picked(
    model: nn.Module, request: LayerRequest, batches: Iterable[ModelInputs], device: torch.device
) -> Depth:
    """Return the depth of ``model`` with the layers that are to be left out, which are still there.

    ``batches`` of validation examples are read if the rule needs them. Raises UsageError if so many
    or such layers cannot be left out, UnavailableError if none can be picked.
    """
    depth = depth_of(model)
    if request.leaves_out:
        stack_of(model).refuse_shared(request.knobs.fraction)

    def influence() -> tuple[float, ...]:
        several = list(batches)
        depth.influence = tuple(layer_rules.block_influence(model, several, device))
        for batch in several:
            rows, tokens = batch["input_ids"].shape
            depth.calibration.append((rows, tokens))
        return depth.influence

    depth.gone = request.layers(depth.kinds, influence)
    return depth


def leave_out(model: PreTrainedModel, gone: Sequence[int]) -> None:
    """Leave the layers ``gone`` out of ``model``, in place; the others keep their attention."""
    stack = stack_of(model)
    kept = without(gone, len(stack.layers))
    stack.keep(kept)


class LayerWatch:
    """Context in which ``depth`` notes the layers that run in every forward pass.

    A layer that the model did not have when ``depth`` was made is not noted: it is none of those
    that were trained.
    """

    def __init__(self, model: PreTrainedModel, depth: Depth) -> None:
        """Watch ``model`` whenever the context is entered."""
        self._stack = model.base_model
        self._depth = depth
        self._ran = 0
        self._hooks = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Set hooks on the stack and on all layers, also on those that were left out."""
        for layer, number in self._depth.numbers.items():
            hook = layer.register_forward_hook(partial(self._note, 1 << number))
            self._hooks.callback(hook.remove)
        hook = self._stack.register_forward_hook(self._finish)
        self._hooks.callback(hook.remove)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the hooks."""
        self._hooks.close()

    def _note(self, bit: int, *_: object) -> None:
        self._ran |= bit

    def _finish(self, *_: object) -> None:
        self._depth.passes.counts[self._ran] += 1
        self._ran = 0


def renumbered(named: Mapping[str, ValueT], depth: Depth) -> dict[str, ValueT]:
    """Return ``named`` under the module names that are valid once ``depth.gone`` are left out.

    What belongs to a layer that is left out is left out, too.
    """
    new_numbers = {old: new for new, old in enumerate(depth.kept)}
    beginning = f"{depth.path}."
    renamed: dict[str, ValueT] = {}
    for name, value in named.items():
        if not name.startswith(beginning):
            renamed[name] = value
            continue
        old, _, part = name.removeprefix(beginning).partition(".")
        number = new_numbers.get(int(old))
        if number is not None:
            renamed[f"{beginning}{number}.{part}"] = value
    return renamed


def proofs(depth: Depth, options: InferenceOptions) -> tuple[Applied, Applied]:
    """Compare the layers that ran in every forward pass with those that were to run."""
    influence = depth.influence or (0.0,) * depth.total
    choice, fraction = options.layer_choice, options.skip_layers
    expected = skipping(options).layers(depth.kinds, lambda: influence)
    note = _difference(depth, expected)
    choice_proof = _choice_proof(depth, choice, note)
    if fraction and not expected:
        rounded = f"{fraction} of {depth.total} layers rounds to none"
        note = f"{rounded}: nothing was left out"
    return _fraction_proof(depth, fraction, note), choice_proof


def _fraction_proof(depth: Depth, asked: float, note: str) -> Applied:
    total, passes = depth.total, depth.passes.total
    got = None
    if passes:
        got = round(len(depth.missing) / total, 3)
    return Applied(
        stage="inference",
        knob="skip_layers",
        asked=asked,
        got=got,
        how=f"hooks on the layers in all {passes} passes: {len(depth.ran)} of {total} ran",
        note=note,
        evidence={"layers": total, "ran": depth.ran, "passes": passes},
    )


def _choice_proof(depth: Depth, asked: str, note: str) -> Applied:
    got = None
    if depth.passes.total and depth.missing:
        got = listed(depth.missing)
    evidence = {}
    if depth.influence:
        evidence["block_influence"] = list(depth.influence)
    return Applied(
        stage="inference",
        knob="layer_choice",
        asked=asked,
        got=got,
        how="numbers of the layers that did not run in the passes, counted from 0",
        note=note,
        evidence=evidence,
    )


def _difference(depth: Depth, expected: tuple[int, ...]) -> str:
    """Say how the layers that ran in some pass differ from the requested; empty if in none."""
    if not depth.passes.total:
        return "no forward pass was seen"
    found = []
    for ran in depth.passes.counts:
        missing = depth.missing_of(ran)
        if missing != expected:
            found.append(f"layers left out{depth.passes.share(ran)}: {listed(missing)}")
    if found:
        return f"{'; '.join(found)}; requested: {listed(expected)}"
    if len(set(depth.influence)) == 1:
        return "block influence is the same for all layers: it picked none"
    return ""


def listed(layers: Sequence[int]) -> str:
    """Return numbers of layers as text: ``3,4``, or ``none``."""
    return ",".join(map(str, layers)) or "none"
