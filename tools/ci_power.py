"""Simulates jobs of ``greenbench ci``, judges them as it does, and prints their error rates.

    python tools/ci_power.py                                     # white noise of 5 %, 1 to 8 cells
    python tools/ci_power.py --noise states drift --cells 2 --blocks 16 --jobs 400
    python tools/ci_power.py --tolerance 1.05                    # the gate energy <= 1.05*saved

Joules of a round are lognormal around those of its cell; base and change run in turns, and what the
machine does meanwhile is in the names of ``NOISES``. One cell of the change takes 10 % more, or
none does. Beside greenbench stands the rule to fail if the least of the change's rounds is above
the greatest of the base's, on the same draws: the first 3 and the first 10 blocks.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from greenbench.gates.expression import parse
from greenbench.gates.verdict import Measured
from greenbench.results.reading import CellRecord, RunHeader
from greenbench.run.change import judging
from tools import power_check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenbench.gates.verdict import Verdict

WHITE = "white-5"
"""Independent noise of 5 %, as the promise of docs/ci.md has it."""
NOISES = [WHITE, *power_check.NOISES]
FEW, MANY = 3, 10
"""Blocks of the rule that is shown beside."""


class Sides(NamedTuple):
    """The cells of both sides after a set of blocks, and the joules of the cell that may differ."""

    head: Mapping[str, Measured]
    base: Mapping[str, Measured]
    joules: tuple[list[float], list[float]]


class Counts(NamedTuple):
    """How many of some jobs failed, by greenbench and by the rule beside it."""

    confirmed: int
    first: int
    few: int
    many: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWorld:
    """Draws jobs of one kind of noise."""

    noise: str
    cells: int
    blocks: int
    tolerance: float
    random: np.random.Generator

    def counts(self, jobs: int, change: float) -> Counts:
        """Return how many of ``jobs`` fail if a cell takes ``change`` times as much."""
        confirmed = first = few = many = 0
        for _ in range(jobs):
            sides = self.measured(change)
            verdicts = self.judged(sides)
            alarms = [verdict for verdict in verdicts if judging.is_alarm(verdict)]
            few += overlap_free(sides, FEW)
            many += overlap_free(sides, MANY)
            first += bool(alarms)
            confirmed += bool(alarms) and self.is_confirmed(verdicts, alarms, change)
        return Counts(confirmed, first, few, many)

    def judged(self, sides: Sides) -> list[Verdict]:
        """Return the verdicts of one set of blocks."""
        gate = parse(f"energy <= {self.tolerance}*saved")
        return judging.verdicts_on([gate], sides.head, sides.base, base_name="base")

    def is_confirmed(self, first: list[Verdict], alarms: list[Verdict], change: float) -> bool:
        """Whether a fresh set of blocks confirms any alarm."""
        sides = self.measured(change)
        second = judging.verdicts_on_alarms(alarms, sides.head, sides.base, base_name="base")
        return any(verdict.fails() for verdict in judging.confirmed(first, second))

    def measured(self, change: float) -> Sides:
        """Draw a set of blocks: base, change, change, base, and so on."""
        names = [f"T2-V{number}_cell" for number in range(self.cells)]
        count = 2 * self.cells * self.blocks
        if self.noise == WHITE:
            noise = self.random.normal(0, 0.05, count)
        else:
            noise = power_check.NOISES[self.noise](self.random, count)
        rounds: dict[str, dict[str, list[dict[str, Any]]]] = {"base": {}, "head": {}}
        position = 0
        for block in range(self.blocks):
            for side in ("head", "base") if block % 2 else ("base", "head"):
                for name in names:
                    factor = change if side == "head" and name == names[-1] else 1.0
                    joules = 100 * factor * float(np.exp(noise[position]))
                    place = {"block": block, "position": position}
                    one_round = {**power_check.one_round(block, joules), **place}
                    rounds[side].setdefault(name, []).append(one_round)
                    position += 1
        head, base = cells_of(rounds["head"]), cells_of(rounds["base"])
        return Sides(head, base, (joules_of(head[names[-1]]), joules_of(base[names[-1]])))


def cells_of(rounds: Mapping[str, list[dict[str, Any]]]) -> dict[str, Measured]:
    """Return the cells of a side, whose session is that of the other side."""
    header = RunHeader(profile="simulated", environment={"device": "cpu"}, session_id="a job")
    cells = {}
    for name, of_cell in rounds.items():
        record = CellRecord.of(power_check.cell_record(name, of_cell))
        cells[name] = Measured(record=record, header=header)
    return cells


def joules_of(cell: Measured) -> list[float]:
    """Return the joules of a cell's rounds."""
    return [one_round.whole.energy.total_j or 0.0 for one_round in cell.record.rounds]


def overlap_free(sides: Sides, blocks: int) -> bool:
    """Whether the least of the change's first rounds is above the greatest of the base's."""
    head, base = sides.joules
    return min(head[:blocks]) > max(base[:blocks])


def main() -> None:
    """Simulate and print."""
    options = arguments()
    shown = f"energy <= {options.tolerance}*saved"
    print(f"{options.jobs} jobs each, gate {shown}, 10 % more in one cell, seed {options.seed}")
    rule = f"min-max, {FEW} rounds | min-max, {MANY} rounds"
    print(f"| noise | cells x blocks | false alarms | first set alone | found | {rule} |")
    print("|---|---|---|---|---|---|---|")
    for noise in options.noise:
        for cells in options.cells:
            world = JobWorld(
                noise=noise,
                cells=cells,
                blocks=options.blocks,
                tolerance=options.tolerance,
                random=np.random.default_rng(options.seed),
            )
            print(line(world, options.jobs), flush=True)


def line(world: JobWorld, jobs: int) -> str:
    """Return a line of the table: of unchanged jobs, then of those with a loss."""
    still, lost = world.counts(jobs, 1.0), world.counts(jobs, power_check.CHANGE)
    counts = (still.confirmed, still.first, lost.confirmed, lost.few, lost.many)
    shares = [f"{count / jobs:.1%}" for count in counts]
    return f"| {world.noise} | {world.cells}x{world.blocks} | {' | '.join(shares)} |"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=[WHITE])
    parser.add_argument("--cells", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--blocks", type=int, default=16)
    parser.add_argument("--tolerance", type=float, default=1.0)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
