"""What others counted of a run's allocations: Slurm by its accounting, Cray by the node's counters.

It is a check of greenbench's joules, and replaces none. It holds what greenbench counts and more:
imports, set-up and scoring, and whatever else draws power there. So it may be larger by any factor;
it may not be smaller.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from greenbench.errors import UsageError
from greenbench.results.fields import Fields, amount, amounts
from greenbench.results.files import write_atomically
from greenbench.results.json_files import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenbench.results.record import Json

SCHEMA = 1
FILES = "allocations_*.json"
COVERAGE = 2.0
"""Of the standard uncertainties, which are added up as if all windows erred alike."""
ROUNDING_J = 1.0
"""Slurm and Cray give whole joules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedJoules:
    """What one other counter says of an allocation."""

    source: str
    """``slurm:acct_gather_energy/rapl``, ``cray:pm_counters``."""
    channels: tuple[str, ...] = ()
    """What of greenbench's it contains."""
    joules: float | None = None
    reason: str = ""
    """Why it counted nothing; empty if it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationEnergy:
    """The joules of the job of a run: greenbench's own, and others'."""

    job: str
    place: str
    """What was allocated: ``slurm 4711 on node7``."""
    counted: tuple[CountedJoules, ...]
    measured_j: dict[str, float]
    """By channel: all windows of all rounds, without what was estimated or simulated."""
    uncertainty_j: dict[str, float]
    """Sums of their standard uncertainties."""

    @property
    def is_known(self) -> bool:
        """Whether each of the others counted joules."""
        return all(one.joules is not None for one in self.counted)

    def disagreements(self) -> list[str]:
        """Say by whom less was counted than greenbench did, beyond its uncertainty."""
        texts = []
        for other in self.counted:
            channels = [name for name in other.channels if name in self.measured_j]
            if other.joules is None or not channels:
                continue
            ours = sum(self.measured_j[name] for name in channels)
            unsure = sum(self.uncertainty_j.get(name, 0.0) for name in channels)
            half = COVERAGE * unsure + ROUNDING_J
            if ours - half > other.joules:
                named = " + ".join(channels)
                texts.append(
                    f"{self.job} ({self.place}): greenbench counted {ours:.4g} +- {half:.2g} J "
                    f"({named}), and {other.source} {other.joules:.4g} J, which should hold it"
                )
        return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRun:
    """The allocations of a run that machines of one class had."""

    run: str
    allocations: tuple[AllocationEnergy, ...]

    def write(self, folder: Path) -> None:
        """Write it beside the results files of the run; raises OSError."""
        contents: Json = {"allocations_schema": SCHEMA, "run": self.run}
        contents["allocations"] = [asdict(one) for one in self.allocations]
        write_atomically(folder / f"allocations_{self.run}.json", json.dumps(contents, indent=1))

    def __str__(self) -> str:
        """Say by whom how many joules were counted, of how many allocations, or why none were."""
        sums: dict[str, list[float]] = {}
        reasons: dict[str, int] = {}
        for allocation in self.allocations:
            for one in allocation.counted:
                if one.joules is None:
                    reasons[one.reason] = reasons.get(one.reason, 0) + 1
                else:
                    sums.setdefault(one.source, []).append(one.joules)
        words = []
        for source, joules in sums.items():
            words.append(f"{source} counted {sum(joules):.4g} J of {len(joules)} allocations")
        for reason, count in reasons.items():
            words.append(f"no cross-check of {count} allocations: {reason}")
        words += self.disagreements()
        return "; ".join(words)

    def disagreements(self) -> list[str]:
        """Say of which allocations less was counted than greenbench did."""
        texts = []
        for allocation in self.allocations:
            texts += allocation.disagreements()
        return texts


def load_counted(folder: Path) -> dict[str, CountedRun]:
    """Return what is known of allocations in ``folder``, by run; raises UsageError."""
    found = {}
    for path in sorted(folder.glob(FILES)):
        try:
            data = read_json(path)
        except ValueError as error:
            raise UsageError(
                f"{path}: says nothing of allocations ({error}); delete it, and `greenbench fetch` "
                "writes it again"
            ) from error
        fields = Fields(data, str(path))
        schema = fields.integer("allocations_schema")
        if not 1 <= schema <= SCHEMA:
            fields.refuse(f"allocations_schema {schema}", f"one from 1 to {SCHEMA}")
        run = fields.text("run")
        found[run] = CountedRun(run=run, allocations=fields.each("allocations", _allocation))
    return found


def _allocation(fields: Fields) -> AllocationEnergy:
    return AllocationEnergy(
        job=fields.text("job"),
        place=fields.text("place"),
        counted=fields.each("counted", _counted),
        measured_j=amounts(fields, "measured_j"),
        uncertainty_j=amounts(fields, "uncertainty_j"),
    )


def _counted(fields: Fields) -> CountedJoules:
    return CountedJoules(
        source=fields.text("source"),
        channels=fields.texts("channels"),
        joules=amount(fields, "joules"),
        reason=fields.text("reason", ""),
    )


def noted(texts: Sequence[str], shown: int = 3) -> str:
    """Return disagreements as one warning; empty without any."""
    if not texts:
        return ""
    more = len(texts) - shown
    named = "; ".join(texts[:shown]) + (f"; and {more} allocations more" if more > 0 else "")
    return f"counters disagree, so doubt these joules: {named}"
