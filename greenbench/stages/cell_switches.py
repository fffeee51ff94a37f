"""What a cell's stages work with, and which of them its options turn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.stages import batching, data, encoders, engines, layers
from greenbench.stages.round_record import RoundRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from greenbench.options import Options
    from greenbench.stages.encoders import Encoder
    from greenbench.stages.ranks.pool import Ranks
    from greenbench.types import TaskSize


class CellSwitches:
    """A cell's options, size and devices, and the record of its present round."""

    def __init__(self, options: Options, size: TaskSize, ranks: Ranks) -> None:
        """Make the stages; raises UsageError for options that contradict each other.

        All but training run on the first device of ``ranks`` alone.
        """
        self.options = options
        self.size = size
        self.ranks = ranks
        self.device = ranks.rank.device
        batching.check(options.data, ranks.rank.count)
        steps = options.training.accumulation_steps
        self.micro = data.micro_batch(options.data.batch_size, steps)
        self.encoder: Callable[[str, Path, int], Encoder] = encoders.encoder
        """Makes the tokenizer; one that notes or repeats its answers, if the stage is shared."""
        self.record = RoundRecord(options, self.device)
        """What the stages of the present round have left behind."""

    @property
    def finetunes(self) -> bool:
        """Whether the training stage runs."""
        return self.options.training.finetune

    @property
    def compiles(self) -> bool:
        """Whether the passes of training are compiled before it."""
        return self.options.training.compile and self.finetunes

    @property
    def shortens(self) -> bool:
        """Whether layers are left out after training."""
        return layers.shortens(self.options.inference)

    @property
    def heals(self) -> bool:
        """Whether the model is trained again after layers were left out."""
        return bool(self.options.inference.healing) and self.finetunes and self.shortens

    @property
    def writes(self) -> bool:
        """Whether the model answers in texts."""
        return self.size.max_new_tokens > 0

    @property
    def converts(self) -> bool:
        """Whether weights are converted after training."""
        return engines.converts(self.options)
