"""Joules by work done: per sample, per thousand tokens, and per output that is right.

Inference joules are divided by what inference did, training joules by what training read. A stage
that was repeated because it was too short to measure is taken from its repeats.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from greenbench.stats.uncertainty import (
    OTHER_CHANNELS,
    RANDOM,
    RoundValues,
    added,
    energy_values,
    gross_causes,
)
from greenbench.types import PREFILL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.types import Energy, Round, Window


def stage_energy(one_round: Round, stage: str) -> Energy | None:
    """Return the energy of a stage in a round, or of its repeats; None if it did not run."""
    windows = one_round.stage_windows(stage)
    return added([window.energy for window in windows]) if windows else None


def stage_values(rounds: Sequence[Round]) -> dict[str, dict[str, RoundValues]]:
    """Return seconds and joules of each stage that every round ran."""
    names = dict.fromkeys(window.stage for r in rounds for window in r.windows)
    quantities = {}
    for name in names:
        parts = [energy for r in rounds if (energy := stage_energy(r, name)) is not None]
        if len(parts) == len(rounds):
            seconds = tuple(stage_seconds(one_round, name) for one_round in rounds)
            without_causes = RoundValues(values=seconds, causes=({},) * len(rounds))
            quantities[name] = {"seconds": without_causes, **energy_values(parts)}
    return quantities


def phase_values(rounds: Sequence[Round]) -> dict[str, dict[str, RoundValues]]:
    """Return seconds and joules of prefill and decoding; nothing unless every round has both.

    Prefill is a pass of its own after the round, decoding what it leaves of inference.
    """
    read, written = _PhaseValues(), _PhaseValues()
    for one_round in rounds:
        inference = stage_energy(one_round, "inference")
        prefill = _prefill(one_round)
        if inference is None or prefill is None:
            return {}
        if prefill.energy.scope != inference.scope:
            return {}
        read.add(prefill.seconds, prefill.energy)
        seconds = stage_seconds(one_round, "inference") - prefill.seconds
        written.add(seconds, inference, without=prefill.energy)
    return {PREFILL: read.values, "decode": written.values} if rounds else {}


def _prefill(one_round: Round) -> Window | None:
    for window in one_round.repeats:
        if window.stage == PREFILL:
            return window
    return None


class _PhaseValues:
    """What a phase took in each round."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._joules: list[float] = []
        self._causes: list[Mapping[str, float]] = []

    def add(self, seconds: float, energy: Energy, without: Energy | None = None) -> None:
        """Note a round: what ``energy`` has, less what ``without`` has of the same channels.

        Uncertainties that strike each window anew combine in quadrature; common ones cancel as far
        as they are alike.
        """
        self._seconds.append(seconds)
        joules = energy.total_j
        if joules is None:
            return
        causes = dict(gross_causes(energy, energy.scope))
        if without is not None:
            joules -= without.total_j or 0.0
            for cause, part in gross_causes(without, without.scope).items():
                whole = causes.get(cause, 0.0)
                independent = cause in RANDOM
                causes[cause] = math.hypot(whole, part) if independent else abs(whole - part)
        self._joules.append(joules)
        self._causes.append(causes)

    @property
    def values(self) -> dict[str, RoundValues]:
        """Seconds, and joules if every round has some."""
        seconds = tuple(self._seconds)
        found = {"seconds": RoundValues(values=seconds, causes=({},) * len(seconds))}
        if len(self._joules) == len(self._seconds):
            joules = RoundValues(values=tuple(self._joules), causes=tuple(self._causes))
            found["total_j"] = joules
        return found


def stage_seconds(one_round: Round, stage: str) -> float:
    """Return the wall-clock seconds of a stage inside the round's timer."""
    return sum(window.seconds for window in one_round.windows if window.stage == stage)


def efficiency_values(rounds: Sequence[Round]) -> dict[str, RoundValues]:
    """Return the joules by work done of a cell's rounds."""
    trained = _thousands("tokens_training")
    inferred = _thousands("tokens_inference", "tokens_generated")
    return {
        "j_per_sample": _per(rounds, "inference", "samples scored", _samples),
        "j_per_correct": _per(rounds, "inference", "outputs that are right", _correct),
        "j_per_1k_tokens_training": _per(rounds, "training", "tokens in training", trained),
        "j_per_1k_tokens_inference": _per(rounds, "inference", "tokens in inference", inferred),
    }


def _samples(one_round: Round) -> float | None:
    return one_round.work.get("samples_scored")


def _correct(one_round: Round) -> float | None:
    return one_round.judged.correct


def _thousands(*names: str) -> Callable[[Round], float | None]:
    """Return a function that counts the thousands of these tokens in a round; None for none."""

    def count(one_round: Round) -> float | None:
        tokens = sum(one_round.work.get(name) or 0 for name in names)
        return tokens / 1000 or None

    return count


def _per(
    rounds: Sequence[Round], stage: str, what: str, amount: Callable[[Round], float | None]
) -> RoundValues:
    """Return the joules of a stage by an amount of work; none if a round lacks either."""
    joules: list[float] = []
    causes: list[Mapping[str, float]] = []
    scopes = set()
    for one_round in rounds:
        energy, work = stage_energy(one_round, stage), amount(one_round)
        if energy is None or energy.total_j is None or not work:
            continue
        parts = gross_causes(energy, energy.scope)
        joules.append(energy.total_j / work)
        causes.append({cause: uncertainty / work for cause, uncertainty in parts.items()})
        scopes.add(energy.scope)
    lacking = len(rounds) - len(joules)
    if lacking or not joules:
        reason = f"{lacking} of {len(rounds)} rounds have no joules or no {what}"
        return RoundValues(reason=reason if rounds else "no round ended")
    if len(scopes) > 1:
        return RoundValues(reason=OTHER_CHANNELS)
    return RoundValues(values=tuple(joules), causes=tuple(causes))
