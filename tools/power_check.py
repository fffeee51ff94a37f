"""Simulates sessions, judges them with greenbench's own gates, and prints their error rates.

    python tools/power_check.py                                  # all noises, V0, 8 cells x 5
    python tools/power_check.py --order off                      # all rounds of a cell in a row
    python tools/power_check.py --layout 20x2 40x3 --noise states drift --sessions 1000
    python tools/power_check.py --against saved                  # compared with an earlier run
    python tools/power_check.py --layout 8x3 --until-sure 8      # until settled, at most 8 blocks
    python tools/power_check.py --against saved --without-v0 --between 0.05 --earlier 3

Joules of a round are lognormal around those of its cell; what the machine does is in the names of
``NOISES``. No reference kernel sees it. ``--between`` is the standard deviation by which sessions
differ as a whole, beyond that, and ``--earlier`` the number of further sessions of the saved run's
code, by which greenbench may estimate it. Three things are counted over the sessions of a line:

- false alarms: nothing changed, and with ``energy <= 1.0*REFERENCE`` some cell is REGRESSED;
- wrong PASS: one cell takes 10 % more, and passes ``energy <= 1.05*REFERENCE``;
- found: that cell is REGRESSED, by a gate of 1.0 and by one of 1.05.

With ``--until-sure`` a session goes on with the cells that are open, and V0, as the plugin does. It
also prints the rounds that were measured, as a share of those of a session that does all blocks. A
drift or a switch is spread over the most rounds that the session may have.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from greenbench.gates.expression import parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.gates.sequential import Standing
from greenbench.gates.verdict import Measured, Verdict
from greenbench.results.reading import CellRecord, RunHeader
from greenbench.run.blocks import interleaved
from greenbench.stats.looks import Looks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from greenbench.gates.expression import Gate

    Array = NDArray[np.float64]

CHANGE = 1.10
WHITE = 0.03
"""Standard deviation of a round, on the scale of logarithms."""


def main() -> None:
    """Simulate and print."""
    options = arguments()
    print(f"{options.sessions} sessions each, order {options.order}, seed {options.seed}")
    heading = "| noise | cells x blocks | false alarms | wrong PASS | found, 1.0 | found, 1.05 |"
    if options.until_sure:
        heading += " measured: unchanged, 1.0 | changed, 1.0 | changed, 1.05 |"
    print(heading)
    print("|---" * (heading.count("|") - 1) + "|")
    for name in options.noise:
        for layout in options.layout:
            cells, blocks = map(int, layout.split("x"))
            looks = Looks(blocks, options.until_sure) if options.until_sure else None
            world = World(name, cells, blocks, options.order, options.seed, looks)
            world.between, world.earlier = options.between, options.earlier
            world.with_v0 = not options.without_v0
            print(line(world, options.sessions, options.against), flush=True)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", nargs="+", choices=list(NOISES), default=list(NOISES))
    parser.add_argument("--layout", nargs="+", default=["8x5"], metavar="CELLSxBLOCKS")
    parser.add_argument("--order", choices=("blocks", "random", "fixed", "off"), default="blocks")
    parser.add_argument("--against", choices=("V0", "saved"), default="V0")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-v0", action="store_true")
    parser.add_argument("--between", type=float, default=0.0)
    parser.add_argument("--earlier", type=int, default=0)
    parser.add_argument(
        "--until-sure",
        type=int,
        metavar="MAX",
        help="after the blocks of the layout, measure further ones of open cells, up to MAX",
    )
    return parser.parse_args()


def line(world: World, sessions: int, against: str) -> str:
    """Return a line of the table: how often each thing happened."""
    alarms = passed = found = found_beyond = 0
    for _ in range(sessions):
        world.renew()
        alarms += any(v.outcome == "REGRESSED" for v in world.verdicts(1.0, against, change=1.0))
        (strict,) = world.of_changed(world.verdicts(1.0, against, change=CHANGE))
        (lax,) = world.of_changed(world.verdicts(1.05, against, change=CHANGE))
        passed += lax.outcome == "PASS"
        found += strict.outcome == "REGRESSED"
        found_beyond += lax.outcome == "REGRESSED"
    shares = [f"{count / sessions:.1%}" for count in (alarms, passed, found, found_beyond)]
    for measured in world.measured.values():
        shares.append(f"{np.mean(measured):.0%}")
    return f"| {world.noise} | {world.cells}x{world.size} | {' | '.join(shares)} |"


def white(random: np.random.Generator, count: int) -> Array:
    """Return independent normal noise of 3 %."""
    return random.normal(0, WHITE, count)


def heavy_tailed(random: np.random.Generator, count: int) -> Array:
    """Return t with 3 degrees of freedom, scaled to 3 %."""
    return WHITE / np.sqrt(3) * random.standard_t(3, count)


def skewed(random: np.random.Generator, count: int) -> Array:
    """Return exponential noise of 3 %."""
    return WHITE * (random.exponential(1, count) - 1)


def states(random: np.random.Generator, count: int) -> Array:
    """Return two states 12 % apart, each lasting twelve rounds on average, and noise of 1 %."""
    flips = random.random(count) < 1 / 12
    return 0.12 * ((np.cumsum(flips) + random.integers(2)) % 2) + random.normal(0, 0.01, count)


def one_switch(random: np.random.Generator, count: int) -> Array:
    """Return a state that begins or ends once in the session, 12 % away, and noise of 3 %."""
    return switch_course(random, count) + white(random, count)


def switch_course(random: np.random.Generator, count: int) -> Array:
    """Return that state alone."""
    later = np.arange(count) >= random.integers(count)
    course: Array = random.choice([-0.12, 0.12]) * later
    return course


def drift(random: np.random.Generator, count: int) -> Array:
    """Return a linear drift of 10 % over the session, up or down, and noise of 3 %."""
    return drift_course(random, count) + white(random, count)


def drift_course(random: np.random.Generator, count: int) -> Array:
    """Return that drift alone."""
    course: Array = random.choice([-0.10, 0.10]) * np.arange(count) / count
    return course


def warm_up(random: np.random.Generator, count: int) -> Array:
    """Return a transient of 15 % that decays over a tenth of the session, and noise of 3 %."""
    return 0.15 * np.exp(-np.arange(count) / max(4, count / 10)) + white(random, count)


def outliers(random: np.random.Generator, count: int) -> Array:
    """Return noise of 3 %, and 30 % more in one round of five."""
    return np.log(1.3) * (random.random(count) < 0.2) + white(random, count)  # noqa: PLR2004


def lasting(random: np.random.Generator, count: int) -> Array:
    """Return a state of 5 % whose memory is 0.85 from a round to the next, and noise of 1 %."""
    level = np.empty(count)
    level[0] = random.normal()
    for place in range(1, count):
        level[place] = 0.85 * level[place - 1] + np.sqrt(1 - 0.85**2) * random.normal()
    return 0.05 * level + random.normal(0, 0.01, count)


NOISES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "white": white,
    "heavy-tailed": heavy_tailed,
    "skewed": skewed,
    "states": states,
    "one-switch": one_switch,
    "drift": drift,
    "warm-up": warm_up,
    "outliers": outliers,
    "lasting": lasting,
    "unequal": white,
}
"""``unequal``: the cells' noise is 3 % times a factor that is lognormal with 0.6."""


