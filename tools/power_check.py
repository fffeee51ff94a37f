"""Simulate sessions through greenbench's own verdicts, and print how often they are wrong and how often they find a change.

    python tools/power_check.py                          # the noise that docs/statistics.md tells of
    python tools/power_check.py --noise 0.03 --drift 0.02 --sessions 1000 --cells 20

A session has ``cells`` cells of ``rounds`` rounds. Each round's joules are its cell's mean times lognormal noise. A drift is
the machine's own, common to a session, and the yardstick sees it; a state lasts over rounds and cells, and it does not. The
gate is ``energy <= saved`` or ``energy <= V0``, without a tolerance unless ``factor`` gives one: the hardest case. False
alarms: sessions without any change in which some cell is REGRESSED. Found: sessions in which one cell truly takes 10 % more
and is REGRESSED, at once or after the rounds that the verdict asks for.
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

HEADER = {"profile": "simulated", "environment": {"device": "cpu"}}
CHANGED = "T2-V1_cell"


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--noise",
        type=float,
        default=0.03,
        help="standard deviation of a round, as a part (default: 0.03)",
    )
    parser.add_argument(
        "--state",
        type=float,
        default=0.0,
        help="standard deviation of a state that rounds share (default: 0)",
    )
    parser.add_argument(
        "--memory",
        type=float,
        default=0.85,
        help="of that state from a round to the next (default: 0.85)",
    )
    parser.add_argument(
        "--drift",
        type=float,
        default=0.0,
        help="standard deviation of a session's own speed (default: 0)",
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
    parser.add_argument("--rounds", type=int, default=5, help="of the first look (default: 5)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    world = World(asked)
    alarms = sum(
        any(v.outcome == "REGRESSED" for v in world.compared(asked.rounds, 0.0))
        for _ in range(asked.sessions)
    )
    looks = [found(world, asked.rounds, asked.change) for _ in range(asked.sessions)]
    needed = sorted(rounds for _, rounds in looks if rounds)
    unnamed = sum(not hit and not rounds for hit, rounds in looks)
    noise = f"noise {asked.noise:.1%}, state {asked.state:.1%}, drift {asked.drift:.1%}"
    gate = f"at most {asked.factor:g}*{asked.against}"
    print(f"{asked.sessions} sessions of {asked.cells} cells, {gate}, {noise}, seed {asked.seed}")
    print(f"no change: {alarms} sessions with a false alarm ({alarms / asked.sessions:.1%})")
    hits, asked_for = sum(hit for hit, _ in looks), asked.sessions - unnamed
    print(
        f"a true change of {asked.change:+.0%}: found in {hits} sessions of {asked_for} ({hits / max(1, asked_for):.1%})"
    )
    print(f"no number of rounds was named in {unnamed} sessions")
    if needed:
        print(
            f"rounds asked for where {asked.rounds} were not enough: median {statistics.median(needed):.0f}, most {needed[-1]}"
        )


def found(world: World, rounds: int, change: float) -> tuple[bool, int]:
    """Return whether a change was found, at once or with the rounds that were asked for, and how many those were."""
    first = of_changed(world.compared(rounds, change))
    if first.outcome == "REGRESSED" or not first.rounds_needed:
        return first.outcome == "REGRESSED", 0
    again = of_changed(world.compared(first.rounds_needed, change))
    return again.outcome == "REGRESSED", first.rounds_needed


def of_changed(found: list[Verdict]) -> Verdict:
    """Return the verdict on the cell that was changed."""
    return next(v for v in found if v.cell == CHANGED)


class World:
    """Draws sessions."""

    def __init__(self, asked: argparse.Namespace) -> None:
        """Hold what noise there is."""
        self._noise, self._drift, self._cells = asked.noise, asked.drift, asked.cells
        self._gate = parse(f"energy <= {asked.factor}*{asked.against}")
        self._state, self._memory, self._now = asked.state, asked.memory, 0.0
        self._random = random.Random(asked.seed)

    def compared(self, rounds: int, change: float) -> list[Verdict]:
        """Return the verdicts on a session, held against another one or against its own V0."""
        before = self._session(rounds, 0.0) if self._gate.reference == SAVED else None
        return judge(
            self._gate,
            self._session(rounds, change),
            References(saved=before, saved_name="simulated"),
        )

    def _session(self, rounds: int, change: float) -> dict[str, Measured]:
        self._now = self._random.gauss(0, self._state)
        header = RunHeader(**HEADER)
        slow = self._random.lognormvariate(0, self._drift)
        names = [f"T2-V{number}_cell" for number in range(self._cells)]
        factors = [slow * (1 + change * (name == CHANGED)) for name in names]
        return {
            name: Measured(record=self._cell(name, rounds, factor, slow), header=header)
            for name, factor in zip(names, factors, strict=True)
        }

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
        fresh = self._random.gauss(0, self._state * (1 - self._memory**2) ** 0.5)
        self._now = self._memory * self._now + fresh
        return self._random.lognormvariate(self._now, self._noise)

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
