"""Shapley values: exact arithmetic, and from results files to sentences."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from analysis import made
from hypothesis import given
from hypothesis import strategies as st

import greenbench
from greenbench.analysis import attribution
from greenbench.report import attribution as report
from greenbench.report.names import ShortNames

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.analysis.analyse import TaskAnalysis


@st.composite
def games(draw: st.DrawFn) -> tuple[int, dict[frozenset[int], float]]:
    """Draw the joules of all combinations of up to five parts."""
    parts = draw(st.integers(1, 5))
    joules = {}
    for size in range(parts + 1):
        for chosen in itertools.combinations(range(parts), size):
            joules[frozenset(chosen)] = draw(st.floats(0, 1000))
    return parts, joules


def values(parts: int, joules: dict[frozenset[int], float]) -> list[float]:
    """Return what each part adds, by the weights."""
    return [
        sum(weight * joules[chosen] for chosen, weight in own.items())
        for own in attribution.weights(parts)
    ]


@given(games())
def test_shares_sum_to_the_whole(game: tuple[int, dict[frozenset[int], float]]) -> None:
    """Nothing is left over, and nothing counts twice."""
    parts, joules = game
    whole = joules[frozenset(range(parts))] - joules[frozenset()]
    assert sum(values(parts, joules)) == pytest.approx(whole, abs=1e-9)


@given(games())
def test_values_are_the_means_over_all_orders(
    game: tuple[int, dict[frozenset[int], float]],
) -> None:
    """The definition: what a part adds when it is turned on, in every order of the parts."""
    parts, joules = game
    added = [0.0] * parts
    orders = list(itertools.permutations(range(parts)))
    for order in orders:
        for place, part in enumerate(order):
            before = frozenset(order[:place])
            added[part] += (joules[before | {part}] - joules[before]) / len(orders)
    assert values(parts, joules) == pytest.approx(added, abs=1e-9)


def factorial(noise: float, right: dict[str, int]) -> list[dict[str, Any]]:
    """Return all eight combinations of three knob sets; inference gives most, and loses most."""
    factors = {
        "data": (0.5, 1, 1, 1),
        "training": (1, 1, 0.9, 1),
        "inference": (1, 1, 0.9, 0.5),
    }
    means: dict[str, Any] = {}
    for size in range(4):
        for on in itertools.combinations(factors, size):
            joules = list(made.BASE)
            for name in on:
                joules = [j * f for j, f in zip(joules, factors[name], strict=True)]
            means[f"V{len(means)}_{'_'.join(on) or 'baseline'}"] = (on, joules)
    answers = {name: 92 - sum(right[one] for one in on) for name, (on, _) in means.items()}
    return made.session(means, noise=noise, right=answers)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TaskAnalysis:
    """Analyse three knob sets of which inference costs all of the score."""
    cells = factorial(0.01, {"data": 0, "training": 0, "inference": 12})
    folder = made.write(tmp_path_factory.mktemp("factorial"), cells)
    return greenbench.analyse(folder).tasks[0]


def test_a_saving_and_a_loss_are_divided_among_the_parts(task: TaskAnalysis) -> None:
    """Inference gave most of the saving, and all of the loss; the shares sum to 1."""
    energy = next(one for one in task.attributions if one.measure == "energy")
    score = next(one for one in task.attributions if one.measure == "mcc")
    assert energy.cell == score.cell == "T2-V7_data_training_inference"
    assert sum(part.amount.value for part in energy.parts) == pytest.approx(
        energy.whole.value, rel=1e-12
    )
    assert sum(part.share.value for part in energy.parts if part.share) == pytest.approx(
        1, rel=1e-12
    )
    by_part = {part.part: part for part in energy.parts}
    inference = by_part["T2-V3_inference"].amount
    # 15 J of its own stage and, averaged over the orders, 0.1 * 60 * (1 + 0.9) / 2 of training
    assert inference.value == pytest.approx(15 + 5.7, rel=0.02)
    assert inference.low < 20.7 < inference.high
    assert [part.amount.value for part in score.parts] == pytest.approx([0, 0, -0.24], abs=1e-9)
    assert score.parts[2].share is not None
    assert score.parts[2].share.value == pytest.approx(1)


def test_the_sentence_names_who_gave_the_saving_and_the_loss(task: TaskAnalysis) -> None:
    """As one would say it."""
    (text,) = report.sentences(task, ShortNames(task.cells))
    assert text.startswith("V7 saves 30.")
    assert "V3 gave 68 % (" in text
    assert "and 100 % (100 to 100) of the loss of 0.24 mcc." in text


def test_combinations_that_were_not_measured_are_named(tmp_path: Path) -> None:
    """Without one of the pairs nothing is divided among three, only among two."""
    cells = factorial(0.01, {"data": 0, "training": 0, "inference": 2})
    del cells[6]
    (task,) = greenbench.analyse(made.write(tmp_path, cells)).tasks
    (exclusion,) = task.not_attributed
    assert exclusion.reason == (
        "it is divided among its parts only if these are measured: T2-V2_training with "
        "T2-V3_inference"
    )
    divided = {one.cell for one in task.attributions}
    assert divided == {"T2-V4_data_training", "T2-V5_data_inference"}


def test_a_saving_that_is_not_shown_has_no_shares(tmp_path: Path) -> None:
    """A share of what may be nothing means nothing."""
    same = {
        "V0_baseline": ((), made.BASE),
        "V1_data": (("data",), made.BASE),
        "V2_training": (("training",), made.BASE),
        "V5_data_training": (("data", "training"), made.BASE),
    }
    cells = made.session(same, noise=0.02)
    (task,) = greenbench.analyse(made.write(tmp_path, cells)).tasks
    assert [part.share for part in task.attributions[0].parts] == [None, None]
    (text,) = report.sentences(task, ShortNames(task.cells))
    assert text == "V5 is not shown to take other energy than V0: there is nothing to divide."
