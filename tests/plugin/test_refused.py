"""What cannot run is named before the first cell is measured, all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import function_suite
import pytest
import stub_suite

if TYPE_CHECKING:
    from pathlib import Path

PICKY = function_suite.NEAREST.replace(
    "    points, labels = data.train\n",
    "    points, labels = data.train\n"
    "    if options.steps == 4:\n"
    "        raise ValueError('this device has no 4 steps; 8 would work')\n",
)
VARIANTS = {**function_suite.VARIANTS, "V3_both": "training:\n  steps: 4\n  rate: 0.4\n"}
COUNTED = "greenbench: 2 of 4 cells cannot run here and will fail"
NAMED = "greenbench: T3-V1_half and T3-V3_both: *this device has no 4 steps; 8 would work*"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a suite two of whose four variants fail as soon as they train."""
    function_suite.write(tmp_path, PICKY, VARIANTS)
    return tmp_path


@pytest.mark.parametrize("workers", [(), ("-n1",)])
def test_all_of_it_is_said_once_before_a_cell_is_measured(
    folder: Path, workers: tuple[str, ...]
) -> None:
    """The other cells are measured all the same, also where workers measure."""
    run = stub_suite.run(folder, "--green-rounds=1", "--green-verbose", *workers)
    run.assert_outcomes(passed=2, failed=2)
    run.stdout.fnmatch_lines([COUNTED, NAMED])
    lines = run.outlines
    assert lines.count(COUNTED) == 1
    if not workers:
        measured = [line for line in lines if line.startswith("greenbench: T3-V0_baseline: ")]
        assert lines.index(COUNTED) < lines.index(measured[0])


def test_a_session_that_ends_at_the_first_failure_measures_nothing(folder: Path) -> None:
    """With -x no cell is measured before one that is known to fail."""
    run = stub_suite.run(folder, "--green-rounds=1", "-x")
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    output = "\n".join([*run.outlines, *run.errlines])
    assert "2 of 4 cells cannot run here and will fail; --maxfail=1 (-x) would end" in output
    assert "this device has no 4 steps; 8 would work" in output
    assert not list((folder / "results").glob("*.json"))
