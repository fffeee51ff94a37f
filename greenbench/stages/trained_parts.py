"""Which weights of a model are trained: the preparation that training and its count share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from greenbench.options import ArchitectureOptions, Options, TrainingOptions
from greenbench.stages import adapters, freezing

if TYPE_CHECKING:
    from transformers import PreTrainedModel

META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class TrainedParts:
    """The knobs that say which weights are trained; equal ones train the same."""

    adapter: str = "none"
    rank: int = 0
    targets: str = ""
    frozen_layers: float = 0.0

    @classmethod
    def of(cls, options: Options) -> TrainedParts:
        """Return what ``options`` say; equal for all that train the whole model."""
        chosen, frozen = options.architecture, options.training.frozen_layers
        if chosen.adapter == "none":
            return cls(frozen_layers=frozen)
        return cls(chosen.adapter, chosen.lora_rank, chosen.lora_targets, frozen)

    @property
    def whole(self) -> bool:
        """Whether all weights are trained."""
        return self == TrainedParts()

    def prepare(self, skeleton: PreTrainedModel) -> None:
        """Leave the same weights of a model without numbers to be trained.

        Weights in NF4 multiply as often as those in FP32.
        """
        if self.adapter != "none":
            lora = ArchitectureOptions(
                adapter="lora", lora_rank=self.rank, lora_targets=self.targets
            )
            adapters.inject(skeleton, lora, META)
        freezing.freeze(skeleton, self.frozen_layers)


BASELINE = TrainedParts.of(Options(training=TrainingOptions()))
