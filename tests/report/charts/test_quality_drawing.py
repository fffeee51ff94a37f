"""The front of joules against score, and which cells are drawn."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.analysis.simultaneous import Bounded
from greenbench.report.charts.quality_drawing import MOST, TradeOff, front, most_telling

NUMBERS = st.floats(1, 1000)
POINTS = st.lists(st.tuples(NUMBERS, st.floats(0, 1)), min_size=1, max_size=60)


def points(values: list[tuple[float, float]], *, higher: bool = True) -> list[TradeOff]:
    """Return cells at joules and scores, the first of which is V0."""
    found = []
    for number, (joules, score) in enumerate(values):
        found.append(
            TradeOff(
                cell=str(number),
                name=str(number),
                joules=Bounded(joules, joules, joules),
                score=Bounded(score, score, score),
                on_front=None,
                is_baseline=number == 0,
                higher_is_better=higher,
            )
        )
    return found


def beats(one: TradeOff, other: TradeOff) -> bool:
    """Whether one point takes no more, scores no lower, and differs."""
    as_good = one.joules.value <= other.joules.value and one.score.value >= other.score.value
    return as_good and (one.joules, one.score) != (other.joules, other.score)


@given(POINTS)
def test_the_front_is_what_nothing_beats(values: list[tuple[float, float]]) -> None:
    """No point of the front is beaten, and every other point is beaten or a copy of one on it."""
    cells = points(values)
    found = front(cells)
    kept = {(one.joules, one.score) for one in found}
    for cell in cells:
        is_beaten = any(beats(other, cell) for other in cells)
        assert ((cell.joules, cell.score) in kept) == (not is_beaten)
    assert len(kept) == len(found)


def test_the_front_of_an_error_runs_down() -> None:
    """Of an error, a point that takes more joules is on the front only if it has less of it."""
    cells = points([(10, 0.5), (5, 0.9), (20, 0.2), (30, 0.9)], higher=False)
    assert [one.cell for one in front(cells)] == ["1", "0", "2"]


@settings(max_examples=25)
@given(st.lists(st.tuples(NUMBERS, st.floats(0, 1)), min_size=MOST + 1, max_size=80))
def test_of_many_cells_v0_and_the_front_stay(values: list[tuple[float, float]]) -> None:
    """At most 40 are drawn, V0 among them, and the front before anything else."""
    cells = points(values)
    kept = most_telling(cells)
    assert len(kept) == MOST
    assert cells[0] in kept
    assert {one.cell for one in front(cells)[: MOST - 1]} <= {one.cell for one in kept}
