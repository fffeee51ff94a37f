"""The optimisation switches of one cell: each stage as one call that does what the cell's options say.

A switch does its work when it is called, inside the window that the pipeline opened; nothing happens before. What was read
back from the live objects is collected in ``applied``.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from greenbench.stages import (
    architecture,
    data,
    flops,
    inference,
    isolation,
    layers,
    precision,
    training,
    yardstick,
)
from greenbench.stages.objectives import objective

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from torch import nn

    from greenbench.options import Options
    from greenbench.stages.data import Batches, Objective
    from greenbench.types import Applied, TaskSize


WARM_UP_TOKENS = 4
"""Tokens that a generating model reads as targets and writes in its warm-up."""


def resolve_device(name: str) -> torch.device:
    """Return the device that ``--green-device`` names; ``auto`` is CUDA where torch sees it. Raises UnavailableError."""
    from greenbench.errors import UnavailableError

    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name != "cpu" and not torch.cuda.is_available():
        raise UnavailableError(
            f"--green-device: {name} was asked for and torch {torch.__version__} sees no CUDA device; use auto or cpu"
        )
    device = torch.device(name if name != "cuda" else "cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UnavailableError(
            f"--green-device: {name} was asked for and torch sees {torch.cuda.device_count()} CUDA device(s)"
        )
    return device


class Toggles:
    """The five stages of one cell. One object serves all its rounds; ``reset`` starts a round."""

    def __init__(
        self, options: Options, size: TaskSize, device: str, *, broken: Exception | None = None
    ) -> None:
        """Hold what is asked; nothing is loaded yet. ``broken`` is why a warm-up of these options failed.

        Raises UsageError for options that contradict each other.
        """
        self._broken = broken
        self.options, self.size = options, size
        self.micro = data.micro_batch(options.data.batch_size, options.training.accumulation_steps)
        self.device = torch.device(device)
        self._proofs: list[Applied] = []
        self._seen: training.Seen | None = None
        self._objective: Objective | None = None
        self._config: Any = None
        """As it was before layers were left out."""
        self._uncounted = ""
        """Why the operations could not be counted."""
        self._depth: layers.Depth | None = None
        self._ran: tuple[nn.Module, layers.Depth, precision.Watched, inference.Attention] | None = (
            None
        )

    @property
    def finetunes(self) -> bool:
        """Whether the training stage runs."""
        return self.options.training.finetune

    @property
    def shortens(self) -> bool:
        """Whether layers are left out after training."""
        return layers.shortens(self.options.inference)

    @property
    def converts(self) -> bool:
        """Whether weights are converted after training."""
        return self.options.architecture.weight_format != "fp32"

    def check(self) -> None:
        """Raise, before anything runs, what went wrong in the warm-up, or UnavailableError for what cannot be done here."""
        if self._broken is not None:
            raise self._broken
        training.check(self.options.training, self.device)
        precision.check("inference", self.options.inference.precision, self.device)
        architecture.check(self.options.architecture, self.device)

    def warm_up(self, examples: Sequence[Any], model: Any) -> None:
        """Run a miniature of the cell, one optimizer step long: imports, first uses and buffers are paid for here.

        On a GPU it has the cell's own shapes, for which kernels are chosen; a CPU is spared most of the arithmetic.
        """
        steps = self.options.training.accumulation_steps
        micro = self.micro if self.device.type == "cuda" else min(self.micro, 2)
        options = replace(self.options, data=replace(self.options.data, batch_size=micro * steps))
        batch = tuple(examples[: micro * steps])
        small = Toggles(
            options, replace(self.size, epochs=1, max_new_tokens=WARM_UP_TOKENS), str(self.device)
        )
        with self.quiet():
            small.reset(0)
            batches = small.data(batch, batch, model, 0, valid=batch)
            net = small.architecture(model)
            net = small.training(net, batches) if self.finetunes else net
            net = small.shortening(net, batches) if self.shortens else net
            small.inference(small.conversion(net) if self.converts else net, batches)
            small.reset(0)

    def quiet(self) -> AbstractContextManager[None]:
        """Keep libraries from talking while the stages work."""
        return isolation.quiet()

    def reset(self, seed: int) -> None:
        """Make the process as new and forget the last round."""
        self._proofs, self._seen, self._ran, self._objective, self._depth = (
            [],
            None,
            None,
            None,
            None,
        )
        self._uncounted = ""
        isolation.reset(seed, self.device)  # last: what the round before held is free by now

    def yardstick(self) -> Callable[[], int]:
        """Return the fixed kernel of the machine's yardstick on this cell's device, warmed up."""
        return yardstick.kernel(self.device)

    def synchronize(self) -> None:
        """Wait until the device has done all it was given, so that a window's edge is where the work ends."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def data(
        self,
        train: Sequence[Any],
        test: Sequence[Any],
        model: Any,
        seed: int,
        *,
        valid: Sequence[Any] = (),
    ) -> Batches:
        """Tokenise and batch, as the model's objective wants it; of ``valid`` what the cell's options need."""
        tokenizer = data.encoder(
            self.options.data.tokenizer, model.tokenizer_file, self.size.max_tokens
        )
        goal = objective(tokenizer, model, self.size)
        needed = layers.calibration(self.options.inference, valid)
        batches = data.prepare(
            train,
            test,
            tokenizer,
            goal,
            self.options.data,
            micro=self.micro,
            seed=seed,
            calibration=needed,
        )
        self._proofs, self._objective = [*self._proofs, *batches.applied], goal
        return batches

    def architecture(self, model: Any) -> nn.Module:
        """Load the model in FP32 on the device."""
        loaded: nn.Module = model.load().to(self.device)
        self._config = copy.deepcopy(getattr(loaded, "config", None))
        return loaded

    def training(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Fine-tune."""
        self._seen = training.finetune(net, batches, self.options.training, self.size, self.device)
        return net

    def shortening(self, net: nn.Module, batches: Batches) -> nn.Module:
        """Leave layers out of the trained model, picked by validation examples where the choice needs them."""
        picking = data.calibration_batches(batches)
        self._depth = layers.shorten(net, self.options.inference, picking, self.device)
        return net

    def conversion(self, net: nn.Module) -> nn.Module:
        """Convert the weights of the trained model."""
        return architecture.convert(net, self.options.architecture, self.device)

    def inference(self, net: nn.Module, batches: Batches) -> Sequence[Any]:
        """Return the model's answer to each test example."""
        if self._ran is None:  # the proofs are of the first pass
            depth = self._depth or layers.depth_of(net)
            layers.watch(net, depth)
            self._ran = net, depth, precision.Watched(net), inference.Attention(net)
        with precision.autocast(self.options.inference.precision, self.device):
            return batches.objective.answer(net, batches.test, self.device)

    def answers(self, net: nn.Module, batches: Batches, examples: Sequence[Any]) -> Sequence[Any]:
        """Return the model's outputs for other examples, as ``inference`` would: outside every window, for the judging."""
        loader = data.in_order(batches.objective, examples, batches.batch_size)
        with precision.autocast(self.options.inference.precision, self.device):
            return batches.objective.answer(net, loader, self.device)

    def applied(self) -> tuple[Applied, ...]:
        """All proofs of the round, the system stage's own excepted. Reads the live model: call it outside the windows."""
        trained = training.proofs(self._seen, self.options.training)
        counted = self._seen.examples / self._seen.attempts if self._seen else None
        answered = self._objective.answered if self._objective else ()
        batch = data.batch_proof(self.options.data.batch_size, counted, answered)
        return (*self._proofs, *([batch] if self._proofs else []), *trained, *self._inferred())

    def _inferred(self) -> tuple[Applied, ...]:
        """Return the proofs that the model as it answered gives; none before it did."""
        if self._ran is None:
            return ()
        net, depth, watched, attention = self._ran
        ended = layers.renumbered(self._seen.rows, depth) if self._seen else {}
        formats = architecture.proofs(net, self.options.architecture, self.device, ended)
        computed = inference.precision_proof(
            self.options.inference.precision, watched.name, attention.evidence
        )
        return (*formats, *layers.proofs(depth, self.options.inference), computed)

    def doubts(self) -> tuple[str, ...]:
        """Say what a reader should know about this device, these options and this round."""
        formats = architecture.doubts(self.options.architecture, self.device)
        trained = training.doubts(self.options.training, self.device, self._seen)
        computed = precision.doubts(self.options.inference.precision, self.device)
        answered = self._objective.doubts() if self._objective is not None else ()
        uncounted = (self._uncounted,) if self._uncounted else ()
        return tuple(dict.fromkeys((*trained, *computed, *formats, *answered, *uncounted)))

    def work(self, net: nn.Module, batches: Batches) -> dict[str, int | None]:
        """Count the work that the energy was spent on."""
        trained = self._seen.examples if self._seen else 0
        tokens = sum(map(int, self._seen.tokens)) if self._seen else 0
        return {
            "parameters": sum(p.numel() for p in net.parameters()),
            "samples_trained": trained,
            "samples_scored": len(batches.test.dataset),  # type: ignore[arg-type]
            "tokens_training": tokens,
            "tokens_inference": batches.tokens_test,
            "tokens_generated": batches.objective.tokens_generated,
            "optimizer_steps": self._seen.steps if self._seen else 0,
            **self._flops(net, batches),
            "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated(self.device)
            if self.device.type == "cuda"
            else None,
        }

    def _flops(self, net: nn.Module, batches: Batches) -> dict[str, int | None]:
        """Count the operations of training and of inference."""
        shapes = self._seen.shapes if self._seen else []
        with isolation.quiet():
            return {
                "flops_training": self._counted(
                    lambda: flops.of_training(net, self._config, shapes)
                ),
                "flops_architecture": self._counted(lambda: self._picking(net)),
                "flops_inference": self._counted(
                    lambda: flops.of_inference(net, net.config, batches.objective.answered)
                ),
            }

    def _picking(self, net: Any) -> int:
        """Count what picking layers took: passes over validation examples through the whole stack, without a head."""
        read = [flops.Batch(*shape) for shape in (self._depth.calibration if self._depth else ())]
        return flops.of_inference(net.base_model, self._config, read) if read else 0

    def _counted(self, count: Callable[[], int]) -> int | None:
        """Return the count, or None where a model cannot be run as a skeleton; a doubt then says why."""
        try:
            return count()
        except Exception as error:  # noqa: BLE001  whatever a foreign architecture raises: it is told, and costs no cell
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            self._uncounted = f"the model's operations could not be counted: {why}"
            return None
