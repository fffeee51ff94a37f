"""A task of plain functions that is right, and one for each way to be wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import greenbench

WORDS = [f"word{number}" for number in range(200)]


@dataclass(frozen=True)
class StepOptions:
    """One knob that is proved."""

    steps: int = greenbench.knob(8, least=1, most=64, proof=lambda model: model["steps"])
    sides: str = greenbench.knob("two", choices=("one", "two"), proof=lambda model: model["sides"])


class Threshold:
    """Tells numbers above 0.5 from others by a threshold that bisection finds."""

    PRIMARY = "accuracy"
    HIGHER_IS_BETTER: Any = True
    Options = StepOptions

    def load(self, seed: int, sizes: Any) -> Any:
        """Draw numbers that are all different."""
        rows = self.rows(random.Random(seed))
        train, valid, test = (size or 40 for size in sizes)
        del valid
        return rows[:train], rows[train : train + 20], rows[train + 20 : train + 20 + test]

    def rows(self, generator: random.Random) -> list[list[Any]]:
        """Return pairs of a number and whether it is large."""
        numbers = [generator.random() for _ in range(200)]
        return [[number, number > 0.5] for number in numbers]

    def train(self, options: Any, data: Any, seed: int) -> dict[str, Any]:
        """Find the threshold."""
        del seed
        low, high = 0.0, 1.0
        for _ in range(options.steps):
            middle = (low + high) / 2
            above = [number for number, _large in data.train if number <= middle]
            large = [number for number, large in data.train if large]
            low, high = (low, middle) if min(large) in above else (middle, high)
        return {"threshold": low, "steps": options.steps, "sides": options.sides}

    def predict(self, model: dict[str, Any], rows: Any, options: Any) -> list[Any]:
        """Compare with the threshold."""
        del options
        return [number > model["threshold"] for number, _large in rows]

    def score(self, rows: Any, predictions: Any) -> dict[str, Any]:
        """Return for each row whether it is right."""
        pairs = zip(rows, predictions, strict=True)
        return {"accuracy": [float(row[1] == prediction) for row, prediction in pairs]}

    def baselines(self, data: Any) -> dict[str, Any]:
        """Answer "not large" to all."""
        return {"constant": [False] * len(data.test)}


class Lower(Threshold):
    """The same with an error, of which less is better, that is one number."""

    PRIMARY = "error"
    HIGHER_IS_BETTER: Any = False

    def score(self, rows: Any, predictions: Any) -> dict[str, Any]:
        """Return the share of wrong answers."""
        right = super().score(rows, predictions)["accuracy"]
        return {"error": 1 - sum(right) / len(right)}


class NoScore(Threshold):
    """There is nothing to judge by."""

    score: Any = None


class OtherPrimary(Threshold):
    """The primary score is none of those that ``score`` gives."""

    PRIMARY = "recall"


class NoDirection(Threshold):
    """Whether more is better is not said."""

    HIGHER_IS_BETTER: Any = None


class NoSecondDirection(Threshold):
    """It is not said of a further score."""

    def score(self, rows: Any, predictions: Any) -> dict[str, Any]:
        """Give one more score."""
        return {**super().score(rows, predictions), "loss": 0.5}


class UnseededSplit(Threshold):
    """The split is another one at each call."""

    def rows(self, generator: random.Random) -> list[list[Any]]:
        """Draw from the clock."""
        del generator
        return super().rows(random.SystemRandom())


class LeakingSplit(Threshold):
    """Test rows are in training too."""

    def load(self, seed: int, sizes: Any) -> Any:
        """Take three test rows from training."""
        train, valid, test = super().load(seed, sizes)
        return train, valid, [*train[:3], *test]


class NearRows(Threshold):
    """Some test texts are a training text with one word changed."""

    def rows(self, generator: random.Random) -> list[list[Any]]:
        """Return texts of 40 words, with a number that tells the class."""
        rows = []
        for number, large in super().rows(generator):
            rows.append([number, large, " ".join(generator.choices(WORDS, k=40))])
        rows[60][2] = f"{rows[0][2]} indeed"
        return rows

    def train(self, options: Any, data: Any, seed: int) -> dict[str, Any]:
        """Leave the texts out."""
        train = [row[:2] for row in data.train]
        return super().train(options, data._replace(train=train), seed)

    def predict(self, model: dict[str, Any], rows: Any, options: Any) -> list[Any]:
        """Leave the texts out."""
        return super().predict(model, [row[:2] for row in rows], options)


class FewPredictions(Threshold):
    """A prediction is missing."""

    def predict(self, model: dict[str, Any], rows: Any, options: Any) -> list[Any]:
        """Forget the last row."""
        return super().predict(model, rows, options)[:-1]


class NotANumber(Lower):
    """The score is NaN."""

    def score(self, rows: Any, predictions: Any) -> dict[str, Any]:
        """Divide nothing by nothing, as NumPy does."""
        del rows, predictions
        return {"error": float("nan")}


class BeatenByDummy(Threshold):
    """A constant answer scores as well."""

    def predict(self, model: dict[str, Any], rows: Any, options: Any) -> list[Any]:
        """Be wrong wherever the model is right."""
        return [not answer for answer in super().predict(model, rows, options)]


class ErrorOfDummy(BeatenByDummy, Lower):
    """A constant answer has a smaller error."""


class ChangesTestRows(Threshold):
    """Training scales the test rows in place."""

    def train(self, options: Any, data: Any, seed: int) -> dict[str, Any]:
        """Write into rows that others use too."""
        data.test[0][0] = 0.75
        data.test[0][1] = True
        return super().train(options, data, seed)


class IgnoredKnob(Threshold):
    """A knob is declared, and training does not read it."""

    def train(self, options: Any, data: Any, seed: int) -> dict[str, Any]:
        """Use V0's number of steps."""
        return super().train(StepOptions(), data, seed) | {"sides": options.sides}


@dataclass(frozen=True)
class UnprovedOptions:
    """Two knobs that nothing reads back."""

    steps: int = greenbench.knob(8, least=1)
    sides: str = "two"


class Unproved(Threshold):
    """Its knobs are unproved."""

    Options: Any = UnprovedOptions


class Raises(Threshold):
    """Training fails."""

    def train(self, options: Any, data: Any, seed: int) -> dict[str, Any]:
        """Look for what is not there."""
        del options, data
        raise KeyError(seed)
