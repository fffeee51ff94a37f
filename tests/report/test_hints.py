"""Hints name the tasks that lack V0."""

from __future__ import annotations

import pytest
from report.sessions import cell

from greenbench.report import hints


@pytest.mark.parametrize("name", ["V0_baseline", "V0_plain"])
def test_v0_of_any_name_is_no_missing_baseline(name: str) -> None:
    """A task that ran with V0 has no hint, one that ran without it has."""
    records = [cell(f"T2-{name}", [1.0]), cell("T2-V1_x", [1.0])]
    assert hints.baseline_hints(records, []) == []
    (hint,) = hints.baseline_hints([*records, cell("T1-V1_x", [1.0])], [])
    assert hint.startswith("V0 of T1 is not in this session")
