"""Which of a model's transformer layers are left out at inference, leaving them out, and the proof of which ones ran.

A rule picks the layers. Fixed rules look at places alone; ``influence`` looks at the trained model and validation data.
docs/knobs.md shows what each of them costs in quality, as measured.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from greenbench.options import InferenceOptions

LOCAL, GLOBAL = "sliding_attention", "full_attention"
NUMBERED = re.compile(r"\blayers\.(\d+)\.")
CALIBRATION = 64
"""Validation examples that block influence is measured on, at most."""


@dataclass(slots=True, kw_only=True)
class Depth:
    """What became of a model's layers."""

    kinds: tuple[str, ...]
    """Kind of attention of each layer, before any went."""
    gone: tuple[int, ...] = ()
    """Layers that were left out, counted from 0."""
    ran: list[int] = field(default_factory=list)
    """Layers that ran in the first forward pass after that, by their first numbers."""
    influence: tuple[float, ...] = ()
    """Block influence of each layer, where it was asked for."""
    numbers: dict[int, int] = field(default_factory=dict)
    """Identity of each layer, which it keeps when others go, to its number."""
    calibration: list[tuple[int, int]] = field(default_factory=list)
    """Rows and tokens of the batches that it was measured on."""

    @property
    def total(self) -> int:
        """Layers that there were."""
        return len(self.kinds)


def shortens(options: InferenceOptions) -> bool:
    """Whether layers are to be left out."""
    return bool(options.skip_layers) or options.layer_choice[0].isdigit()


def calibration(options: InferenceOptions, valid: Sequence[Any]) -> Sequence[Any]:
    """Return the validation examples that picking layers needs; raises UsageError where it needs some and there are none."""
    if not options.skip_layers or options.layer_choice != "influence":
        return ()
    if not valid:
        raise UsageError(
            "inference.layer_choice: influence is measured on validation examples, and the data have none"
        )
    return valid[:CALIBRATION]


def depth_of(model: nn.Module) -> Depth:
    """Return the depth of ``model`` as it is now: whole."""
    stack: Any = model.base_model
    numbers = {id(layer): place for place, layer in enumerate(stack.layers)}
    return Depth(kinds=tuple(kinds(model)), numbers=numbers)


def shorten(
    model: nn.Module, options: InferenceOptions, batches: Iterable[Any], device: torch.device
) -> Depth:
    """Leave layers out of ``model`` as ``options`` say, picked by ``batches`` of validation examples where they need these.

    Raises UsageError where so many or such layers cannot go, UnavailableError where none can be picked.
    """
    depth = depth_of(model)

    def influence() -> tuple[float, ...]:
        several = list(batches)
        depth.influence = tuple(block_influence(model, several, device))
        depth.calibration = [tuple(batch["input_ids"].shape) for batch in several]
        return depth.influence

    depth.gone = chosen(options.layer_choice, depth.kinds, options.skip_layers, influence)
    if depth.gone:
        leave_out(model, depth.gone)
    return depth


def watch(model: nn.Module, depth: Depth) -> None:
    """Note in ``depth`` which layers of ``model`` run in its next forward pass, by the numbers that they had at first."""
    stack: Any = model.base_model
    numbered = [(layer, depth.numbers.get(id(layer), -1)) for layer in stack.layers]
    hooks = [
        layer.register_forward_hook(lambda *_, place=place: depth.ran.append(place))
        for layer, place in numbered
    ]

    def finish(*_: Any) -> None:
        for hook in (*hooks, end):
            hook.remove()

    end = stack.register_forward_hook(finish)


def deepest(kinds: Sequence[str], count: int) -> tuple[int, ...]:
    """Return the deepest layers that can be missed best.

    An encoder that alternates global and local (sliding-window) layers, as ModernBERT does, loses its topmost local ones:
    every global layer stays, so that information still travels over the whole text. A stack without local layers, as
    decoders are, loses its deepest ones below the last, which itself stays (Gromov et al. 2024, arXiv:2403.17887). The first
    layer always stays.
    """
    local = [i for i in range(1, len(kinds)) if kinds[i] == LOCAL]
    candidates = local if LOCAL in kinds else list(range(1, len(kinds) - 1))
    return _last(
        candidates,
        count,
        len(kinds),
        "the first stays, and so do the global ones, or the last where all are global",
    )


