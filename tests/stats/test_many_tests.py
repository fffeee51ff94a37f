"""P-values that are corrected for their number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from greenbench.stats.many_tests import OneTest, stepped_down


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_between_nothing_and_bonferroni(chances) -> None:
    """Corrected p-values keep the order, between the plain ones and Bonferroni's."""
    corrected = stepped_down(list(map(OneTest, chances)))
    assert all(
        p <= q <= min(1, p * len(chances)) + 1e-12 for p, q in zip(chances, corrected, strict=True)
    )
    order = sorted(range(len(chances)), key=chances.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)


def test_holm_on_a_textbook_case() -> None:
    """The p-values 0.01, 0.04 and 0.03 become 0.03, 0.06 and 0.06."""
    assert stepped_down(list(map(OneTest, [0.01, 0.04, 0.03]))) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize(
    ("cells", "freedom", "critical"),
    [(2, 10, 2.15), (3, 10, 2.34), (4, 10, 2.47), (3, float("inf"), 2.06), (7, float("inf"), 2.34)],
)
def test_cells_against_one_reference_count_by_dunnetts_table(cells, freedom, critical) -> None:
    """His critical values at 5 % (1955, table 1a), of means with equally many rounds."""
    p = float(student.sf(critical, freedom))
    tests = [OneTest(p, "V0", 0.5, freedom)] * cells
    assert stepped_down(tests)[0] == pytest.approx(0.05, abs=0.001)


def test_cells_of_two_references_add_up() -> None:
    """Each reference's cells count together, those of different references by themselves."""
    one = [OneTest(0.01, "T1-V0", 0.5, 20)] * 3
    other = [OneTest(0.01, "T2-V0", 0.5, 20)] * 3
    single = stepped_down(one)[0]
    assert 0.01 < single < 0.03
    assert stepped_down(one + other)[0] == pytest.approx(2 * single)
    assert stepped_down([*one, OneTest(0.01)])[0] == pytest.approx(single + 0.01)


def test_the_first_steps_are_the_hardest() -> None:
    """A clear case does not count for those that are left."""
    clear, open_one = OneTest(1e-7, "V0", 0.5, 20), OneTest(0.02, "V0", 0.5, 20)
    assert stepped_down([clear, open_one])[1] == pytest.approx(0.02)
