"""What a cell's pipeline asks of the objects that it runs: data, model, device, and the stages.

Whatever offers these calls can be measured; nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from greenbench.types import Applied, Facts, Judged, Round

Kernel: TypeAlias = Callable[[float], int]
"""Works for about so many seconds and returns the floating-point operations that it did."""
WindowOf: TypeAlias = "Callable[[str], AbstractContextManager[None]]"
"""Opens the window of a stage."""
Opaque: TypeAlias = Any
"""What stages hand to each other and to the task; the pipeline only passes it on."""


class TaskData(Protocol):
    """The cell's data: loaded, split and judged outside the windows."""

    @property
    def train(self) -> Sequence[Opaque]:
        """Training examples."""

    @property
    def valid(self) -> Sequence[Opaque]:
        """Validation examples, for what a stage picks after training."""

    @property
    def test(self) -> Sequence[Opaque]:
        """Test examples."""

    @property
    def facts(self) -> Facts:
        """Source, revision, checksum and sizes, as they go into the results file."""

    @property
    def deciding(self) -> Sequence[Opaque]:
        """Validation examples whose outputs the judging needs; empty if it needs none."""

    def judge(self, outputs: Opaque, deciding: Opaque) -> Judged:
        """Score the outputs for the test examples; ``deciding`` are those for the deciding ones."""


class ModelHandle(Protocol):
    """Where the cell's model comes from; its weights are loaded in the architecture window."""

    @property
    def source(self) -> str:
        """Its name, as the results file has it."""

    @property
    def facts(self) -> Facts:
        """Source, revision and checksum, as they go into the results file."""

    @property
    def folder(self) -> object:
        """Its local folder; fetched if it is not here."""


class SystemStage(Protocol):
    """A context around the other stages, in which the device settings hold."""

    def reserve(self) -> None: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102
    def __enter__(self) -> object: ...  # noqa: D105
    def __exit__(self, *error: object) -> bool | None: ...  # noqa: D105
    def proofs(self, machine: Facts) -> tuple[Applied, ...]: ...  # noqa: D102
    @property
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102


class Stages(Protocol):
    """The calls that the pipeline makes to the optimisation switches."""

    @property
    def finetunes(self) -> bool: ...  # noqa: D102
    @property
    def compiles(self) -> bool: ...  # noqa: D102
    @property
    def shortens(self) -> bool: ...  # noqa: D102
    @property
    def heals(self) -> bool: ...  # noqa: D102
    @property
    def converts(self) -> bool: ...  # noqa: D102
    def check(self) -> None: ...  # noqa: D102
    def quiet(self) -> AbstractContextManager[None]: ...  # noqa: D102
    def reset(self, seed: int) -> None: ...  # noqa: D102
    def synchronize(self) -> None: ...  # noqa: D102
    def data(  # noqa: D102
        self, train: Opaque, test: Opaque, model: Opaque, seed: int, *, valid: Opaque
    ) -> Opaque: ...
    def architecture(self, model: Opaque) -> Opaque: ...  # noqa: D102
    def compilation(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def training(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def shortening(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def healing(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def conversion(self, net: Opaque) -> Opaque: ...  # noqa: D102
    def inference(self, net: Opaque, batches: Opaque) -> Opaque: ...  # noqa: D102
    def answers(self, net: Opaque, batches: Opaque, examples: Opaque) -> Opaque: ...  # noqa: D102
    def applied(self) -> tuple[Applied, ...]: ...  # noqa: D102
    def doubts(self) -> tuple[str, ...]: ...  # noqa: D102
    def work(self, net: Opaque, batches: Opaque) -> dict[str, int | None]: ...  # noqa: D102
    def yardstick(self) -> Kernel: ...  # noqa: D102
    def memory_yardstick(self) -> Kernel: ...  # noqa: D102


class WarmingStages(Stages, Protocol):
    """Stages that a session makes itself: it runs a miniature of them first."""

    def warm_up(self, examples: Sequence[Opaque], model: Opaque) -> None: ...  # noqa: D102


@runtime_checkable
class ReadsAndWrites(Protocol):
    """Stages whose models may write texts: inference reads all of a prompt, and then writes."""

    @property
    def writes(self) -> bool: ...  # noqa: D102
    def prefill(self, net: Opaque, batches: Opaque) -> None: ...  # noqa: D102


@runtime_checkable
class WithoutTorch(Protocol):
    """Stages that run a suite's own functions; their reference kernels are NumPy's."""

    @property
    def absent(self) -> frozenset[str]:
        """The stages that there is nothing of, and no window: ``architecture``."""


class ReusableStage(Protocol):
    """How the pipeline gets what a stage makes: it runs, or what it made before is taken over."""

    def prepare(self, seed: int) -> None:
        """Get ready for a round, before the timer."""

    def run(self, work: Callable[..., Opaque], window: WindowOf, *inputs: Opaque) -> Opaque:
        """Return what ``work`` makes of ``inputs``; what is measured is in the stage's window."""

    def finish(self, one_round: Round) -> Round:
        """Return the round with what is known of the stage, after the timer."""