def top(kinds: Sequence[str], count: int) -> tuple[int, ...]:
    """Return the last layers (top dropping, Sajjad et al. 2023, arXiv:2004.03844); the first stays."""
    return _last(range(1, len(kinds)), count, len(kinds), "the first stays")


def bottom(kinds: Sequence[str], count: int) -> tuple[int, ...]:
    """Return the first layers (bottom dropping, Sajjad et al. 2023); the last stays."""
    ordered = list(range(len(kinds) - 1))[::-1]
    return _last(ordered, count, len(kinds), "the last stays")


def alternate(kinds: Sequence[str], count: int) -> tuple[int, ...]:
    """Return every other layer downwards from the last but one (alternate dropping, Sajjad et al. 2023)."""
    ordered = list(range(len(kinds) - 2, -1, -2))[::-1]
    return _last(ordered, count, len(kinds), "that is every other one")


def _last(candidates: Iterable[int], count: int, total: int, why: str) -> tuple[int, ...]:
    """Return the last ``count`` candidates, sorted; raises UsageError where there are fewer."""
    those = list(candidates)
    if count > len(those):
        raise UsageError(
            f"inference.skip_layers: {count} of {total} layers are asked for, and {len(those)} may be left out: {why}; "
            "choose a smaller fraction, or another inference.layer_choice"
        )
    return tuple(sorted(those[len(those) - count :]))


RULES: dict[str, Callable[[Sequence[str], int], tuple[int, ...]]] = {
    "deepest": deepest,
    "top": top,
    "bottom": bottom,
    "alternate": alternate,
}
"""Rules that look at places alone: each takes the layers' kinds of attention and how many are to go."""


def chosen(
    choice: str, kinds: Sequence[str], fraction: float, influence: Callable[[], Sequence[float]]
) -> tuple[int, ...]:
    """Return which layers of a stack go, counted from 0.

    ``choice`` is one of ``RULES``, ``influence`` (those with the least of it, which is then asked for) or the layers
    themselves, ``3,4``, for which ``fraction`` does not count. Raises UsageError where so many or such layers cannot go.
    """
    if choice[0].isdigit():
        return _given(choice, len(kinds))
    count = round(fraction * len(kinds))
    if choice in RULES or not count:
        return RULES[choice](kinds, count) if count else ()
    weights = influence()
    ordered = sorted(range(len(kinds)), key=lambda i: (-weights[i], i))
    return _last(ordered[1:], count, len(kinds), "one stays")


def _given(choice: str, total: int) -> tuple[int, ...]:
    layers = sorted({int(part) for part in choice.split(",")})
    if layers[-1] >= total or len(layers) == total:
        raise UsageError(
            f"inference.layer_choice: {choice} was asked for, and the model's layers are 0 to {total - 1}, of which one stays"
        )
    return tuple(layers)


