"""Prefill and decoding: two phases of inference, the second by what the first leaves."""

from __future__ import annotations

import pytest

from greenbench.run.efficiency import phase_values
from greenbench.types import PREFILL, Energy, Round, Window


def window(stage: str, joules: float | None, seconds: float) -> Window:
    """Return a window with the uncertainties of a counter and of a model."""
    if joules is None:
        return Window(stage=stage, seconds=seconds, energy=Energy())
    uncertainty = {"cpu": {"edges": 3.0, "model": 0.1 * joules}}
    return Window(
        stage=stage, seconds=seconds, energy=Energy(cpu_j=joules, uncertainty_j=uncertainty)
    )


def one_round(prefill: float | None = 4.0) -> Round:
    """Return a round whose inference takes 10 J in 5 s, and a pass of prefill after it."""
    inference = window("inference", 10.0, 5.0)
    repeats = (window(PREFILL, prefill, 1.0),)
    return Round(seed=0, whole=inference, windows=(inference,), repeats=repeats)


def test_decoding_is_what_prefill_leaves_of_inference() -> None:
    """Independent uncertainties combine in quadrature, common ones cancel as far as alike."""
    phases = phase_values([one_round(), one_round()])
    prefill, decode = phases[PREFILL], phases["decode"]
    assert prefill["total_j"].values == (4.0, 4.0)
    assert prefill["seconds"].values == (1.0, 1.0)
    assert decode["total_j"].values == (6.0, 6.0)
    assert decode["seconds"].values == (4.0, 4.0)
    causes = decode["total_j"].causes[0]
    assert causes["edges"] == pytest.approx(18**0.5)
    assert causes["model"] == pytest.approx(0.6)


def test_phases_are_unknown_unless_every_round_has_both() -> None:
    """A pass that failed, or that other channels measured, leaves nothing to subtract."""
    inference = window("inference", 10.0, 5.0)
    alone = Round(seed=0, whole=inference, windows=(inference,))
    assert phase_values([one_round(), alone]) == {}
    assert phase_values([one_round(None)]) == {}
    assert phase_values([]) == {}
