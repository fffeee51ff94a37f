"""A task of plain functions on NumPy alone: which of three centres a point is near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import greenbench

PRIMARY = "accuracy"
HIGHER_IS_BETTER = {"accuracy": True, "distance": False, "worst": False}


@dataclass(frozen=True)
class Options:
    """What can be turned."""

    steps: int = greenbench.knob(20, least=1, proof=lambda model: model["steps"])
    rate: float = 0.5
    scale: float = greenbench.knob(1.0, stage="data", above=0)


@greenbench.proof("scale")
def scale_of(data: object) -> float:
    """Read the scale back from the prepared rows."""
    return float(data.train[2][0])


def load(seed: int, sizes: tuple[int | None, ...]) -> tuple[object, ...]:
    """Draw points around three centres."""
    random = np.random.default_rng(seed)
    splits = []
    for size in sizes:
        count = 90 if size is None else size
        labels = random.integers(0, 3, count)
        splits.append((random.normal(labels, 0.4), labels))
    return tuple(splits)


def prepare(options: Options, data: object, seed: int) -> tuple[object, ...]:  # noqa: ARG001
    """Scale the points, and keep the scale beside them."""
    return tuple((x * options.scale, y, np.full(len(x), options.scale)) for x, y in data)


def train(options: Options, data: object, seed: int) -> dict[str, object]:
    """Move each centre towards its points."""
    points, labels, _ = data.train
    centres = np.random.default_rng(seed).normal(size=3)
    for _ in range(options.steps):
        for label in range(3):
            centres[label] += options.rate * (points[labels == label].mean() - centres[label])
    return {"centres": centres, "steps": options.steps}


def predict(model: dict[str, object], rows: tuple[np.ndarray, ...], options: Options) -> np.ndarray:  # noqa: ARG001
    """Return the nearest centre."""
    return abs(rows[0][:, None] - model["centres"]).argmin(axis=1)


def score(rows: tuple[np.ndarray, ...], predictions: np.ndarray) -> dict[str, object]:
    """Two scores by row, and one number."""
    off = abs(predictions - rows[1])
    return {"accuracy": predictions == rows[1], "distance": off, "worst": off.max()}


def baselines(data: object) -> dict[str, np.ndarray]:
    """Answer with the middle, always."""
    return {"middle": np.ones(len(data.test[0]), int)}
