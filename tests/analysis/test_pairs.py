"""Pairs of knob sets: a planted interaction is found where it is, and nowhere else."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from analysis import made

import greenbench
from greenbench.analysis.pairs import pair_effects
from greenbench.report import pairs as report
from tools import additivity_check

if TYPE_CHECKING:
    from pathlib import Path

FACTORS = {
    "data": (0.5, 1, 1, 1),
    "training": (1, 1, 0.6, 1),
    "inference": (1, 1, 1, 0.7),
    "architecture": (1, 1.5, 1, 0.8),
    "capped": (0.9, 0.9, 0.9, 0.9),
}


def cells(combinations: list[tuple[str, ...]]) -> list[dict[str, Any]]:
    """Return a session in which training and inference take a quarter more in training."""
    means: dict[str, Any] = {}
    for on in combinations:
        joules = np.array(made.BASE)
        for name in on:
            joules = joules * FACTORS[name]
        if {"training", "inference"} <= set(on):
            joules[2] *= 1.25
        means[f"V{len(means)}_{'_'.join(on) or 'baseline'}"] = (on, joules.tolist())
    return made.session(means, noise=0.01)


def test_a_planted_pair_is_found_in_its_stage_alone(tmp_path: Path) -> None:
    """All 16 combinations of four knob sets: 24 pairs and stages, one of which interacts."""
    names = ("data", "training", "inference", "architecture")
    sizes = range(5)
    chosen = [on for size in sizes for on in itertools.combinations(names, size)]
    (task,) = greenbench.analyse(made.write(tmp_path, cells(chosen))).tasks
    assert len(task.pairs) == 24
    (found,) = [one for one in task.pairs if one.verdict != "additive"]
    assert (found.first.stage, found.second.stage, found.stage) == (
        "inference",
        "training",
        "training",
    )
    assert found.verdict == "sub-additive"
    assert found.change.value == pytest.approx(1.25, rel=0.01)
    (text,) = report.sentences(task)
    assert text.startswith("Knobs interact: inference with training in training (1.25 (")
    assert text.endswith("23 are additive within 5 %, and 0 cannot be told.")


def test_half_a_factorial_design_of_five_stages_tells_all_pairs(tmp_path: Path) -> None:
    """Sixteen of 32 cells, those with an even number of knob sets: V0, and none alone."""
    sizes = (0, 2, 4)
    chosen = [on for size in sizes for on in itertools.combinations(FACTORS, size)]
    (task,) = greenbench.analyse(made.write(tmp_path, cells(chosen))).tasks
    assert len(task.pairs) == 40
    found = [one for one in task.pairs if not 0.95 < one.change.value < 1.05]
    assert [(one.first.stage, one.second.stage, one.stage) for one in found] == [
        ("inference", "training", "training")
    ]


def test_what_the_cells_cannot_tell_apart_is_left_out() -> None:
    """V6 joins three knob sets: of their pairs only the one of V5 is known by itself."""
    random = np.random.default_rng(1)
    session = additivity_check.KnownSession("matrix", "none", "white", 3, random)
    evidence = session.evidence()
    fitted = additivity_check.fit_stages(evidence, "energy")
    assert not isinstance(fitted, str)
    pairs = {(one.first.stage, one.second.stage) for one in pair_effects(fitted, evidence)}
    assert pairs == {("data", "training")}
