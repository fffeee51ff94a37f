"""Paper has V0 and the variants of least energy, and says how many it leaves out."""

from __future__ import annotations

import re

import pytest
from report.page.parsed import ParsedPage, leave_out_charts
from report.page.test_contents import MADE, data_of
from report.sessions import cell

from greenbench.report.page.contents import page
from greenbench.report.page.figures import TALLEST, is_tall
from greenbench.report.page.matrix import MOST_PRINTED


def test_what_saves_most_is_printed_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """V0 is the last one of the file here, and a cell without joules has no claim to paper."""
    leave_out_charts(monkeypatch)
    joules = {f"V{number}_x": 100.0 - 3 * number for number in range(1, 25)}
    records = [cell(f"T2-{name}", [value]) for name, value in joules.items()]
    records += [cell("T2-V30_x", [None]), cell("T2-V0_baseline", [100.0])]
    html = page([data_of(records)], made=MADE)
    left_out = re.findall(r'<tr class="unprinted"><th scope="row">(\w+)', html)
    dearest = sorted(joules, key=joules.__getitem__)[MOST_PRINTED - 1 :]
    assert sorted(left_out) == sorted([*dearest, "V30_x"])
    assert f"Printed: {MOST_PRINTED} of 26 variants" in ParsedPage(html).text("p")


@pytest.mark.parametrize(("height", "tall"), [(TALLEST, False), (TALLEST + 1, True)])
def test_a_drawing_that_is_taller_than_a_page_is_known(height: int, tall: bool) -> None:  # noqa: FBT001
    """Its height stands in its first tag; without one it is not tall."""
    svg = f'<svg width="340" height="{height}"><rect height="5000"/></svg>'
    assert is_tall(svg) == tall
    assert not is_tall("<svg></svg>")
