"""Joules by work done: per sample, per thousand tokens, and per output that is right.

Inference joules are held against what inference did, training joules against what training read. A stage that was repeated
because it was too short to measure is taken from its repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenbench.stats.uncertainty import added, energies, gross_causes, over_rounds
from greenbench.types import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from greenbench.types import Energy, Round


def stage_energy(one: Round, stage: str) -> Energy | None:
    """Return the energy of a stage in a round, of its repeats where there are any; None where it did not run."""
    windows = [w for w in one.repeats if w.stage == stage] or [
        w for w in one.windows if w.stage == stage
    ]
    return added([w.energy for w in windows]) if windows else None


def stages(rounds: Sequence[Round]) -> dict[str, dict[str, Quantity]]:
    """Return seconds and joules of each stage that every round ran."""
    names = dict.fromkeys(w.stage for r in rounds for w in r.windows)
    found = {}
    for name in names:
        each = [e for r in rounds if (e := stage_energy(r, name)) is not None]
        if len(each) == len(rounds):
            seconds = [sum(w.seconds for w in r.windows if w.stage == name) for r in rounds]
            found[name] = {"seconds": over_rounds(seconds, [{} for _ in rounds]), **energies(each)}
    return found


def efficiency(rounds: Sequence[Round]) -> dict[str, Quantity]:
    """Return the joules by work done of a cell's rounds."""
    return {
        "j_per_sample": _per(
            rounds, "inference", "samples scored", lambda r: r.work.get("samples_scored")
        ),
        "j_per_correct": _per(rounds, "inference", "outputs that are right", lambda r: r.correct),
        "j_per_1k_tokens_training": _per(
            rounds, "training", "tokens in training", _thousands("tokens_training")
        ),
        "j_per_1k_tokens_inference": _per(
            rounds,
            "inference",
            "tokens in inference",
            _thousands("tokens_inference", "tokens_generated"),
        ),
    }


def _thousands(*names: str) -> Callable[[Round], float | None]:
    return lambda one: sum(one.work.get(n) or 0 for n in names) / 1000 or None


def _per(
    rounds: Sequence[Round], stage: str, what: str, amount: Callable[[Round], float | None]
) -> Quantity:
    pairs = [(stage_energy(r, stage), amount(r)) for r in rounds]
    known = [(e, n) for e, n in pairs if e is not None and e.total_j is not None and n]
    if len(known) < len(pairs) or not known:
        return Quantity(
            value=None,
            reason=f"{len(pairs) - len(known)} of {len(pairs)} rounds have no joules or no {what}",
        )
    if len({e.scope for e, _ in known}) > 1:
        return Quantity(value=None, reason="the rounds do not know the same channels")
    joules = [(e.total_j or 0.0) / n for e, n in known]
    causes: list[Mapping[str, float]] = [
        {k: u / n for k, u in gross_causes(e, e.scope).items()} for e, n in known
    ]
    return over_rounds(joules, causes)
