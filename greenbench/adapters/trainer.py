"""A task of ``transformers.Trainer``: a function of the suite's that returns one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.adapters.task import AdaptedTask, SuiteFunction

if TYPE_CHECKING:
    from greenbench.protocols import Opaque


@dataclass(frozen=True, kw_only=True)
class TrainerTask(AdaptedTask):
    """Calls ``train()`` and ``predict()`` of a ``Trainer``, which the proofs are given."""

    trainer: SuiteFunction
    """``trainer(options, data, seed)`` returns a new ``Trainer`` with its model and arguments."""

    def train(self, options: Opaque, data: Opaque, seed: int) -> Opaque:
        """Return the trainer once it has trained."""
        trainer = self.trainer(options, data, seed)
        trainer.train()
        return trainer

    def predict(self, trainer: Opaque, rows: Opaque, _options: Opaque) -> Opaque:
        """Return the model's outputs for ``rows``: the logits, for a classifier."""
        return trainer.predict(rows).predictions
