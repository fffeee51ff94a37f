"""Sessions with ``--green-matrix``: another experiment.md than the suite's."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from stub_suite import run_here

if TYPE_CHECKING:
    from pathlib import Path

OTHER_TEST = """

@pytest.mark.greenbench(task="T1")
def test_translation(cell):
    raise AssertionError("the matrix has no such cell")
"""


@pytest.fixture
def other(suite: pytest.Pytester) -> Path:
    """Return an experiment.md without the variant V10, and let the suite test a task it lacks."""
    folder = suite.path / "other"
    shutil.copytree(suite.path / "variants", folder / "variants")
    shutil.rmtree(folder / "variants" / "V10_capped")
    lines = (suite.path / "experiment.md").read_text("utf-8").splitlines()
    kept = [line for line in lines if "V10_capped" not in line]
    (folder / "experiment.md").write_text("\n".join(kept), "utf-8")
    with (suite.path / "bench" / "test_vulnerability.py").open("a", encoding="utf-8") as bench:
        bench.write(OTHER_TEST)
    return folder / "experiment.md"


def test_the_cells_are_those_of_the_other_matrix(suite: pytest.Pytester, other: Path) -> None:
    """Its variants run and no others; a test of a task that it lacks is left out."""
    output = run_here(suite, "--collect-only", "-q", f"--green-matrix={other}")
    assert output.ret == pytest.ExitCode.OK
    listed = [line.partition("[")[2] for line in output.outlines if "::" in line]
    assert listed == ["T2-V0_baseline]", "T2-V1_fast]"]
    output.stdout.fnmatch_lines(["2/3 tests collected (1 deselected)*"])
