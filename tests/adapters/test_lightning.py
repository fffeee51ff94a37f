"""A Lightning module as a task.

The interface is that of ``pytorch_lightning.Trainer``: ``fit(module, train, valid)`` and
``predict(module, loader)``, a list of what ``predict_step`` returned for each batch. Where the
package is not installed, a trainer of that interface stands in for it.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from adapters.adapted import one_round
from torch import nn
from torch.utils.data import DataLoader

import greenbench
from greenbench.adapters.lightning import LightningTask
from greenbench.tasks.functions.functions import WantedRows

INSTALLED = importlib.util.find_spec("pytorch_lightning") is not None


class StandIn:
    """The calls of ``Trainer`` that the adapter makes."""

    def __init__(self, max_epochs: int, **_: object) -> None:
        self.max_epochs = max_epochs

    def fit(self, module: Any, train: DataLoader, valid: DataLoader | None) -> None:
        assert valid is None or len(valid)
        module.trainer = self
        optimizer = module.configure_optimizers()
        for _ in range(self.max_epochs):
            for number, batch in enumerate(train):
                optimizer.zero_grad()
                module.training_step(batch, number).backward()
                optimizer.step()

    def predict(self, module: Any, loader: DataLoader) -> list[torch.Tensor]:
        with torch.inference_mode():
            return [module.predict_step(batch, number) for number, batch in enumerate(loader)]


def library() -> SimpleNamespace:
    """Return Lightning's module and trainer, or those that stand in for them."""
    if not INSTALLED:
        return SimpleNamespace(LightningModule=nn.Module, Trainer=StandIn)
    import pytorch_lightning

    return pytorch_lightning


LIBRARY = library()


class Line(LIBRARY.LightningModule):
    """It learns on which side of a line a point is."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.layer = nn.Linear(2, 2)

    def training_step(self, batch: Any, _number: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def predict_step(self, batch: Any, _number: int) -> torch.Tensor:
        return self.layer(batch[0]).argmax(dim=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.rate)


@dataclass(frozen=True)
class Options:
    """What can be turned."""

    epochs: int = greenbench.knob(3, least=1, proof=lambda module: module.trainer.max_epochs)
    rate: float = greenbench.knob(0.5, proof=lambda module: module.rate)
    batch_rows: int = 16


def load(seed: int, sizes: WantedRows) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], ...]:
    """Draw points and their side."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for size in sizes:
        points = torch.randn(size or 64, 2, generator=generator)
        parts.append(list(zip(points, (points.sum(dim=1) > 0).long(), strict=True)))
    return tuple(parts)


def trainer(options: Options) -> Any:
    """Return a trainer that writes nothing."""
    silent = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return LIBRARY.Trainer(max_epochs=options.epochs, accelerator="cpu", **silent)


def score(rows: list[Any], found: Any) -> dict[str, list[bool]]:
    """Return which rows are right."""
    return {"accuracy": [int(row[1]) == p for row, p in zip(rows, found, strict=True)]}


TASK = LightningTask(
    module=lambda options: Line(options.rate),
    trainer=trainer,
    loader=lambda rows, options, training: DataLoader(
        rows, batch_size=options.batch_rows, shuffle=training
    ),
    load=load,
    score=score,
    PRIMARY="accuracy",
    HIGHER_IS_BETTER=True,
    Options=Options,
)


@pytest.mark.filterwarnings("ignore")
def test_a_module_is_fitted_asked_and_its_knobs_are_read_back() -> None:
    """Its trainer proves the epochs; predictions of all batches stand in the rows' order."""
    judged, applied = one_round(TASK, WantedRows(96, 16, 40), "training.epochs", 5)
    assert judged.quality["accuracy"].value > 0.85
    proofs = {proof.knob: (proof.got, proof.holds, proof.proved) for proof in applied}
    assert proofs == {
        "epochs": (5, True, True),
        "rate": (0.5, True, True),
        "batch_rows": (None, True, False),
    }
