"""Low-rank adapters: LoRA (Hu et al. 2021, arXiv:2106.09685) and QLoRA (arXiv:2305.14314) by PEFT.

The weights of the pretrained layers are frozen, for QLoRA in NF4, and a product of two small
matrices beside each is trained. A classifier's head, which is not pretrained, is trained whole.
After training the products are added to the weights, in FP32: inference runs the plain model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

import torch
from torch import nn

from greenbench.errors import UnavailableError, UsageError
from greenbench.extras import line_for
from greenbench.stages import conversions, weights
from greenbench.stages.stack import stack_of
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from peft.tuners.lora import LoraLayer
    from transformers import PreTrainedModel

    from greenbench.options import ArchitectureOptions

NAME = "default"
"""What PEFT calls an adapter that nobody names."""
ALL = "all"
PACKAGES = {"lora": ("peft",), "qlora": ("peft", "bitsandbytes")}


def check(options: ArchitectureOptions) -> None:
    """Raise UnavailableError if a package is missing that the adapter needs."""
    for package in PACKAGES.get(options.adapter, ()):
        if find_spec(package) is None:
            raise UnavailableError(
                f"architecture.adapter: {options.adapter} needs the package {package}, which is "
                f"not installed; {line_for(package)} would install it, or set none"
            )


def inject(model: PreTrainedModel, options: ArchitectureOptions, device: torch.device) -> None:
    """Add the adapters that ``options`` ask for, and freeze the weights beside them.

    Raises UsageError if the model has no linear layers of the requested names.
    """
    if options.adapter == "none":
        return
    from peft import LoraConfig, inject_adapter_in_model

    names = target_names(model, options.lora_targets)
    if options.adapter == "qlora":
        conversions.to_nf4(stack_of(model).layers, options, device)
        model.is_loaded_in_4bit = True  # PEFT reads it
    config = LoraConfig(
        r=options.lora_rank, lora_alpha=options.lora_alpha, target_modules=names, bias="none"
    )
    inject_adapter_in_model(config, model)
    for _, module in _adapted(model):  # beside NF4 they would be BF16, and small steps be lost
        module.lora_A.float()
        module.lora_B.float()
    if not model.can_generate():
        _train_head(model)


def _train_head(model: PreTrainedModel) -> None:
    body = {id(weight) for weight in model.base_model.parameters()}
    for weight in model.parameters():
        if id(weight) not in body:
            weight.requires_grad_(requires_grad=True)


def target_names(model: PreTrainedModel, targets: str) -> list[str]:
    """Return the linear layers inside of the transformer's layers that ``targets`` name.

    ``targets`` are last parts of names, separated by commas, or ``all``. Raises UsageError for one
    that the model does not have.
    """
    names = {}
    stack = stack_of(model).layers
    inside = {id(module) for module in stack.modules()}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and id(module) in inside:
            names[name] = name.rpartition(".")[2]
    if targets == ALL:
        return list(names)
    wanted = targets.split(",")
    known = sorted(set(names.values()))
    for part in wanted:
        if part not in known:
            raise UsageError(
                f"architecture.lora_targets: {part} was requested, and the linear layers of "
                f"{type(model).__name__} are {', '.join(known)}"
            )
    return [name for name, part in names.items() if part in wanted]


def _adapted(model: nn.Module) -> Iterator[tuple[str, LoraLayer]]:
    """Yield the layers that have an adapter, by name."""
    if find_spec("peft") is None:
        return
    from peft.tuners.lora import LoraLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            yield name, module


@torch.no_grad()
def merge(model: PreTrainedModel) -> None:
    """Replace each layer that has an adapter by a plain one with the sum of both in FP32."""
    for name, module in _adapted(model):
        base = module.get_base_layer()
        held = weights.values(base).float()
        delta = module.get_delta_weight(NAME).float()
        plain = nn.Linear(
            base.in_features, base.out_features, bias=base.bias is not None, device=held.device
        )
        plain.weight.copy_(held + delta)
        if base.bias is not None:
            plain.bias.copy_(base.bias)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, plain.train(model.training))
    _restore_rest(model)


def _restore_rest(model: PreTrainedModel) -> None:
    """Give layers that were held in NF4 without an adapter FP32 weights, too."""
    model.is_loaded_in_4bit = False
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear) and weights.format_of(child) == "nf4":
                held = weights.values(child).float()
                plain = nn.Linear(child.in_features, child.out_features, bias=False)
                plain.weight = nn.Parameter(held)
                if child.bias is not None:
                    plain.bias = nn.Parameter(child.bias.float())
                setattr(parent, name, plain)


@dataclass(slots=True)
class AdapterLog:
    """What was read of the adapters when training began."""

    kind: str = "none"
    ranks: list[int] = field(default_factory=list)
    alphas: list[float] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    """Last parts of the adapted layers' names."""
    layers: int = 0


