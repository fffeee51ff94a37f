"""What shows how far a session is: in a log from time to time, on a terminal as far as it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import stub_suite
from stub_suite import run_here

from greenbench.report.progress import _fitting, _line

if TYPE_CHECKING:
    import pytest


def test_a_line_has_what_fits() -> None:
    """The phase stays; parts are whole, and the first ones go first."""
    parts = ["block 1 of 2", "about 0:01:00 left", "0:00:30 elapsed"]
    whole = "T2-V0_a: training | block 1 of 2 | about 0:01:00 left | 0:00:30 elapsed"
    assert _fitting("T2-V0_a: training", parts, 100) == whole
    assert _fitting("T2-V0_a: training", parts, len(whole) - 1) == whole.rpartition(" | ")[0]
    assert _fitting("T2-V0_a: training", parts, 20) == "T2-V0_a: training"
    assert _fitting("T2-V0_a: training", parts, 12) == "training"


def test_a_log_names_the_cell_that_runs() -> None:
    """Nothing is written where nothing runs."""
    assert _line("T2-V0_a: training", ["block 1 of 2", "0:00:30 elapsed"]) == (
        "T2-V0_a: block 1 of 2; 0:00:30 elapsed"
    )
    assert _line("T2-V0_a: training", []) == ""
    assert _line("", ["block 1 of 2", "0:00:30 elapsed"]) == "block 1 of 2; 0:00:30 elapsed"


def test_a_long_phase_is_not_silent_in_a_log(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal a plain line comes from time to time, also in the middle of a phase."""
    stub_suite.write(pytester.path)
    monkeypatch.setenv("STUB_SCORING", "0.25")
    monkeypatch.setattr("greenbench.report.progress.PERIOD_S", 0.1)
    output = run_here(pytester, "--green-rounds=2", "-k", "V0 or V1_")
    output.assert_outcomes(passed=4, deselected=1)
    output.stdout.fnmatch_lines(
        [
            "greenbench: T2-V0_baseline: block 1 of 2; *elapsed; next T2-V1_fast, T2-V0_baseline",
            "greenbench: T2-V1_fast: block 1 of 2; about * left; * elapsed; * J so far; next T2-*",
        ]
    )
