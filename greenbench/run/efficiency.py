"""Joules by work done: per sample, per thousand tokens, and per output that is right.

Inference joules are divided by what inference did, training joules by what training read. A stage
that was repeated because it was too short to measure is taken from its repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.stats.uncertainty import (
    OTHER_CHANNELS,
    RoundValues,
    added,
    energy_values,
    gross_causes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.types import Energy, Round


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
