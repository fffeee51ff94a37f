"""Simulates sessions, judges them with greenbench's own gates, and prints their error rates.

    python tools/power_check.py                          # white noise
    python tools/power_check.py --noise 0.03 --drift 0.02 --sessions 1000 --cells 20

A session has ``cells`` cells of ``rounds`` rounds. Each round's joules are its cell's mean times
lognormal noise. A drift is the machine's, common to a session, and the reference kernel shows it; a
state lasts over rounds and cells, and the reference kernel does not show it. The gate is
``energy <= saved`` or ``energy <= V0``, without a tolerance unless ``factor`` gives one: the
hardest case. A false alarm is a session without any change in which a cell is REGRESSED. A change
is detected if one cell truly takes 10 % more and is REGRESSED, at once or after the number of
rounds that its verdict names.
"""

from __future__ import annotations

import argparse
import random
import statistics
from typing import Any

from greenbench.gates.expression import SAVED, parse
from greenbench.gates.judging import judge
from greenbench.gates.references import References
from greenbench.gates.verdict import Measured, Verdict
from greenbench.results.reading import CellRecord, RunHeader

CHANGED = "T2-V1_cell"


def main() -> None:
    """Simulate and print."""
    options = arguments()
    sessions = options.sessions
    world = World(options)
    alarms = 0
    for _ in range(sessions):
        alarms += any(map(regressed, world.judge_session(options.rounds, 0.0)))
    results = [detect(world, options.rounds, options.change) for _ in range(sessions)]
    detected = sum(hit for hit, _ in results)
    unnamed = sum(not hit and not rounds for hit, rounds in results)
    named = sessions - unnamed
    needed = [rounds for _, rounds in results if rounds]

    gate = f"at most {options.factor:g}*{options.against}"
    noise = f"noise {options.noise:.1%}, state {options.state:.1%}, drift {options.drift:.1%}"
    print(f"{sessions} sessions of {options.cells} cells, {gate}, {noise}, seed {options.seed}")
    print(f"no change: {alarms} sessions with a false alarm ({alarms / sessions:.1%})")
    share = detected / max(1, named)
    print(
        f"a true change of {options.change:+.0%}: detected in {detected} sessions of {named} "
        f"({share:.1%})"
    )
    print(f"no number of rounds was named in {unnamed} sessions")
    if needed:
        median, most = statistics.median(needed), max(needed)
        print(
            f"rounds needed if {options.rounds} were not enough: median {median:.0f}, most {most}"
        )


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--noise",
        type=float,
        default=0.03,
        help="relative standard deviation of a round (default: 0.03)",
    )
    parser.add_argument(
        "--state",
        type=float,
        default=0.0,
        help="relative standard deviation of a state that rounds share (default: 0)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=0.85,
        help="correlation of that state from a round to the next (default: 0.85)",
    )
    parser.add_argument(
        "--drift",
        type=float,
        default=0.0,
        help="relative standard deviation of a session's speed (default: 0)",
    )
    parser.add_argument(
        "--against",
        choices=("saved", "V0"),
        default="saved",
        help="an earlier session, or V0 of the same one",
    )
    parser.add_argument(
        "--factor", type=float, default=1.0, help="what the gate tolerates (default: 1, nothing)"
    )
    parser.add_argument(
        "--change", type=float, default=0.10, help="the true change of one cell (default: 0.10)"
    )
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--cells", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5, help="measured at first (default: 5)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def detect(world: World, rounds: int, change: float) -> tuple[bool, int]:
    """Return whether a change was detected, and how many rounds the first verdict named.

    The number is 0 if it was detected at once, or if none was named.
    """
    first = of_changed(world.judge_session(rounds, change))
    if regressed(first) or not first.rounds_needed:
        return regressed(first), 0
    again = of_changed(world.judge_session(first.rounds_needed, change))
    return regressed(again), first.rounds_needed


def regressed(verdict: Verdict) -> bool:
    """Whether a loss is proven."""
    return verdict.outcome == "REGRESSED"


def of_changed(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict on the cell that was changed."""
    return next(verdict for verdict in verdicts if verdict.cell == CHANGED)


class World:
    """Draws sessions."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Keep how large each kind of noise is."""
        self._noise = options.noise
        self._drift = options.drift
        self._state = options.state
        self._memory = options.memory
        self._cells = options.cells
        self._gate = parse(f"energy <= {options.factor}*{options.against}")
        self._current_state = 0.0
        self._random = random.Random(options.seed)

    def judge_session(self, rounds: int, change: float) -> list[Verdict]:
        """Return the verdicts on a session, compared with another one or with its own V0."""
        before = self._session(rounds, 0.0) if self._gate.reference == SAVED else None
        return judge(
            self._gate,
            self._session(rounds, change),
            References(saved=before, saved_name="simulated"),
        )

    def _session(self, rounds: int, change: float) -> dict[str, Measured]:
        self._current_state = self._random.gauss(0, self._state)
        slow = self._random.lognormvariate(0, self._drift)
        # one header object a session: cells of different objects are of different sessions
        header = RunHeader(profile="simulated", environment={"device": "cpu"})
        cells = {}
        for number in range(self._cells):
            name = f"T2-V{number}_cell"
            factor = slow * (1 + change) if name == CHANGED else slow
            record = self._cell(name, rounds, factor, slow)
            cells[name] = Measured(record=record, header=header)
        return cells

    def _cell(self, name: str, rounds: int, factor: float, slow: float) -> CellRecord:
        rate = {"operations_per_second": 1e9 / slow, "operations_per_joule": 1e8 / slow}
        record = {
            "id": name,
            "task": "T2",
            "variant": name.partition("-")[2],
            "status": "ok",
            "model": "simulated",
            "data": {},
            "quality": {},
            "yardstick": {"before": rate, "after": rate},
            "rounds": [self._round(seed, 100 * factor * self._lasting()) for seed in range(rounds)],
        }
        return CellRecord.of(record)

    def _lasting(self) -> float:
        """Return a round's noise: its own, and the state's, which lasts."""
        innovation = self._random.gauss(0, self._state * (1 - self._memory**2) ** 0.5)
        self._current_state = self._memory * self._current_state + innovation
        return self._random.lognormvariate(self._current_state, self._noise)

    def _round(self, seed: int, joules: float) -> dict[str, Any]:
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
