"""A round with a stage that was taken over: what was measured, and what was recorded before."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from greenbench.stats.uncertainty import RANDOM
from greenbench.types import ALL_CHANNELS, REUSABLE, Applied, Energy, Round, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

PEAKS = ("peak_memory_bytes", "peak_gpu_memory_bytes")
PRECEDING = {"training": "architecture"}
"""By stage: the one whose first window its own follows; others come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A stage as it was measured before."""

    window: Window
    repeats: tuple[Window, ...] = ()
    """What it took by the repeats, if it was too short for the counters."""
    proofs: tuple[Applied, ...] = ()
    """Of the knobs that were read while it ran."""
    peaks: Mapping[str, int | None]
    """Highest memory until its end, in bytes, by the name of its count of work."""

    @property
    def energy(self) -> Energy:
        """Joules of the run; of a repeat where a counter resolved that alone."""
        energy = self.window.energy
        for repeat in self.repeats:
            if len(repeat.energy.scope) > len(energy.scope):
                energy = repeat.energy
        return energy


def with_run(one_round: Round, recorded: RecordedRun) -> Round:
    """Return the round with a stage that was recorded before.

    Its joules and seconds are added to those of the round as a whole, its windows take their place
    among the others, and a peak of memory is that of both. Proofs of its knobs are the recorded
    ones, and say so.
    """
    whole = one_round.whole
    window = replace(recorded.window, state="reused")
    seconds = whole.seconds + window.seconds
    name = REUSABLE[window.stage]
    energy = sum_of(whole.energy, recorded.energy, name)
    work = dict(one_round.work)
    for name in PEAKS:
        work[name] = _larger(work.get(name), recorded.peaks.get(name))
    repeats = [replace(repeat, state="reused") for repeat in recorded.repeats]
    return replace(
        one_round,
        whole=replace(whole, seconds=seconds, energy=energy),
        windows=_inserted(one_round.windows, window),
        repeats=(*repeats, *one_round.repeats),
        work=work,
        applied=_with_proofs(one_round.applied, recorded.proofs),
    )


def sum_of(measured: Energy, recorded: Energy, name: str) -> Energy:
    """Return the joules of two windows of one instrument; unknown where either is unknown.

    What strikes each window anew is combined in quadrature, all else is common to both: it adds.
    ``name`` is what reasons call the recorded one.
    """
    joules = {}
    reasons = {**recorded.reasons, **measured.reasons}
    uncertainty = {}
    for channel in ALL_CHANNELS:
        here, before = measured.joules(channel), recorded.joules(channel)
        joules[f"{channel}_j"] = None if here is None or before is None else here + before
        if here is not None and before is None:
            why = recorded.reasons.get(channel, "no reason was recorded")
            reasons[channel] = f"unknown in the recorded {name}: {why}"
        if joules[f"{channel}_j"] is not None:
            uncertainty[channel] = _combined(
                measured.uncertainty_j.get(channel, {}), recorded.uncertainty_j.get(channel, {})
            )
    return Energy(
        **joules,
        sources=measured.sources,
        reasons=reasons,
        uncertainty_j=uncertainty,
        idle_j=_added(measured.idle_j, recorded.idle_j),
        idle_uncertainty_j=_added(measured.idle_uncertainty_j, recorded.idle_uncertainty_j),
        coarse=measured.coarse,
        doubts=tuple(dict.fromkeys((*measured.doubts, *recorded.doubts))),
    )


def _combined(here: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    combined = {}
    for cause in {**here, **before}:
        both = here.get(cause, 0.0), before.get(cause, 0.0)
        combined[cause] = math.hypot(*both) if cause in RANDOM else sum(both)
    return combined


def _added(here: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """Add up what is known of both."""
    return {channel: here[channel] + before[channel] for channel in here if channel in before}


def _inserted(windows: tuple[Window, ...], recorded: Window) -> tuple[Window, ...]:
    stages = [window.stage for window in windows]
    preceding = PRECEDING.get(recorded.stage)
    place = stages.index(preceding) + 1 if preceding in stages else 0
    return (*windows[:place], recorded, *windows[place:])


def _with_proofs(live: tuple[Applied, ...], recorded: tuple[Applied, ...]) -> tuple[Applied, ...]:
    """Return the live proofs, with the recorded ones in the places of their knobs."""
    of_recorded = {}
    for proof in recorded:
        name = REUSABLE[proof.stage]
        how = f"{proof.how}; of the recorded {name}, which was not repeated"
        of_recorded[proof.stage, proof.knob] = replace(proof, how=how)
    proofs = []
    for proof in live:
        knob = proof.stage, proof.knob
        proofs.append(of_recorded.get(knob, proof))
    return tuple(proofs)


def _larger(here: int | None, before: int | None) -> int | None:
    return None if here is None or before is None else max(here, before)
