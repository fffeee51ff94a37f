"""Room for labels: in the chart, off each other and off lines; scales hold their values."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from greenbench.report.charts import labels
from greenbench.report.charts.labels import Box, Span, Spot, placed

SPOTS = st.lists(
    st.builds(Spot, st.floats(0, 400), st.floats(0, 300), st.text("abc", min_size=1, max_size=20)),
    max_size=20,
)


@settings(max_examples=40)
@given(SPOTS)
def test_no_two_labels_overlap_and_none_is_cut(spots: list[Spot]) -> None:
    """Whatever is labelled has room; what has none is left out."""
    sides = placed(spots, 400, 300)
    boxes = [labels._box(spots[number], side) for number, side in sides.items()]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert box.left >= 0
        assert box.right <= 400
        assert box.top >= 0
        assert box.bottom <= 300


def test_a_lonely_point_has_its_label() -> None:
    """A point with free space around it is labelled."""
    assert set(placed([Spot(200, 150, "V7")], 400, 300)) == {0}


def test_a_label_keeps_off_lines_where_it_can_and_stays_where_it_cannot() -> None:
    """A whisker above the point sends the name below; with lines all around it stands on one."""
    spot = Spot(200, 150, "V7")
    above = Box(0, 140, 400, 141)
    (side,) = placed([spot], 400, 300, lines=[above]).values()
    assert side.dy > 0
    assert placed([spot], 400, 300, lines=[Box(0, 0, 400, 300)]) == placed([spot], 400, 300)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=10))
def test_a_scale_holds_its_values_in_their_order(values: list[float]) -> None:
    """Every value lies between 0 and 1, larger ones further on."""
    span = Span.of(values, logarithmic=True)
    places = [span.place(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)


def test_a_scale_is_logarithmic_only_where_that_helps() -> None:
    """Values within a factor of 6 are on a linear scale, and negative ones always."""
    assert not Span.of([1, 5], logarithmic=True).logarithmic
    assert Span.of([1, 7], logarithmic=True).logarithmic
    assert not Span.of([-1, 7], logarithmic=True).logarithmic
