"""Stages that train nothing: a pipeline runs through, and answers as a test says it should."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Self

from greenbench.options import differences
from greenbench.types import Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from greenbench.options import Options
    from greenbench.protocols import Kernel, Opaque
    from greenbench.types import Facts

STUB = "a stub: nothing acts here"
NOT_SET = "not applied: a stub sets nothing"
SHARE = 0.01
"""Of the time of a reference kernel: that of a stub only shows that it is called."""
ADDED = 1000
"""Numbers that are added between two looks at the clock."""


class StubStages:
    """What a suite's own fixture ``toggles`` may return: all stages, without a model or torch.

    ``data`` hands the test examples on, ``inference`` gives ``answer`` of them, and every knob is
    read back as it was asked.
    """

    finetunes = True
    compiles = shortens = heals = converts = False

    def __init__(
        self, options: Options, answer: Callable[[Sequence[Opaque]], Sequence[Opaque]]
    ) -> None:
        """Pretend to have ``options``; ``answer`` returns one answer for each test example."""
        self.options = options
        self.answer = answer
        self.seed = 0

    def check(self) -> None:
        """Find nothing wrong."""

    def quiet(self) -> AbstractContextManager[None]:
        """Silence nothing."""
        return contextlib.nullcontext()

    def reset(self, seed: int) -> None:
        """Keep the seed of the round, for ``answer``."""
        self.seed = seed

    def synchronize(self) -> None:
        """Wait for nothing."""

    def data(
        self, train: Opaque, test: Opaque, model: Opaque, seed: int, *, valid: Opaque
    ) -> Opaque:
        """Return the test examples."""
        del train, model, seed, valid
        return test

    def architecture(self, model: Opaque) -> Opaque:
        """Return the handle of the model."""
        return model

    def compilation(self, net: Opaque, batches: Opaque) -> Opaque:
        """Return the model as it is; the others do so too."""
        del batches
        return net

    training = shortening = healing = compilation

    def conversion(self, net: Opaque) -> Opaque:
        """Return the model as it is."""
        return net

    def inference(self, net: Opaque, batches: Opaque) -> Opaque:
        """Return the answers to the test examples."""
        del net
        return self.answer(batches)

    def answers(self, net: Opaque, batches: Opaque, examples: Opaque) -> Opaque:
        """Return the answers to ``examples``."""
        del net, batches
        return self.answer(examples)

    def applied(self) -> tuple[Applied, ...]:
        """Return a proof of each knob that differs from the baseline, as it was asked."""
        proofs = []
        for change in differences(self.options):
            stage, knob = change.knob.split(".")
            if stage != "system":
                asked = change.here
                proofs.append(Applied(stage=stage, knob=knob, asked=asked, got=asked, how=STUB))
        return tuple(proofs)

    def doubts(self) -> tuple[str, ...]:
        """Say that no score, joule or second is one of a model."""
        return ("the stages are stubs: nothing was trained",)

    def work(self, net: Opaque, batches: Opaque) -> dict[str, int | None]:
        """Count the examples; there are no operations to count."""
        del net
        return {
            "samples_scored": len(batches),
            "flops_training": None,
            "flops_architecture": None,
            "flops_inference": None,
        }

    def yardstick(self) -> Kernel:
        """Return a kernel that adds whole numbers, for a hundredth of the time."""
        return _additions

    def memory_yardstick(self) -> Kernel:
        """Return the same kernel: a stub has no memory to measure."""
        return _additions


class StubSystem:
    """What a suite's own fixture ``power`` may return: a system stage that sets nothing."""

    doubts: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        """Keep what is asked."""
        self._options = options

    def reserve(self) -> None:
        """Reserve no device."""

    def release(self) -> None:
        """Release no device."""

    def __enter__(self) -> Self:
        """Set nothing."""
        return self

    def __exit__(self, *error: object) -> None:
        """Restore nothing."""

    def proofs(self, machine: Facts) -> tuple[Applied, ...]:
        """Say of each knob of the stage that it was not applied."""
        del machine
        proofs = []
        for change in differences(self._options):
            stage, knob = change.knob.split(".")
            if stage != "system":
                continue
            proof = Applied(
                stage=stage, knob=knob, asked=change.here, got=None, how=STUB, note=NOT_SET
            )
            proofs.append(proof)
        return tuple(proofs)


def _additions(seconds: float) -> int:
    """Add numbers, and return how many additions those were."""
    count = 0
    end = time.perf_counter() + seconds * SHARE
    while count == 0 or time.perf_counter() < end:
        sum(range(ADDED))
        count += ADDED
    return count
