"""A round whose training was not repeated: what was measured, and what was recorded before."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from greenbench.stats.uncertainty import RANDOM
from greenbench.types import CHANNELS, Applied, Energy, Round, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

STAGE = "training"
PEAKS = ("peak_memory_bytes", "peak_gpu_memory_bytes")


def with_training(one_round: Round, recorded: Window, peaks: Mapping[str, int | None]) -> Round:
    """Return the round with a training that was recorded before.

    Its joules and seconds are added to those of the round as a whole, its window takes its place
    after that of the architecture, and a peak of memory is that of both. Proofs of its knobs say
    that they are of the recorded one.
    """
    whole = one_round.whole
    applied = [_of_recorded(proof) for proof in one_round.applied]
    work = dict(one_round.work)
    for name in PEAKS:
        work[name] = _larger(work.get(name), peaks.get(name))
    return replace(
        one_round,
        whole=replace(
            whole,
            seconds=whole.seconds + recorded.seconds,
            energy=sum_of(whole.energy, recorded.energy),
        ),
        windows=_inserted(one_round.windows, replace(recorded, state="reused")),
        work=work,
        applied=tuple(applied),
    )


def sum_of(measured: Energy, recorded: Energy) -> Energy:
    """Return the joules of two windows of one instrument; unknown where either is unknown.

    What strikes each window anew is combined in quadrature, all else is common to both: it adds.
    """
    joules = {}
    reasons = {**recorded.reasons, **measured.reasons}
    uncertainty = {}
    for channel in CHANNELS:
        here, before = measured.joules(channel), recorded.joules(channel)
        joules[f"{channel}_j"] = None if here is None or before is None else here + before
        if here is not None and before is None:
            why = recorded.reasons.get(channel, "no reason was recorded")
            reasons[channel] = f"unknown in the recorded training: {why}"
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


def _inserted(windows: tuple[Window, ...], training: Window) -> tuple[Window, ...]:
    stages = [window.stage for window in windows]
    place = stages.index("architecture") + 1 if "architecture" in stages else len(stages)
    return (*windows[:place], training, *windows[place:])


def _of_recorded(proof: Applied) -> Applied:
    if proof.stage != STAGE:
        return proof
    return replace(proof, how=f"{proof.how}; of the recorded training, which was not repeated")


def _larger(here: int | None, before: int | None) -> int | None:
    return None if here is None or before is None else max(here, before)
