"""A task of a PyTorch Lightning module, trained and asked by a ``Trainer`` of the suite's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.adapters.task import AdaptedTask, SuiteFunction

if TYPE_CHECKING:
    from greenbench.protocols import Opaque


@dataclass(frozen=True, kw_only=True)
class LightningTask(AdaptedTask):
    """Fits a module, and joins what its ``predict_step`` returns for each batch.

    The proofs of its knobs are given the module, whose ``trainer`` is the one that fitted it.
    """

    module: SuiteFunction
    """``module(options)`` returns a new module."""
    trainer: SuiteFunction
    """``trainer(options)`` returns a new ``Trainer``."""
    loader: SuiteFunction
    """``loader(rows, options, training)`` returns a ``DataLoader``; it may shuffle for training."""

    def train(self, options: Opaque, data: Opaque, _seed: int) -> Opaque:
        """Return the fitted module; the process is seeded already."""
        module, trainer = self.module(options), self.trainer(options)
        valid = self.loader(data.valid, options, training=False) if len(data.valid) else None
        trainer.fit(module, self.loader(data.train, options, training=True), valid)
        return module

    def predict(self, module: Opaque, rows: Opaque, options: Opaque) -> Opaque:
        """Return the predictions of all batches as one array."""
        import numpy as np

        trainer = self.trainer(options)
        batches = trainer.predict(module, self.loader(rows, options, training=False))
        return np.concatenate([batch.cpu().numpy() for batch in batches])