@torch.inference_mode()
def block_influence(
    model: nn.Module, batches: Iterable[Mapping[str, torch.Tensor]], device: torch.device
) -> list[float]:
    """Return for each layer one minus the cosine between its input and its output, the mean over all tokens of ``batches``.

    Each batch holds ``input_ids`` and ``attention_mask`` of shape (batch, tokens). A layer that hardly turns the hidden
    state is hardly needed (block influence: Men et al. 2024, ShortGPT, arXiv:2403.03853). Raises UnavailableError for a model
    that answers nothing finite.
    """
    stack: Any = model.eval().base_model
    turned = torch.zeros(len(stack.layers), dtype=torch.float64)
    tokens, mask = 0, torch.empty(0)

    def note(place: int, inputs: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
        before = inputs[0] if inputs else keywords["hidden_states"]
        after = output[0] if isinstance(output, tuple) else output
        cosine = torch.cosine_similarity(before.float(), after.float(), dim=-1)
        turned[place] += float(((1 - cosine) * mask).sum())

    hooks = [
        layer.register_forward_hook(
            lambda _, i, k, o, place=place: note(place, i, k, o), with_kwargs=True
        )
        for place, layer in enumerate(stack.layers)
    ]
    try:
        for batch in batches:
            mask = batch["attention_mask"].to(device)
            tokens += int(mask.sum())
            stack(input_ids=batch["input_ids"].to(device), attention_mask=mask)
    finally:
        for hook in hooks:
            hook.remove()
    found: list[float] = (turned / max(1, tokens)).tolist()
    if not all(map(math.isfinite, found)):
        raise UnavailableError(
            "block influence is not a number: the model that training left answers nothing finite"
        )
    return found


def leave_out(model: nn.Module, gone: Sequence[int]) -> None:
    """Leave the layers ``gone`` out of ``model``, in place. Each layer that stays keeps its own kind of attention."""
    stack: Any = model.base_model
    config: Any = stack.config
    every = kinds(model)
    kept = [i for i in range(len(every)) if i not in gone]
    stack.layers = nn.ModuleList([stack.layers[i] for i in kept])
    for place, layer in enumerate(stack.layers):
        _renumber(layer, place)
    # Each layer carries its own kind of attention; the config must go on telling the same, for whoever builds from it.
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = [every[i] for i in kept]
    config.num_hidden_layers = len(kept)


def renumbered(named: Mapping[str, Any], depth: Depth) -> dict[str, Any]:
    """Return what is ``named`` after a model's modules under the names that they have once ``depth.gone`` are left out."""
    kept = [i for i in range(depth.total) if i not in depth.gone]
    place = {str(old): str(new) for new, old in enumerate(kept)}
    numbers = {name: NUMBERED.search(name) for name in named}
    return {
        NUMBERED.sub(lambda m: f"layers.{place[m[1]]}.", name) if found else name: named[name]
        for name, found in numbers.items()
        if found is None or found[1] in place
    }


def kinds(model: nn.Module) -> list[str]:
    """Return the kind of attention of each layer."""
    stack: Any = model.base_model
    return list(getattr(stack.config, "layer_types", None) or [GLOBAL] * len(stack.layers))


def _renumber(layer: Any, place: int) -> None:
    """Give a layer its new number: a decoder's finds its part of the key/value cache by it, and a gap would stay empty."""
    attention: Any = getattr(layer, "self_attn", None)
    if hasattr(attention, "layer_idx"):
        attention.layer_idx = place


def proofs(depth: Depth, options: InferenceOptions) -> tuple[Applied, Applied]:
    """Hold the layers that ran in a forward pass against those that were to run."""
    missing = tuple(i for i in range(depth.total) if i not in depth.ran)
    expected = chosen(
        options.layer_choice,
        depth.kinds,
        options.skip_layers,
        lambda: depth.influence or [0.0] * depth.total,
    )
    note = (
        ""
        if missing == expected
        else f"the layers {_told(missing)} did not run; {_told(expected)} were to be left out"
    )
    if not note and depth.influence and len(set(depth.influence)) == 1:
        note = "block influence is the same for all layers: it picked none"
    rounded = f"{options.skip_layers} of {depth.total} layers rounds to none: nothing was left out"
    how = f"hooks on the layers in a forward pass: {len(depth.ran)} of {depth.total} ran"
    fraction = Applied(
        stage="inference",
        knob="skip_layers",
        asked=options.skip_layers,
        got=round(len(missing) / depth.total, 3),
        how=how,
        note=rounded if options.skip_layers and not expected else note,
        evidence={"layers": depth.total, "ran": list(depth.ran)},
    )
    which = Applied(
        stage="inference",
        knob="layer_choice",
        asked=options.layer_choice,
        got=_told(missing) if missing else None,
        how="numbers of the layers that did not run in a forward pass, counted from 0",
        note=note,
        evidence={"block_influence": list(depth.influence)} if depth.influence else {},
    )
    return fraction, which


def _told(layers: Sequence[int]) -> str:
    return ",".join(map(str, layers)) or "none"
