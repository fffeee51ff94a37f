"""Simulates sessions whose interactions are known, and prints how often greenbench is right.

    python -m tools.additivity_check                              # all effects, white and blocks
    python -m tools.additivity_check --noise states drift --sessions 200
    python -m tools.additivity_check --layout matrix --blocks 3 5 10

The layouts: ``factorial``, all 16 combinations of four knob sets; ``reuse``, the same with one
training for each setting of data and training in a block, which the other cells take over;
``matrix``, V0 to V4 and the combinations V5 and V6. Each round has four stages. Noises are those of
``tools.power_check``, which strike the stages of a round alike, with 2 % in each stage alone; in
``blocks`` each block is up to 10 % and each of its stages up to 3 % off besides.

Counted over sessions, for the default null: how often an interval contains the true ratio of
observed to expected (each, and all of a session at once), how often some combination that is
additive is called sub- or super-additive, and how often one that is not (beyond 5 %) is called
additive; for pairs of knobs in a stage how often some pair without an effect is called one, and how
often the planted one is found; and how often the intervals of the Shapley values in joules contain
all true ones.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from greenbench.analysis import nulls
from greenbench.analysis.additivity import TOLERANCE, WORDS, additivity
from greenbench.analysis.attribution import attribution, lattices, weights
from greenbench.analysis.combining import combinations
from greenbench.analysis.evidence import AnalysedCell, BlockKey, TaskEvidence
from greenbench.analysis.fits import fit_stages
from greenbench.analysis.pairs import pair_effects
from greenbench.run.blocks import interleaved
from greenbench.types import Energy, Round, Window
from tools.power_check import NOISES, white

if TYPE_CHECKING:
    from greenbench.analysis.fits import StageFit
    from greenbench.analysis.simultaneous import Bounded
    from tools.power_check import Array

STAGES = ("data", "architecture", "training", "inference")
JOULES = np.log([8.0, 2.0, 60.0, 30.0])
KNOBS = ("data.tokenizer", "training.precision", "inference.skip_layers", "architecture.quantizer")
ALONE = np.log(
    [
        [0.4, 1.0, 1.0, 1.0],
        [1.0, 1.0, 0.6, 1.0],
        [1.0, 1.2, 1.0, 0.7],
        [1.0, 1.5, 1.0, 0.8],
    ]
)
"""What each knob set multiplies the joules of each stage by."""
LAYOUTS = ("factorial", "reuse", "matrix")
EFFECTS = ("none", "sub", "super", "planted")
"""Nothing; all combinations take 8 % more or less a further part; training and inference meet."""
MATRIX = ((), (0,), (1,), (2,), (3,), (0, 1), (0, 1, 2))
STAGE_NOISE = 0.02
TRAINING = STAGES.index("training")
DECIDE_TRAINING = (0, 1)


@dataclass(slots=True)
class Tally:
    """Counts over sessions."""

    sessions: int = 0
    intervals: int = 0
    each: int = 0
    together: int = 0
    alarms: int = 0
    wrong: int = 0
    found: int = 0
    effects: int = 0
    pair_sessions: int = 0
    """Sessions whose pairs were counted."""
    pair_alarms: int = 0
    pairs_found: int = 0
    planted: int = 0
    shares: int = 0
    shares_right: int = 0

    def line(self) -> str:
        """Return the shares as columns of a table."""
        shares = [
            self.each / self.intervals,
            self.together / self.sessions,
            self.alarms / self.sessions,
            self.wrong / self.sessions,
        ]
        texts = [f"{100 * share:.1f} %" for share in shares]
        found = f"{100 * self.found / self.effects:.0f} %" if self.effects else "-"
        alarms = "-"
        if self.pair_sessions:
            alarms = f"{100 * self.pair_alarms / self.pair_sessions:.1f} %"
        pairs = f"{100 * self.pairs_found / self.planted:.0f} %" if self.planted else "-"
        shapley = f"{100 * self.shares_right / self.shares:.1f} %"
        texts += [found, alarms, pairs, shapley]
        return " | ".join(texts)


@dataclass(slots=True)
class KnownSession:
    """Draws sessions of one kind."""

    layout: str
    effect: str
    noise: str
    blocks: int
    random: np.random.Generator
    cells: tuple[tuple[int, ...], ...] = field(init=False)
    means: Array = field(init=False)

    def __post_init__(self) -> None:
        """Compute the true means."""
        self.cells = MATRIX
        if self.layout != "matrix":
            sizes = range(len(KNOBS) + 1)
            self.cells = tuple(c for n in sizes for c in itertools.combinations(range(4), n))
        rows = []
        for cell in self.cells:
            row = self._mean(cell)
            if self.layout == "reuse":
                row[TRAINING] = self._mean(trained_as(cell))[TRAINING]
            rows.append(row)
        self.means = np.array(rows)

    def _mean(self, cell: tuple[int, ...]) -> Array:
        mean: Array = JOULES + ALONE[list(cell)].sum(axis=0) + self._interaction(cell)
        return mean

    @property
    def meeting(self) -> int:
        """The stage in which training and inference meet, if they do; never one that is shared."""
        return STAGES.index("inference") if self.layout == "reuse" else TRAINING

    def _interaction(self, cell: tuple[int, ...]) -> Array:
        extra = np.zeros(len(STAGES))
        further = max(0, len(cell) - 1)
        if self.effect in {"sub", "super"}:
            extra += np.log(1.08 if self.effect == "sub" else 0.92) * further
        if self.effect == "planted" and {1, 2} <= set(cell):
            extra[self.meeting] = np.log(1.25)
        return extra

    def evidence(self) -> TaskEvidence:
        """Draw a session."""
        count = len(self.cells)
        order = interleaved(list(range(count)), [self.blocks] * count, "blocks", 0)
        noise = self._noise(len(order))
        scales = np.ones(count)
        if self.noise == "unequal":
            scales = self.random.lognormal(0, 0.6, count)
        by_block = np.zeros((self.blocks, len(STAGES)))
        if self.noise == "blocks":
            by_block += self.random.uniform(-0.1, 0.1, (self.blocks, 1))
            by_block += self.random.uniform(-0.03, 0.03, by_block.shape)
        cells = {}
        for number, on in enumerate(self.cells):
            known = frozenset((KNOBS[knob], "on") for knob in on)
            cells[f"T2-V{number}"] = AnalysedCell(id=f"T2-V{number}", on=known)
        trainings: dict[tuple[object, ...], tuple[float, str]] = {}
        for position, (number, block) in enumerate(order):
            own = noise[position] + self.random.normal(0, STAGE_NOISE, len(STAGES))
            joules = np.exp(self.means[number] + by_block[block] + scales[number] * own)
            one_round = made_round(block, position, joules)
            if self.layout == "reuse":
                one_round = self._taken_over(one_round, number, trainings)
            cells[f"T2-V{number}"].rounds[BlockKey(0, block)] = one_round
        return TaskEvidence(task="T2", baseline=cells["T2-V0"], cells=cells, newest={}, left_out=())

    def _taken_over(
        self, one_round: Round, number: int, trainings: dict[tuple[object, ...], tuple[float, str]]
    ) -> Round:
        """Return the round with the training of the first cell of the block that trains alike."""
        name = f"T2-V{number}"
        joules = [window.energy.cpu_j or 0.0 for window in one_round.windows]
        key = (one_round.block, *trained_as(self.cells[number]))
        joules[TRAINING], origin = trainings.setdefault(key, (joules[TRAINING], name))
        shared = made_round(one_round.block or 0, one_round.position or 0, np.array(joules))
        return replace(shared, origins={"training": {"cell": origin}})

    def _noise(self, count: int) -> Array:
        if self.noise == "blocks":
            return white(self.random, count)
        return NOISES[self.noise](self.random, count)


def trained_as(cell: tuple[int, ...]) -> tuple[int, ...]:
    """Return the knob sets that decide a cell's training: data's and its own."""
    return tuple(knob for knob in cell if knob in DECIDE_TRAINING)


def made_round(block: int, position: int, joules: Array) -> Round:
    """Return a round with these joules in its stages."""
    windows = []
    for stage, value in zip(STAGES, joules.tolist(), strict=True):
        windows.append(Window(stage=stage, seconds=value, energy=Energy(cpu_j=value)))
    total = float(joules.sum())
    whole = Window(stage="whole", seconds=total, energy=Energy(cpu_j=total))
    return Round(seed=block, whole=whole, windows=tuple(windows), block=block, position=position)


def check(session: KnownSession, sessions: int) -> Tally:
    """Return how often the intervals and verdicts of combinations are right."""
    tally = Tally()
    for _ in range(sessions):
        evidence = session.evidence()
        combined, _ = combinations(evidence)
        fitted = fit_stages(evidence, "energy")
        if isinstance(fitted, str):
            raise TypeError(fitted)
        results = additivity(fitted, combined).combinations
        numbers = {f"T2-V{n}": n for n in range(len(session.cells))}
        tally.sessions += 1
        right, alarm, wrong = [], False, False
        for one in results:
            parts = [numbers[part] for part in one.parts]
            there = nulls.expected("stages", session.means, parts)
            here = nulls.observed(session.means, numbers[one.cell])
            truth = float(np.exp(here.value - there.value)) if there else 0.0
            stages = one.expected[0]
            right.append(holds(stages.change, truth))
            is_additive = np.isclose(truth, 1)
            alarm |= is_additive and stages.verdict in WORDS
            wrong |= abs(truth - 1) > TOLERANCE and stages.verdict == "additive"
            tally.effects += not is_additive
            tally.found += not is_additive and stages.verdict in WORDS
        tally.intervals += len(right)
        tally.each += sum(right)
        tally.together += all(right)
        tally.alarms += alarm
        tally.wrong += wrong
        count_pairs(session, evidence, fitted, tally)
        count_shares(session, evidence, fitted, tally)
    return tally


def count_pairs(
    session: KnownSession, evidence: TaskEvidence, fitted: StageFit, tally: Tally
) -> None:
    """Count whether a pair without an effect is called one, and whether the planted pair is."""
    if session.effect in {"sub", "super"}:
        return  # effects of three parts, which pairs do not describe
    alarm = False
    for one in pair_effects(fitted, evidence):
        called = one.verdict in WORDS
        stages = (one.first.stage, one.second.stage, one.stage)
        meeting = ("inference", "training", STAGES[session.meeting])
        if session.effect == "planted" and stages == meeting:
            tally.planted += 1
            tally.pairs_found += called
        else:
            alarm |= called
    tally.pair_sessions += 1
    tally.pair_alarms += alarm


def holds(interval: Bounded | None, truth: float) -> bool:
    """Whether an interval contains the truth."""
    return interval is not None and interval.low <= truth <= interval.high


def count_shares(
    session: KnownSession, evidence: TaskEvidence, fitted: StageFit, tally: Tally
) -> None:
    """Count whether all Shapley values of the largest combination lie in their intervals."""
    combined, _ = combinations(evidence)
    complete, _ = lattices(evidence, combined)
    lattice = complete[0]
    found = attribution(fitted, lattice)
    totals = np.exp(session.means).sum(axis=1)
    right = found is not None
    for number, own in enumerate(weights(len(lattice.parts))):
        truth = 0.0
        for chosen, weight in own.items():
            cell = lattice.cells[chosen]
            truth -= weight * float(totals[int(cell.removeprefix("T2-V"))])
        right &= found is not None and holds(found.parts[number].amount, truth)
    tally.shares += 1
    tally.shares_right += right


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    noises = ["white", "blocks", *(name for name in NOISES if name != "white")]
    parser.add_argument("--noise", nargs="+", choices=noises, default=["white", "blocks"])
    parser.add_argument("--effect", nargs="+", choices=EFFECTS, default=list(EFFECTS))
    parser.add_argument("--layout", nargs="+", choices=LAYOUTS, default=list(LAYOUTS))
    parser.add_argument("--blocks", nargs="+", type=int, default=[5])
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    columns = ("layout", "blocks", "noise", "effect", "each interval covers", "all cover")
    columns += ("false alarms", 'wrong "additive"', "found", "pairs: false alarms")
    columns += ("pairs: found", "Shapley values covered")
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    asked = itertools.product(options.layout, options.blocks, options.noise, options.effect)
    for layout, blocks, noise, effect in asked:
        random = np.random.default_rng(options.seed)
        session = KnownSession(layout, effect, noise, blocks, random)
        tally = check(session, options.sessions)
        print(f"| {layout} | {blocks} | {noise} | {effect} | {tally.line()} |", flush=True)


if __name__ == "__main__":
    main()
