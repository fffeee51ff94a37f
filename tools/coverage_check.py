"""Simulates sessions of known truth, and prints how often the printed ``+-`` contains it.

    python -m tools.coverage_check                                   # all noises, 20 cells
    python -m tools.coverage_check --cells 8 --noise states lasting  # a smaller session
    python -m tools.coverage_check --order off                       # all rounds of a cell in a row

Each session is summed up by greenbench's own code, once as at its end (by all rounds together), and
once by each cell's rounds alone, as they stand while the session runs. The truth is the expected
value of a cell's joules over the noise, at any time of the session. What happens once in a session
(a drift, a single switch) has no expected value that a session could know: there the truth is the
mean over the time of this session.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from greenbench.run.blocks import interleaved
from greenbench.stats.session_noise import SeriesOfRounds, spreads
from greenbench.stats.uncertainty import RoundValues
from tools.power_check import NOISES, drift_course, switch_course, white

if TYPE_CHECKING:
    from greenbench.types import Quantity
    from tools.power_check import Array

BLOCKS = (3, 5, 10)
JOULES = 100.0
COURSES = {"drift": drift_course, "one-switch": switch_course}
"""Noises whose truth differs from session to session: what comes to the white noise there."""
FOR_THE_TRUTH = 4000
"""Sessions that are averaged for the truth of the other noises."""


class Coverage(NamedTuple):
    """Shares of intervals that contain the truth, and their typical half-width."""

    together: float
    alone: float
    width: float
    """Median of the half-widths together, relative to the mean."""


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", nargs="+", choices=list(NOISES), default=list(NOISES))
    parser.add_argument("--blocks", nargs="+", type=int, default=list(BLOCKS))
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--order", choices=("blocks", "random", "fixed", "off"), default="blocks")
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.sessions} sessions of {options.cells} cells each, order {options.order}")
    print("together (by each cell's rounds alone), half-width together")
    print(f"| noise | {' | '.join(f'{blocks} blocks' for blocks in options.blocks)} |")
    print("|---" * (len(options.blocks) + 1) + "|")
    for noise in options.noise:
        texts = []
        for blocks in options.blocks:
            world = KnownWorld(noise, options.cells, blocks, options.order, options.seed)
            found = world.coverage(options.sessions)
            shares = f"{100 * found.together:.1f} % ({100 * found.alone:.0f} %)"
            texts.append(f"{shares}, {100 * found.width:.1f} %")
        print(f"| {noise} | {' | '.join(texts)} |", flush=True)


class KnownWorld:
    """Draws sessions of one kind of noise, whose truth is known."""

    def __init__(self, noise: str, cells: int, blocks: int, order: str, seed: int) -> None:
        """Keep what a session looks like."""
        self.noise, self.cells, self.blocks = noise, cells, blocks
        if order == "off":
            places = [(cell, block) for cell in range(cells) for block in range(blocks)]
        else:
            places = interleaved(list(range(cells)), [blocks] * cells, order, seed)
        self._labels = np.array([cell for cell, _ in places])
        self._random = np.random.default_rng(seed)
        drawn = [self._drawn()[0].mean() for _ in range(FOR_THE_TRUTH)]
        self._expected = float(np.mean(drawn))

    def coverage(self, sessions: int) -> Coverage:
        """Return how often the intervals of so many sessions contain the truth."""
        together = alone = 0
        widths = []
        for _ in range(sessions):
            joules, course = self._drawn()
            truth = self._expected if course is None else course
            for mean, by_itself in self.means(joules):
                together += contains(mean, truth)
                alone += contains(by_itself, truth)
                widths.append((mean.uncertainty or 0.0) / (mean.value or 1.0))
        count = sessions * self.cells
        return Coverage(together / count, alone / count, float(np.median(widths)))

    def means(self, joules: Array) -> list[tuple[Quantity, Quantity]]:
        """Return the mean of each cell by all rounds together, and by its own alone."""
        series = []
        for cell in range(self.cells):
            places = np.flatnonzero(self._labels == cell)
            values = tuple(joules[places].tolist())
            series.append(SeriesOfRounds(values, tuple(places.tolist()), float(np.mean(values))))
        shown = spreads(series) or [None] * self.cells
        pairs = []
        for of_cell, spread in zip(series, shown, strict=True):
            rounds = RoundValues(values=of_cell.values, causes=({},) * self.blocks)
            pairs.append((rounds.mean(spread), rounds.mean()))
        return pairs

    def _drawn(self) -> tuple[Array, float | None]:
        """Return the joules of a session's rounds in their order, and the truth of its course."""
        random, count = self._random, len(self._labels)
        truth = None
        if self.noise in COURSES:
            course = COURSES[self.noise](random, count)
            truth = JOULES * float(np.exp(course).mean())
            noise = course + white(random, count)
        else:
            noise = NOISES[self.noise](random, count)
        if self.noise == "unequal":
            noise = noise * random.lognormal(0, 0.6, self.cells)[self._labels]
        joules: Array = JOULES * np.exp(noise)
        return joules, truth


def contains(mean: Quantity, truth: float) -> bool:
    """Whether the interval contains ``truth``."""
    return abs((mean.value or 0.0) - truth) <= (mean.uncertainty or 0.0)


if __name__ == "__main__":
    main()