def read(model: nn.Module) -> AdapterLog:
    """Read the live adapters of ``model``."""
    log = AdapterLog()
    ranks, alphas, targets = set(), set(), set()
    for name, module in _adapted(model):
        rank = module.lora_A[NAME].weight.shape[0]
        ranks.add(rank)
        alpha = module.scaling[NAME] * rank
        alphas.add(round(alpha, 6))
        targets.add(name.rpartition(".")[2])
        held = weights.format_of(module.get_base_layer())
        log.kind = "qlora" if held == "nf4" else "lora"
        log.layers += 1
    log.ranks, log.alphas, log.targets = sorted(ranks), sorted(alphas), sorted(targets)
    return log


def proofs(
    log: AdapterLog | None,
    options: ArchitectureOptions,
    moved: Mapping[str, bool],
    steps: int,
    answering: nn.Module,
) -> tuple[Applied, ...]:
    """Compare the live adapters with the requested ones; ``log`` is None if nothing was trained.

    ``moved`` says of each trainable tensor whether training changed it in so many ``steps``. The
    first of them moves no adapter below a classifier that starts with zeros.
    """
    found = log or AdapterLog()
    matrices = [acted for name, acted in moved.items() if ".lora_B." in name]
    left = sum(1 for _ in _adapted(answering))
    note = ""
    if found.kind != options.adapter:
        note = f"requested {options.adapter}, read back {found.kind}"
    elif steps > 1 and not all(matrices):
        note = f"training left {matrices.count(False)} of {len(matrices)} adapters as they were"
    elif left:
        note = f"{left} layers still had an adapter at inference"
    trained = sum(matrices)
    proof = Applied(
        stage="architecture",
        knob="adapter",
        asked=options.adapter,
        got=found.kind,
        how="live layers when training began, and at inference; norms of the adapters",
        note=note,
        evidence={"adapted_layers": found.layers, "adapters_changed": trained},
    )
    return proof, *_shape_proofs(found, options)


def _shape_proofs(log: AdapterLog, options: ArchitectureOptions) -> Iterator[Applied]:
    """Compare rank, scaling and places of the adapters."""
    asked_targets = options.lora_targets
    targets = ",".join(log.targets)
    if asked_targets == ALL and log.kind != "none":
        targets = ALL
    readings = {
        "lora_rank": _single(log.ranks),
        "lora_alpha": _single(log.alphas),
        "lora_targets": targets or None,
    }
    for knob, got in readings.items():
        asked = getattr(options, knob)
        note = ""
        if log.kind != "none" and not _same(asked, got):
            note = f"requested {asked}, read back {got}"
        yield Applied(
            stage="architecture",
            knob=knob,
            asked=asked,
            got=got,
            how="shapes, scalings and names of the live adapters",
            note=note,
            evidence={"layers": log.targets} if knob == "lora_targets" else {},
        )


def _single(values: list[int] | list[float]) -> int | float | str | None:
    """Return the only value, or all of several; None without any."""
    if len(values) == 1:
        return values[0]
    return ",".join(map(str, values)) or None


def _same(asked: object, got: object) -> bool:
    if isinstance(asked, str) and isinstance(got, str):
        return sorted(asked.split(",")) == sorted(got.split(","))
    return asked == got
