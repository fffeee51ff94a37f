"""The optimisation switches of one cell, as the fixture ``toggles`` gives them to the pipeline."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from greenbench.errors import UnavailableError
from greenbench.machine import launchers
from greenbench.stages import (
    adapters,
    answering,
    bandwidth,
    compiled_training,
    engines,
    healing,
    isolation,
    loading,
    model_checks,
    precision,
    training,
    work,
    yardstick,
)
from greenbench.stages.cell_stages import CellStages
from greenbench.stages.kept_data import KeptData
from greenbench.stages.kept_training import KeptTraining
from greenbench.stages.objectives import translation
from greenbench.stages.ranks.pool import Ranks
from greenbench.stages.round_record import RoundRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

    from greenbench.data.models.checkpoints import Checkpoint
    from greenbench.options import Options
    from greenbench.stages.data import Batches
    from greenbench.stages.objectives.interface import TaskExample
    from greenbench.types import Applied, TaskSize


WARM_UP_TOKENS = 4
"""Tokens of targets and answers of a generating model in its warm-up."""


def resolve_device(name: str) -> torch.device:
    """Return the device that ``--green-device`` names; ``auto`` is CUDA if torch sees it.

    Raises UnavailableError if torch does not see the device.
    """
    cpu = torch.device("cpu")
    if name == "cpu":
        return cpu
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto" and count == 0:
        return cpu
    if count == 0:
        raise UnavailableError(
            f"--green-device: {name} was requested and torch {torch.__version__} sees no CUDA "
            "device; use auto or cpu"
        )
    device = torch.device("cuda:0" if name in {"auto", "cuda"} else name)
    if device.index >= count:
        raise UnavailableError(
            f"--green-device: {name} was requested and torch sees {count} CUDA device(s)"
        )
    return device


class Toggles(CellStages):
    """A cell's stages with what a round needs around them: checks, a reset and what to report.

    One object serves all rounds of a cell; ``reset`` starts a round.
    """

    def __init__(
        self,
        options: Options,
        size: TaskSize,
        device: str | Ranks,
        *,
        broken: Exception | None = None,
    ) -> None:
        """Make the switches; nothing is loaded yet.

        ``device`` is a single one, or the ranks of a session, which ends them. ``broken`` is the
        exception of a failed warm-up. Raises UsageError for options that contradict each other.
        """
        super().__init__(options, size, Ranks(device) if isinstance(device, str) else device)
        self._broken = broken

    def check(self) -> None:
        """Raise what failed in the warm-up, or UnavailableError for what cannot be done here."""
        if self._broken is not None:
            raise self._broken
        loading.check(self.options.data, self.device)
        training.check(self.options.training, self.device)
        precision.check("inference", self.options.inference.precision, self.device)
        engines.check(self.options, self.device, generates=self.size.max_new_tokens > 0)
        adapters.check(self.options.architecture)
        healing.check(self.options, self.ranks)
        generates = self.size.max_new_tokens > 0
        asked = self.options.training.compile
        compiled_training.check(asked=asked, rank=self.ranks.rank, generates=generates)

    def warm_up(self, examples: Sequence[TaskExample], model: Checkpoint) -> None:
        """Run a miniature of the cell: it pays for imports, first uses and buffers."""
        miniature = _miniature(self)
        batch = tuple(examples[: miniature.options.data.batch_size])
        with self.quiet():
            miniature.reset(0)
            _run_once(miniature, batch, model)
            miniature.reset(0)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Silence libraries while the stages work, and hide launchers' variables from them."""
        with isolation.quiet(), launchers.hidden():
            yield

    def prefill(self, net: nn.Module, batches: Batches) -> None:
        """Read every test example once more, and write the first token of each answer."""
        options, pad_id = self.options.inference, batches.objective.pad_id
        ways = answering.ways(net, options, self.device, exits=None, drafter=None)
        with ways, batches.loading:
            translation.read_prompts(net, batches.test, self.device, pad_id)

    def reset(self, seed: int) -> None:
        """Forget the last round, and reset and seed the process."""
        self.record = RoundRecord(self.options, self.device)
        self.ranks.reset(seed)
        isolation.reset(seed, self.device)  # last: it frees what the round before has held

    def kept_training(self) -> KeptTraining:
        """Return what keeps this cell's trainings for others; raises UnavailableError."""
        return KeptTraining(self)

    def kept_data(self, run: Callable[[], Batches]) -> KeptData:
        """Return what keeps this cell's data stages, which ``run`` runs, for others.

        Raises UnavailableError if several devices train.
        """
        return KeptData(self, run)

    def yardstick(self) -> Callable[[float], int]:
        """Return the reference kernel on this cell's device, warmed up."""
        return yardstick.kernel(self.device)

    def memory_yardstick(self) -> Callable[[float], int]:
        """Return the memory kernel on this cell's device, after one pass."""
        return bandwidth.kernel(self.device)

    def synchronize(self) -> None:
        """Wait until the device is idle, so that a window ends when its work does."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def applied(self) -> tuple[Applied, ...]:
        """Return the round's proofs but the system stage's; call it outside the windows."""
        return self.record.applied()

    def doubts(self) -> tuple[str, ...]:
        """Return the warnings about this device, these options and this round."""
        warnings = self.record.warnings()
        if self.ranks.rank.count > 1 and not self.finetunes:
            return (
                *warnings,
                f"nothing was trained: of {self.ranks.devices} only the first worked",
            )
        return warnings

    def work(self, net: nn.Module, batches: Batches) -> dict[str, int | None]:
        """Count the work that the energy was spent on."""
        return work.counted(self.record, net, batches)


def _miniature(toggles: Toggles) -> Toggles:
    """Return the switches of the same cell with one small batch, one step and short answers.

    On a GPU the batch has the cell's own size, for which kernels are chosen; a CPU is spared most
    of the arithmetic. Every rank has at least one example.
    """
    steps = toggles.options.training.accumulation_steps
    micro = toggles.micro
    if toggles.device.type != "cuda":
        micro = min(micro, max(2, toggles.ranks.rank.count))
    data_options = replace(toggles.options.data, batch_size=micro * steps)
    options = replace(toggles.options, data=data_options)
    size = replace(toggles.size, epochs=1, max_new_tokens=WARM_UP_TOKENS)
    return Toggles(options, size, toggles.ranks)


def _run_once(toggles: Toggles, batch: Sequence[TaskExample], model: Checkpoint) -> None:
    """Run the stages with ``batch`` as training, validation and test data."""
    batches = toggles.data(batch, batch, model, 0, valid=batch)
    net = toggles.architecture(model)
    model_checks.refuse(net, toggles.options, batches.objective.pad_id)
    if toggles.compiles:
        net = toggles.compilation(net, batches)
    if toggles.finetunes:
        net = toggles.training(net, batches)
    if toggles.shortens:
        net = toggles.shortening(net, batches)
    if toggles.heals:
        net = toggles.healing(net, batches)
    if toggles.converts:
        net = toggles.conversion(net)
    toggles.inference(net, batches)