class World:
    """Draws sessions of one kind of noise, and judges them."""

    def __init__(
        self,
        noise: str,
        cells: int,
        blocks: int,
        order: str,
        seed: int,
        looks: Looks | None = None,
    ) -> None:
        """Keep what a session looks like; with ``looks`` it ends with what is settled."""
        self.noise, self.cells = noise, cells
        self.size = f"{blocks} to {looks.most}" if looks else str(blocks)
        self.between, self.earlier, self.with_v0 = 0.0, 0, True
        self.measured: dict[tuple[float, str], list[float]] = {}
        """With ``looks``, the share of the most rounds that each session had, by true change and
        gate."""
        self._looks = looks
        self._earlier_sessions: list[dict[str, Measured]] = []
        self._names = [f"T2-V{number}_cell" for number in range(cells)]
        self._changed = self._names[cells // 2]
        self._in_blocks = order != "off"
        if self._in_blocks:
            most = looks.most if looks else blocks
            self._order = interleaved(self._names, [most] * cells, order, seed)
        else:
            self._order = [(name, block) for name in self._names for block in range(blocks)]
        self._random = np.random.default_rng(seed)

    def renew(self) -> None:
        """Draw the earlier sessions of the saved run's code anew."""
        self._earlier_sessions = [self._session(1.0, "base") for _ in range(self.earlier)]

    def of_changed(self, verdicts: list[Verdict]) -> list[Verdict]:
        """Return the verdict on the cell that was changed."""
        return [verdict for verdict in verdicts if verdict.cell == self._changed]

    def verdicts(self, factor: float, against: str, *, change: float) -> list[Verdict]:
        """Return the verdicts on one session, compared with another one or with its own V0."""
        saved = self._session(1.0, code="base") if against == "saved" else None
        gate = parse(f"energy <= {factor}*{against}")
        earlier = self._earlier_sessions
        references = References(
            saved=saved,
            saved_name="simulated",
            sessions=lambda name: [session[name] for session in earlier],
        )
        if self._looks is not None:
            return self._until_sure(gate, references, change, self._looks)
        cells = self._session(change)
        if not self.with_v0:
            cells.pop(self._names[0])
        return judge(gate, cells, references)

    def _session(self, change: float, code: str = "head") -> dict[str, Measured]:
        session = Session(self._names, code)
        drawn = self._draws(change)
        for name, block in self._order:
            session.measure(name, block if self._in_blocks else None, drawn)
        return session.cells(None)

    def _until_sure(
        self, gate: Gate, references: References, change: float, looks: Looks
    ) -> list[Verdict]:
        """Judge a session at each look, and measure on what is open, beside V0."""
        session, drawn = Session(self._names, "head"), self._draws(change)
        standing = Standing()
        running, verdicts = set(self._names), []
        for block in range(looks.most):
            for name, of_block in self._order:
                if of_block == block and name in running:
                    session.measure(name, block, drawn)
            if block + 1 < looks.first:
                continue
            verdicts = judge(gate, session.cells(looks), references, standing)
            running = {verdict.cell for verdict in verdicts if verdict.is_open}
            if not running:
                break
            running.add(self._names[0])
        share = session.count / len(self._order)
        self.measured.setdefault((change, gate.text), []).append(share)
        return verdicts

    def _draws(self, change: float) -> Callable[[str, int], float]:
        """Return what gives the joules of a cell's round at a place in one session."""
        noise = NOISES[self.noise](self._random, len(self._order))
        whole = self.between * self._random.normal() if self.between else 0.0
        scales = dict.fromkeys(self._names, 1.0)
        if self.noise == "unequal":
            scales = {name: self._random.lognormal(0, 0.6) for name in self._names}

        def joules(name: str, position: int) -> float:
            factor = change if name == self._changed else 1.0
            return 100 * factor * float(np.exp(whole + scales[name] * noise[position]))

        return joules


class Session:
    """The rounds of one simulated session."""

    def __init__(self, names: list[str], code: str) -> None:
        """Measure nothing yet; ``code`` is the commit."""
        self.count = 0
        self._code = code
        self._rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}

    def measure(self, name: str, block: int | None, joules: Callable[[str, int], float]) -> None:
        """Measure one round of a cell; ``block`` is None if its rounds follow one another."""
        place = {} if block is None else {"block": block, "position": self.count}
        rounds = self._rounds[name]
        rounds.append({**one_round(len(rounds), joules(name, self.count)), **place})
        self.count += 1

    def cells(self, looks: Looks | None) -> dict[str, Measured]:
        """Return the cells as they are now, of one session: its header is an object of its own."""
        environment = {"device": "cpu", "git": {"commit": self._code}}
        header = RunHeader(profile="simulated", environment=environment, looks=looks)
        cells = {}
        for name, rounds in self._rounds.items():
            record = CellRecord.of(cell_record(name, rounds))
            cells[name] = Measured(record=record, header=header)
        return cells


def cell_record(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the record of a cell with these rounds, and nothing else of interest."""
    return {
        "id": name,
        "task": "T2",
        "variant": name.partition("-")[2],
        "status": "ok",
        "model": "simulated",
        "data": {},
        "quality": {},
        "rounds": rounds,
    }


def one_round(seed: int, joules: float) -> dict[str, Any]:
    """Return the record of a round."""
    energy = {
        "total_j": joules,
        "cpu_j": joules,
        "scope": ["cpu"],
        "sources": {"cpu": "simulated:noise"},
        "uncertainty_j": {},
    }
    return {
        "seed": seed,
        "seconds": joules / 10,
        "energy": energy,
        "windows": [],
        "repeats": [],
        "work": {},
    }


if __name__ == "__main__":
    main()
