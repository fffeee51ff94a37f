"""The stages of a suite's own functions, as the pipeline runs them: data, training, inference."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.machine import kernels, launchers
from greenbench.tasks.functions import proofs, splits
from greenbench.tasks.functions.functions import FunctionData, WantedRows
from greenbench.tasks.functions.judging import Predictions
from greenbench.tasks.functions.rows import row_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenbench.options import Options
    from greenbench.protocols import Kernel, ModelHandle, Opaque
    from greenbench.tasks.functions.functions import TaskFunctions
    from greenbench.types import Applied

FEW = WantedRows(train=64, valid=16, test=16)
"""What ``load`` is asked for in the warm-up."""
QUIET = (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ResourceWarning)
"""Warnings for those who write a library, not for those who measure."""
MOST_WARNINGS = 3
"""Warnings of a suite's functions that a round keeps."""


@dataclass(slots=True)
class FunctionRound:
    """What the functions have made in the present round."""

    seed: int = 0
    data: FunctionData | None = None
    model: Opaque = None
    warned: dict[str, None] = field(default_factory=dict)
    """Warnings of the functions, each once."""


class PlainStages:
    """What the stages of all functions share: those they lack, the kernels, waiting for a GPU."""

    compiles = shortens = heals = converts = False

    def architecture(self, _model: object) -> None:
        """Load nothing: ``train`` makes the model."""

    def compilation(self, _net: object, _data: object) -> None:
        """Never called: nothing is compiled."""

    def shortening(self, _net: object, _data: object) -> None:
        """Never called: no layers are left out."""

    def healing(self, _net: object, _data: object) -> None:
        """Never called: no layers are left out."""

    def conversion(self, _net: object) -> None:
        """Never called: no weights are converted."""

    def answers(self, _model: object, _data: object, _examples: object) -> tuple[object, ...]:
        """Return nothing: nothing is decided on validation rows."""
        return ()

    def synchronize(self) -> None:
        """Wait for what the functions have queued on a GPU, if they use torch."""
        torch = _torch_on_cuda()
        if torch is not None:
            torch.cuda.synchronize()

    def yardstick(self) -> Kernel:
        """Return the reference kernel, warmed up."""
        return kernels.arithmetic()

    def memory_yardstick(self) -> Kernel:
        """Return the memory kernel, after one pass."""
        return kernels.bandwidth()


class FunctionStages(PlainStages):
    """Runs a suite's functions as stages; one object serves all rounds of a cell."""

    finetunes = True

    def __init__(
        self,
        options: Options,
        functions: TaskFunctions,
        sizes: WantedRows,
        *,
        broken: Exception | None = None,
    ) -> None:
        """Load nothing yet; ``broken`` is the exception of a failed warm-up."""
        self._options = options
        self._functions = functions
        self._own = functions.own.of(options)
        self._sizes = sizes
        self._broken = broken
        self._round = FunctionRound()

    @property
    def absent(self) -> frozenset[str]:
        """The stages without a window: there is no checkpoint, and data may need no preparing."""
        prepares = self._functions.prepare is not None
        return frozenset({"architecture"} if prepares else {"architecture", "data"})

    def check(self) -> None:
        """Raise what failed in the warm-up."""
        if self._broken is not None:
            raise self._broken

    def warm_up(self, _examples: object, model: ModelHandle) -> None:
        """Run all stages once, on few rows if ``load`` gives few: it pays for imports."""
        with self.quiet():
            try:
                self._run_once(_smaller(FEW, self._sizes), model)
            except Exception:  # noqa: BLE001  few rows may lack a class; all of them tell
                self._run_once(self._sizes, model)
            self.reset(0)

    def _run_once(self, sizes: WantedRows, model: ModelHandle) -> None:
        self.reset(0)
        loaded = splits.load(self._functions, 0, sizes)
        data = self.data(loaded.train, loaded.test, model, 0, valid=loaded.valid)
        self.inference(self.training(None, data), data)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep warnings of the functions for the round, and hide launchers' variables from them."""
        with _warnings_kept(self._functions.where) as kept, launchers.hidden():
            yield
        self._round.warned |= dict.fromkeys(kept[:MOST_WARNINGS])

    def reset(self, seed: int) -> None:
        """Forget the last round, and seed Python, NumPy and, if it is loaded, torch."""
        self._round = FunctionRound(seed=seed)
        gc.collect()
        _seed(seed)
        torch = _torch_on_cuda()
        if torch is not None:
            torch.cuda.reset_peak_memory_stats()

    def data(
        self, train: Opaque, test: Opaque, _model: object, seed: int, *, valid: Opaque
    ) -> FunctionData:
        """Return the data as ``prepare`` makes them, or as they are; raises UsageError."""
        functions = self._functions
        data = FunctionData(train, valid, test)
        if functions.prepare is not None:
            prepared = functions.prepare(self._own, data, seed)
            data = splits.checked(prepared, functions, "prepare")
        self._round.data = data
        return data

    def training(self, _net: object, data: FunctionData) -> Opaque:
        """Return the model that ``train`` makes; raises UsageError if it makes none."""
        functions = self._functions
        model = functions.train(self._own, data, self._round.seed)
        if model is None:
            raise UsageError(f"{functions.where}: train returned None; return the model")
        self._round.model = model
        return model

    def inference(self, model: Opaque, data: FunctionData) -> Predictions:
        """Return what ``predict`` says of the test rows."""
        functions = self._functions
        return Predictions(functions.predict(model, data.test, self._own), functions.where)

    def applied(self) -> tuple[Applied, ...]:
        """Return a proof of each of the suite's knobs; raises UsageError if one fails."""
        return proofs.of(self._functions, self._options, self._round.data, self._round.model)

    def doubts(self) -> tuple[str, ...]:
        """Return what is not known of the functions and knobs, and what they warned of."""
        uncounted = f"operations are unknown: nothing counts those of {self._functions.where}"
        unproved = proofs.unproved(self._functions, self._options)
        return (uncounted, *unproved, *self._round.warned)

    def work(self, _model: object, data: FunctionData) -> dict[str, int | None]:
        """Count the rows that were worked on; operations are unknown."""
        where = self._functions.where
        return {
            "samples_trained": row_count(data.train, f"{where}: train"),
            "samples_scored": row_count(data.test, f"{where}: test"),
            "flops_training": None,
            "flops_architecture": None,
            "flops_inference": None,
            "peak_gpu_memory_bytes": _peak_gpu_memory(),
        }


def _seed(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  the suite's libraries draw from the global state
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


@contextlib.contextmanager
def _warnings_kept(where: str) -> Iterator[list[str]]:
    """Keep warnings in a list instead of showing them, each with its class and first line."""
    kept: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for category in QUIET:
            warnings.simplefilter("ignore", category)
        yield kept
    for warning in caught:
        first, _, _ = str(warning.message).strip().partition("\n")
        kept.append(f"{where}: {warning.category.__name__}: {first}")


def _smaller(one: WantedRows, other: WantedRows) -> WantedRows:
    """Return the smaller number of each split; None is no limit."""
    smaller = []
    for few, size in zip(one, other, strict=True):
        known = [number for number in (few, size) if number is not None]
        smaller.append(min(known, default=None))
    return WantedRows(*smaller)


def _torch_on_cuda() -> Opaque:
    """Return torch if it is loaded and has used a GPU; else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None


def _peak_gpu_memory() -> int | None:
    torch = _torch_on_cuda()
    return None if torch is None else int(torch.cuda.max_memory_allocated())
