"""A report says what a power sweep found, with n and the source, also without a results file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from report.page.parsed import assert_harmless, leave_out_charts
from results.test_sweep_files import POINTS, point, write

from greenbench.cli import main
from greenbench.report.sweep import answer

if TYPE_CHECKING:
    from pathlib import Path

    from greenbench.stats.curve import Point

CELL = "T2-V0_baseline"
AS_IS = point(100.0)


def test_a_folder_of_nothing_but_sweeps_becomes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the answer, n and the source, and nothing about cells that are not there."""
    leave_out_charts(monkeypatch)
    write(tmp_path / "results")
    file = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "results"), "-o", str(file)]) == 0
    parsed = assert_harmless(file.read_text("utf-8"))
    text = parsed.text("p")
    assert f"Training and inference of {CELL} take least with gpu_power_fraction 0.6" in text
    assert "n = 3 rounds of each point; simulated joules" in text
    assert "1 power sweep" in text
    assert "cell ended" not in text
    assert "0 cells" not in text
    assert "No variant was measured" not in text
    assert "4 points" in parsed.text("summary")


@pytest.mark.parametrize(
    ("points", "sentence"),
    [
        (POINTS, "gpu_power_fraction 0.6: 70.0 +- 2.0 J in 3.9 s; on the machine as it is: 100.0"),
        (POINTS, "1 setting did not hold (not applied: no permission)."),
        ((AS_IS, point(99.0, gpu_power_fraction=0.8)), "They differ by less than their"),
        ((AS_IS, point(120.0, gpu_power_fraction=0.8)), "take least on the machine as it is: 100"),
        (
            (AS_IS, point(90.0, gpu_power_fraction=0.8), point(70.0, 2.6, gpu_power_fraction=0.6)),
            "At most 5 % slower: gpu_power_fraction 0.8, 90.0 +- 2.0 J in 3 s.",
        ),
        ((point(None), point(90.0, gpu_power_fraction=0.8)), "as it is: unknown joules in 3 s."),
        ((point(None), point(None, gpu_power_fraction=0.8)), "no energy is known for any point"),
        ((), "no point was measured"),
    ],
)
def test_the_answer_names_the_setting_of_least_energy_and_what_is_open(
    points: tuple[Point, ...], sentence: str
) -> None:
    """Unknown joules, settings that did not hold and differences within uncertainty are said."""
    assert sentence in answer(CELL, points)
