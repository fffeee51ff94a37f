"""What a cell's stages took over its rounds, and how far those joules were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenbench.export.tidy import joules_are
from greenbench.stats.uncertainty import added, energies
from greenbench.types import CHANNELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenbench.results.reading import CellRecord
    from greenbench.types import Energy, Quantity

WHOLE = "whole"
MEASURED = "measured"
PARTLY = "partly estimated"
"""Of a sum with a measured channel and one that is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnergy:
    """The mean joules of a stage in a round, by channel and in sum."""

    stage: str
    """``whole`` for the round."""
    quantities: Mapping[str, Quantity]
    """``gpu_j``, ``cpu_j``, ``dram_j``, ``total_j``, and those net of idle."""
    kinds: Mapping[str, str]
    """Of each channel that is known: ``measured``, ``estimated`` or ``simulated``."""
    reused: bool
    """Whether a round took the stage over from an earlier one."""

    @property
    def total(self) -> Quantity:
        """The sum of the known channels."""
        return self.quantities["total_j"]

    @property
    def are(self) -> str:
        """How far the total can be relied on: the channels' word, or ``partly estimated``."""
        kinds = set(self.kinds.values())
        if len(kinds) == 1:
            return kinds.pop()
        return PARTLY if kinds else "unknown"

    def of_kind(self, kind: str) -> dict[str, Quantity]:
        """Return the channels whose joules are of this kind, each with its mean."""
        found = {}
        for channel, known in self.kinds.items():
            if known == kind:
                found[channel] = self.quantities[f"{channel}_j"]
        return found


def limits(record: CellRecord) -> list[str]:
    """Say why a cell's joules are no evidence of what its options save; nothing if they are."""
    sentences = []
    if record.flaw is not None:
        sentences.append(f"{record.flaw.verdict}: {record.flaw.reason}.")
    unapplied: dict[str, None] = {}
    for one_round in record.rounds:
        for proof in one_round.applied:
            if not proof.holds:
                unapplied[f"{proof.stage}.{proof.knob}"] = None
    if unapplied:
        sentences.append(f"Not as requested: {', '.join(unapplied)}.")
    return sentences


def stage_energies(record: CellRecord) -> list[StageEnergy]:
    """Return the whole round and each stage that all rounds ran, in their order."""
    names = dict.fromkeys(window.stage for r in record.rounds for window in r.windows)
    found = []
    whole = [one_round.whole.energy for one_round in record.rounds]
    if whole:
        reused = any(one_round.reused for one_round in record.rounds)
        # Stated at the session's end, the record's own means have the spread of all its rounds.
        quantities = {**energies(whole), **record.energy}
        found.append(_stage(WHOLE, whole, quantities, reused=reused))
    for name in names:
        parts, reused = [], False
        for one_round in record.rounds:
            windows = one_round.stage_windows(name)
            reused = reused or any(window.state == "reused" for window in windows)
            if windows:
                parts.append(added([window.energy for window in windows]))
        if len(parts) == len(record.rounds):
            found.append(_stage(name, parts, energies(parts), reused=reused))
    return found


def _stage(
    name: str, rounds: Sequence[Energy], quantities: Mapping[str, Quantity], *, reused: bool
) -> StageEnergy:
    kinds = {}
    for channel in CHANNELS:
        mean = quantities[f"{channel}_j"]
        words = set()
        for energy in rounds:
            source = energy.sources.get(channel, "none")
            words.add(joules_are(source, energy.joules(channel)))
        if mean.value is not None and len(words) == 1:
            kinds[channel] = words.pop()
    return StageEnergy(stage=name, quantities=quantities, kinds=kinds, reused=reused)
